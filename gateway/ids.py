"""Identifiers: ULIDs (26 characters, sortable by time), with prefixes where a client sees them."""

from __future__ import annotations

import os

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)  # ten bits at a time


def ulid(wall_ns: int) -> str:
    """48 bits of milliseconds, then 80 random bits (https://github.com/ulid/spec)."""
    bits = (wall_ns // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    pairs = _PAIRS
    return "".join([pairs[bits >> shift & 1023] for shift in range(120, -1, -10)])
