"""How a request, or one upstream attempt of it, ended: a closed set used in log, metric, ledger and test."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    COMPLETED = "completed"
    """The upstream answered whole and the client was given all of it."""
    ESCALATED = "escalated"
    """The upstream answered whole, and the answer was judged not good enough to be given: a dearer tier's
    was. Of an attempt only; its tokens and its cost stand."""
    CACHED = "cached"
    """Served from the cache; no upstream was asked."""
    CLIENT_GONE = "client_gone"
    """The client left first; the upstream was aborted and what it produced is metered."""
    INTERRUPTED = "interrupted"
    """The gateway stopped (drain deadline, crash) before the answer was whole."""
    UPSTREAM_REFUSED = "upstream_refused"
    """The upstream judged the request itself bad (4xx); passed on, not retried."""
    UPSTREAM_FAILED = "upstream_failed"
    """No answer: connection refused or reset before the first byte, 5xx, 429, a malformed answer."""
    UPSTREAM_TIMEOUT = "upstream_timeout"
    """No first byte, or no further byte, or no end, within its timeout."""
    UPSTREAM_CUT = "upstream_cut"
    """The answer broke off, or stopped making sense, after its first byte."""
    REJECTED = "rejected"
    """The gateway refused before any upstream was asked (bad input, key, model, nothing fits, draining)."""
    FAILED = "failed"
    """The gateway itself failed: a defect, logged with its traceback."""
