"""What can go wrong with the journal itself."""

from __future__ import annotations


class JournalError(Exception):
    """The journal cannot be made or read. The message names the file and the cause."""


class JournalFull(JournalError):
    """No room for new work: the disk or the journal's own bound is reached, and the policy is to refuse."""


class RecordTooLong(JournalError):
    """A record that would fill a large part of a segment by itself."""


class LaterVersion(JournalError):
    """A segment written by a later version of Weir; it is left as it is."""
