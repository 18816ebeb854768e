"""What an answer reports of itself, and how its fields are read: a wrong type is refused, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from re import compile as pattern
from typing import Any, NamedTuple, Protocol

from metering.usage import TokenUsage

Fields = Mapping[str, Any]
_NOTHING: Fields = {}
_TIER = pattern(r"[a-z][a-z0-9_-]{0,23}")


class Reported(NamedTuple):
    """One answer's usage, and what its sender says of time and service tier."""

    usage: TokenUsage
    prefill_us: int | None = None
    """The engine's own measure of prompt processing; None if it does not say."""
    decode_us: int | None = None
    """The engine's own measure of generation; None if it does not say."""
    service_tier: str = ""
    """As the vendor names it; '' where it says nothing."""


class StreamReader(Protocol):
    """Takes the events of one streamed answer in, in order."""

    def event(self, payload: Fields) -> None:
        """Raises ValueError where the event reports nonsense."""
        ...

    def reported(self) -> Reported | None:
        """What has been reported so far: the whole after the last event, a part where the stream was cut.
        None where nothing was. Raises ValueError where the numbers do not add up."""
        ...


class Dialect(Protocol):
    def whole(self, payload: Fields) -> Reported | None:
        """From an answer that was not streamed. None where it reports nothing, or nothing but zeros: nobody
        does work of no tokens, so that is a missing report. Raises ValueError for nonsense."""
        ...

    def stream(self) -> StreamReader: ...


def section(fields: Fields, name: str) -> Fields:
    """A nested object, empty where it is missing or null. Raises ValueError where it is something else."""
    value = fields.get(name)
    if value is None:
        return _NOTHING
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {type(value).__name__}, not an object")
    return value


def count(fields: Fields, *names: str) -> int | None:
    """The first of these counts that is there and not null. Raises ValueError where it is no count."""
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is {value!r}, not a count of tokens")
        return value
    return None


def microseconds(fields: Fields, name: str) -> int | None:
    """Milliseconds of a field as whole microseconds; None where it is absent or no duration: a broken clock
    of an engine is no reason to lose the tokens beside it."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        return None
    return round(value * 1000)


def service_tier(fields: Fields) -> str:
    """The tier's name if it is one, else '': it becomes part of a price version."""
    value = fields.get("service_tier")
    return value if isinstance(value, str) and _TIER.fullmatch(value) else ""
