"""Names of tiers."""

from __future__ import annotations

import re

SMALL, LARGE = "small", "large"
_NUMBERED = re.compile(r"tier-[1-9]\d?")


def tier_name(tier: int, count: int) -> str:
    """As shown: small and large where there are two, else tier-1 and so on."""
    return (SMALL, LARGE)[tier] if count == 2 else f"tier-{tier + 1}"


def tier_names(count: int) -> tuple[str, ...]:
    """What a rule may call them; the cheapest is always small as well, and the dearest large."""
    return (SMALL, *(f"tier-{tier + 1}" for tier in range(count)), LARGE)


def is_tier_name(name: str) -> bool:
    return name in (SMALL, LARGE) or _NUMBERED.fullmatch(name) is not None


def tier_called(name: str, count: int) -> int:
    """Which tier that is, of so many. Raises ValueError for a name that none of them has."""
    if name == SMALL:
        return 0
    if name == LARGE:
        return count - 1
    tier = int(name.removeprefix("tier-")) - 1
    if not 0 <= tier < count:
        raise ValueError(f"there is no {name} among {count} tiers")
    return tier
