"""Comparisons as the ledger keeps them."""

from __future__ import annotations

from typing import Any

from metering.quality.rows import VerdictRow


def verdict(number: int, **changes: Any) -> VerdictRow:
    """Of request `number`: a judge held the large tier's answer to be better than the one served."""
    known: dict[str, Any] = {
        "id": f"01KAQ{number:021d}",
        "at_us": number,
        "request_id": f"req_{number}",
        "event_id": f"e{number}",
        "tenant": "acme",
        "route": "auto",
        "served": "small",
        "served_tier": "small",
        "served_model": "s",
        "other_tier": "large",
        "other_model": "l",
        "gain": 0.1,
        "threshold": 0.2,
        "known": 1,
        "model_version": "v",
        "verdict": "other",
        "small_good": 0.0,
        "large_good": 1.0,
        "method": "judge",
        "judge_model": "j",
        "cost_nanos": 1,
        "reading": b"\x00\x01%d" % number,
    }
    return VerdictRow(**{**known, **changes})
