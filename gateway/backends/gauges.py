"""Reading single gauges out of Prometheus' text format."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gateway.backends.base import Load


def samples(text: str, *names: str) -> list[float]:
    """The values of the first of these metrics that is there, one per label set. Names differ between an
    engine's versions, and replicas of one engine (data-parallel ranks) report side by side."""
    for name in names:
        if found := list(_values(text, name)):
            return found
    return []


def load_from(text: str, *, running: str, waiting: str, kv_used: tuple[str, ...]) -> Load:
    """Requests add up over ranks; the fullest rank's cache is the one that bounds."""
    kv = samples(text, *kv_used)
    return Load(
        running=_sum(samples(text, running)),
        waiting=_sum(samples(text, waiting)),
        kv_used=max(kv) if kv else None,
    )


def _values(text: str, name: str) -> Iterator[float]:
    for line in text.splitlines():
        if not line.startswith(name):
            continue
        rest = line[len(name) :]
        if rest.startswith("{"):  # a label's value may hold spaces and braces
            rest = rest[rest.rfind("}") + 1 :]
        elif not rest[:1].isspace():
            continue
        value = _number(rest.split())
        if value is not None:
            yield value


def _number(fields: list[str]) -> float | None:
    """The value, without its optional timestamp; None where it is no finite number."""
    try:
        value = float(fields[0]) if fields else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _sum(values: list[float]) -> int | None:
    return int(sum(values)) if values else None
