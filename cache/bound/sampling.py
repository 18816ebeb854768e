"""Which hits are answered afresh too. Nobody without the secret can tell beforehand, or steer it."""

from __future__ import annotations

from hashlib import blake2b

from cache.bound.audit import MILLION, Promise
from cache.bound.state import PartitionState, suspicion

SERVED_PPM = 20_000
"""Of served hits that are audited while nothing is suspect: 2 %."""
SUSPECT_FACTOR = 10
"""Times as many while a wrong hit is recent. Depends on earlier audits only, so the bound stays valid."""

_DRAW_BYTES = 8
_PERSON = b"weir audit 1"


def drawn(secret: bytes, request_id: str, share_ppm: int) -> bool:
    """Whether this request is audited: the same answer each time for one secret (16 to 64 bytes), id (made
    by the gateway, never by the client) and share."""
    digest = blake2b(request_id.encode(), digest_size=_DRAW_BYTES, key=secret, person=_PERSON).digest()
    return int.from_bytes(digest) * MILLION < share_ppm << (8 * _DRAW_BYTES)


def served_share_ppm(state: PartitionState, promise: Promise, base_ppm: int = SERVED_PPM) -> int:
    """Of served hits to audit now, in parts per million."""
    suspect = suspicion(state.total(), promise) > 0
    return min(MILLION, base_ppm * SUSPECT_FACTOR) if suspect else base_ppm


def is_grey(score: float, threshold: float, band: float) -> bool:
    """Whether a miss is near enough to the threshold to be worth an audit."""
    return threshold - band <= score < threshold
