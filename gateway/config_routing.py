"""Policies and rules of virtual models, as a configuration file writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from gateway.config_budgets import time_zone
from gateway.config_types import Name, Settings, Share, Usd, checked_pattern
from router.hours import DAYS, MINUTES_PER_DAY
from router.language import LANGUAGES

PolicyName = Literal["economy", "balanced", "quality"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
_HOURS = re.compile(r"(\d{1,2}):(\d{2}) ?- ?(\d{1,2}):(\d{2})")


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, (str, int, float)) else value


def _language(name: str) -> str:
    if name not in LANGUAGES:
        raise ValueError(f"no language {name!r} is known here; known are {', '.join(sorted(LANGUAGES))}")
    return name


def _share(value: object) -> object:
    """`0.9`, `90%`."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


def _pacing(value: object) -> object:
    return {} if value is True else None if value is False else value


def _days(value: object) -> object:
    """`mon-fri`, `sat, sun` or a list of such: each day once, in the order of the week."""
    named = value.split(",") if isinstance(value, str) else value
    if not isinstance(named, (list, tuple)):
        return value
    days: set[str] = set()
    for each in named:
        first, _, last = str(each).strip().lower().partition("-")
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError(f"{each!r} is no day; write mon, tue, wed, thu, fri, sat, sun or mon-fri")
        start, end = DAYS.index(first), DAYS.index(last or first)
        days.update(DAYS[(start + step) % 7] for step in range((end - start) % 7 + 1))
    return [day for day in DAYS if day in days]


def minutes_of(hours: str) -> tuple[int, int]:
    """`22:00-06:00` -> (1320, 360). Raises ValueError."""
    match = _HOURS.fullmatch(hours.strip())
    if match is None:
        raise ValueError(f"{hours!r} is no range of hours; write 08:00-18:00, or 22:00-06:00 over midnight")
    first, last = (int(match[n]) * 60 + int(match[n + 1]) for n in (1, 3))
    if first >= MINUTES_PER_DAY or last > MINUTES_PER_DAY or int(match[2]) > 59 or int(match[4]) > 59:
        raise ValueError(f"{hours!r} has a time that no clock shows; days end at 24:00")
    if first == last:
        raise ValueError(f"{hours!r} ends where it begins; leave hours out for whole days")
    return first, last


def _hours(hours: str) -> str:
    minutes_of(hours)
    return hours


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
"""One or a list."""


class PolicySettings(Settings):
    """A policy with a number. Exactly one of them."""

    large_share: Share | None = Field(
        None, description="The share of conversations that leave the first tier, 0 to 1."
    )
    usd_per_gain: Usd | None = Field(
        None,
        gt=0,
        description="Go up while the extra expected dollars are at most the predicted gain times this.",
    )

    @model_validator(mode="after")
    def _one_number(self) -> PolicySettings:
        if (self.large_share is None) == (self.usd_per_gain is None):
            raise ValueError("give exactly one of large_share, usd_per_gain")
        return self


def _kind_of_policy(value: object) -> str:
    return "numbers" if isinstance(value, (Mapping, PolicySettings)) else "name"


PolicyChoice = Annotated[
    Annotated[PolicyName, Tag("name")] | Annotated[PolicySettings, Tag("numbers")],
    Discriminator(_kind_of_policy),
]


class PacingSettings(Settings):
    at_most: Share = Field(
        Decimal(1), description="The largest part of the dear calls that pacing may take away, 0 to 1."
    )


Pacing = Annotated[PacingSettings | None, BeforeValidator(_pacing)]


class TimeSettings(Settings):
    """A time of the week."""

    hours: Annotated[str, AfterValidator(_hours)] | None = Field(
        None, description="`22:00-06:00`: from the first up to the second, over midnight where it is earlier."
    )
    days: Annotated[tuple[Day, ...], BeforeValidator(_days)] | None = Field(
        None,
        min_length=1,
        description="`mon-fri`, `[sat, sun]`; hours over midnight count to their first day.",
    )
    timezone: Annotated[str, AfterValidator(time_zone)] = Field(
        "UTC", description="Whose clocks: a name like Europe/Berlin."
    )

    @model_validator(mode="after")
    def _says_something(self) -> TimeSettings:
        if self.hours is None and self.days is None:
            raise ValueError("give hours, days or both")
        return self


class RuleConditions(Settings):
    """All given conditions must hold; of a list, one value."""

    tenant: Names | None = Field(None, description="The key's tenant.")
    project: Names | None = Field(None, description="The key's project.")
    tag: Mapping[str, Names] | None = Field(
        None, min_length=1, description="Labels of x-weir-tags or of the key that must be present."
    )
    task: Names | None = Field(None, description="What the client says with x-weir-task, or the tag `task`.")
    model: Names | None = Field(None, description="The virtual model asked for.")
    api: (
        Annotated[
            tuple[Literal["chat.completions", "completions", "embeddings"], ...],
            BeforeValidator(_one_or_more),
            Field(min_length=1),
        ]
        | None
    ) = Field(None, description="The resource asked.")
    prompt_tokens_over: int | None = Field(None, ge=0)
    prompt_tokens_under: int | None = Field(None, ge=1)
    tools: bool | None = Field(None, description="The request offers tools.")
    language: (
        Annotated[
            tuple[Annotated[str, AfterValidator(_language)], ...],
            BeforeValidator(_one_or_more),
            Field(min_length=1),
        ]
        | None
    ) = Field(None, description="What the user wrote in: de, en, zh...")
    matches: (
        Annotated[
            tuple[Annotated[str, AfterValidator(checked_pattern)], ...],
            BeforeValidator(_one_or_more),
            Field(min_length=1),
        ]
        | None
    ) = Field(None, description="A regular expression (RE2) that is found in a turn of the conversation.")
    time: TimeSettings | None = Field(None, description="When it is asked.")
    budget_used_over: Annotated[float, BeforeValidator(_share), Field(gt=0, le=1)] | None = Field(
        None, description="More than this share of a budget over the request is spent: 0.9 or 90%."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> RuleConditions:
        if not self.model_fields_set:
            raise ValueError("a rule without conditions would hide every rule after it")
        return self


class RuleSettings(Settings):
    """First match wins, before the classifier; applies to virtual models only."""

    when: RuleConditions
    use: Name | None = Field(None, description="The model, or the tier: small, large, tier-2...")
    policy: PolicyChoice | None = Field(None, description="The policy that decides, instead of the route's.")

    @model_validator(mode="after")
    def _one_consequence(self) -> RuleSettings:
        if (self.use is None) == (self.policy is None):
            raise ValueError("give exactly one of use, policy")
        return self
