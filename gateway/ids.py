"""Identifiers: ULIDs (26 characters, sortable by time), with prefixes where a client sees them."""

from __future__ import annotations

from random import getrandbits

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)  # ten bits at a time


def ulid(wall_ns: int) -> str:
    """48 bits of milliseconds, then 80 random bits (https://github.com/ulid/spec). Unique, not secret: the
    bits come from a generator that the system seeds once, since asking the system each time costs as much
    as parsing a request."""
    t, r, pairs = wall_ns // 1_000_000, getrandbits(80), _PAIRS
    return (
        f"{pairs[t >> 40 & 1023]}{pairs[t >> 30 & 1023]}{pairs[t >> 20 & 1023]}{pairs[t >> 10 & 1023]}"
        f"{pairs[t & 1023]}{pairs[r >> 70]}{pairs[r >> 60 & 1023]}{pairs[r >> 50 & 1023]}"
        f"{pairs[r >> 40 & 1023]}{pairs[r >> 30 & 1023]}{pairs[r >> 20 & 1023]}{pairs[r >> 10 & 1023]}"
        f"{pairs[r & 1023]}"
    )
