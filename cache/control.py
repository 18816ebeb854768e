"""What a client's `cache-control` asks of the answer cache."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CacheControl:
    no_cache: bool = False
    """Answer afresh; the fresh answer may be kept."""
    no_store: bool = False
    """Neither serve from the cache nor keep."""
    max_age_s: int | None = None
    """Serve nothing older."""

    def serves(self, age_us: int) -> bool:
        """Whether an entry of that age may answer."""
        if self.no_cache or self.no_store:
            return False
        return self.max_age_s is None or age_us <= self.max_age_s * 1_000_000


ANYTHING_GOES = CacheControl()
_MAX_AGE_DIGITS = 9


def parse_cache_control(header: bytes | str | None) -> CacheControl:
    """Reads the header's value in any case and spacing; directives without meaning here are passed over.

    A `max-age` that cannot be read counts as 0, and of two the smaller holds: in doubt the answer is made
    afresh.
    """
    if header is None:
        return ANYTHING_GOES
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    no_cache = no_store = False
    ages: list[int] = []
    for directive in text.lower().split(","):
        name, _, value = directive.partition("=")
        match name.strip():
            case "no-cache":
                no_cache = True
            case "no-store":
                no_store = True
            case "max-age":
                ages.append(_seconds(value))
    return CacheControl(no_cache, no_store, min(ages, default=None))


def _seconds(value: str) -> int:
    digits = value.strip().strip('"')
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return int(digits) if len(digits) <= _MAX_AGE_DIGITS else 10**_MAX_AGE_DIGITS
