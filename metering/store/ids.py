"""The time in an event's id: ids are ULIDs, whose first ten characters are milliseconds in base 32."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_TIME_DIGITS = 10
_LENGTH = 26
_LATEST_YEAR = 9999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Month = tuple[int, int]
"""(year, month), UTC."""


class NotAnId(ValueError):
    """The text is no ULID of a year that calendars know."""


def lowest_id(instant_us: int) -> str:
    """The start of every id made at this millisecond: it sorts before all of them, and after all older."""
    milliseconds, digits = instant_us // 1000, []
    for _ in range(_TIME_DIGITS):
        milliseconds, digit = divmod(milliseconds, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def id_beside(event_id: str, digest: bytes) -> str:
    """An id with the time of that one, and the rest from a digest of at least 10 bytes: always the same."""
    number, rest = int.from_bytes(digest[:10], "big"), []
    for _ in range(_LENGTH - _TIME_DIGITS):
        number, digit = divmod(number, 32)
        rest.append(_DIGITS[digit])
    return event_id[:_TIME_DIGITS] + "".join(rest)


def month_of(event_id: str) -> Month:
    """The UTC month in which the id was made. Raises NotAnId."""
    if len(event_id) != _LENGTH or not event_id.isascii():
        raise NotAnId(f"event id {event_id[:40]!r} is no ULID")
    milliseconds = 0
    for digit in event_id[:_TIME_DIGITS]:
        if digit not in _VALUES:
            raise NotAnId(f"event id {event_id!r} is no ULID")
        milliseconds = milliseconds * 32 + _VALUES[digit]
    try:
        made = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise NotAnId(f"event id {event_id!r} is of no year that calendars know") from error
    if made.year >= _LATEST_YEAR:
        raise NotAnId(f"event id {event_id!r} is of the year {made.year}")
    return made.year, made.month


def next_month(month: Month) -> Month:
    year, number = month
    return (year + 1, 1) if number == 12 else (year, number + 1)


def month_start_us(month: Month) -> int:
    return (datetime(*month, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
