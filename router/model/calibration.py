"""Fits a gain model to one pair of models from labelled conversations, and says what it is worth.

Begins from the shipped model's word: its scale is fitted, then what it misses is learned, as far as rows
that were not learned from confirm it. So few rows give the shipped model, rescaled; many give an own model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from router.evaluation import Numbers, decile_error, decile_luck, interval, recovered
from router.model.fitting import RIDGES, Fitted, Places, Rows, fit, rows_of
from router.model.learned import LearnedGain
from router.model.reading import Reading
from router.model.surface import NAMES

FEWEST_ROWS = 50
"""Below, not even the scale can be told from chance."""
FEW_ROWS = 200
"""Below, only the shipped model's scale is fitted."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
PROVEN_SHARE, HALVES = 0.3, 20
_LOG_CHARS = NAMES.index("log_chars")


class TooFewRows(Exception):
    """Nothing can be learned; the message says how many rows there are and how many it takes."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    model: LearnedGain
    report: Mapping[str, Any]


def calibrate(
    shipped: LearnedGain,
    readings: Sequence[Reading],
    small: Sequence[float],
    large: Sequence[float],
    groups: Places | None = None,
    *,
    name: str = "own",
) -> Calibrated:
    """`small` and `large` are how well each answered, 0 to 1. `groups` None: equal readings are one group.
    Rows are taken as they come: whoever has duplicates merges them first (`merged`). Raises TooFewRows."""
    if len(readings) < FEWEST_ROWS:
        raise TooFewRows(
            f"{len(readings)} rows; it takes {FEWEST_ROWS}, and {FEW_ROWS} to learn more than a scale"
        )
    weak, strong = np.asarray(small, np.float64), np.asarray(large, np.float64)
    rows = rows_of(
        shipped.lexicon, readings, strong - weak, same_readings(readings) if groups is None else groups
    )
    ridges = RIDGES if len(readings) >= FEW_ROWS else RIDGES[-1:]
    fitted = fit(shipped.lexicon, rows, _version(name, rows), shipped.head, ridges=ridges)
    return Calibrated(fitted.model, _report(fitted, shipped, readings, rows, weak, strong))


def same_readings(readings: Sequence[Reading]) -> Places:
    """One group per set of words."""
    place: dict[bytes, int] = {}
    return np.array([place.setdefault(each.rows.tobytes(), len(place)) for each in readings], np.int64)


def _version(name: str, rows: Rows) -> str:
    digest = hashlib.sha256(rows.inputs.tobytes() + rows.gains.tobytes()).hexdigest()
    return f"{name}-{len(rows.gains)}-{digest[:8]}"


def _report(
    fitted: Fitted,
    shipped: LearnedGain,
    readings: Sequence[Reading],
    rows: Rows,
    weak: Numbers,
    strong: Numbers,
) -> dict[str, Any]:
    lengths = rows.surfaces[:, _LOG_CHARS].astype(np.float64)
    of_shipped = np.array([shipped.of_reading(reading).gain for reading in readings])
    known = np.array([shipped.of_reading(reading).known for reading in readings])
    own = _worth(fitted.unseen, weak, strong)
    beside = {"shipped": _worth(of_shipped, weak, strong), "longer_prompt": _worth(lengths, weak, strong)}
    return {
        "version": fitted.model.version,
        "lexicon": shipped.lexicon.version,
        "rows": len(weak),
        "groups": len(np.unique(rows.groups)),
        "small_mean": round(float(weak.mean()), 4),
        "large_mean": round(float(strong.mean()), 4),
        "only_scaled": len(weak) < FEW_ROWS,
        "ridge": fitted.ridge,
        "known_to_shipped": round(float(known.mean()), 4),
        "own": own,
        **beside,
        "random": {"apgr": 0.5},
        "beats": {name: _beats(own, other) for name, other in beside.items()},
        "decile_error": round(decile_error(fitted.unseen, rows.gains), 4),
        "decile_luck": round(decile_luck(rows.gains), 4),
        "share_30_on_other_half": round(_other_half(fitted.unseen, rows.groups), 4),
        "thresholds": {f"{share:g}": round(fitted.model.threshold(share), 6) for share in SHARES},
    }


def _worth(scores: Numbers, weak: Numbers, strong: Numbers) -> dict[str, Any]:
    """None for what cannot be told, as where both models are equally good."""
    exact, binned = recovered(scores, weak, strong), recovered(scores, weak, strong, binned=True)
    low, high = interval(scores, weak, strong)
    return {
        "apgr": _plain(exact.apgr),
        "interval": [_plain(low), _plain(high)],
        "cpt50": _plain(exact.cpt50, 2),
        "cpt80": _plain(exact.cpt80, 2),
        "apgr_routellm": _plain(binned.apgr),
    }


def _beats(own: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    if own["apgr"] is None or other["apgr"] is None:
        return None
    better: bool = own["apgr"] > other["apgr"]
    return better


def _other_half(unseen: Numbers, groups: Places) -> float:
    """The share of one half of the groups at or above the other half's threshold for PROVEN_SHARE. A mean of
    several halves: that of one, of 300 rows, is 5 % off by chance."""
    known, member = np.unique(groups, return_inverse=True)
    random, shares = np.random.default_rng(1), []
    for _ in range(HALVES):
        first = (random.permutation(len(known)) % 2 == 0)[member]
        shares.append((unseen[~first] >= np.quantile(unseen[first], 1 - PROVEN_SHARE)).mean())
    return float(np.mean(shares))


def _plain(value: float, digits: int = 4) -> float | None:
    return round(value, digits) if np.isfinite(value) else None
