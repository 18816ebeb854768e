"""Budgets and limits, as a configuration file writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.config_types import Name, Seconds, Settings, Usd
from metering.budgets.model import MAX_LIMIT

Action = Literal["notify", "economy", "refuse"]
Period = Literal["hour", "day", "week", "month"]
UNLIMITED_OUTPUT_TOKENS = 4096
"""What is held for an answer that neither client nor model limits."""
MAX_USD = 4_500_000
"""As nano-dollars below what the shared state's numbers hold exactly (metering.budgets.model.MAX_LIMIT)."""
_PERCENT = re.compile(r"(\d{1,3})%?")


def time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write one like Europe/Berlin") from error
    return name


def _ladder(value: object) -> object:
    """`{80: notify, 95%: economy}`: percents as numbers."""
    if not isinstance(value, Mapping):
        return value
    return {_percent(percent): action for percent, action in value.items()}


def _percent(value: object) -> object:
    match = _PERCENT.fullmatch(str(value).strip())
    return int(match[1]) if match else value


def _refuse_at_100() -> Mapping[int, Action]:
    return {100: "refuse"}


class RollingSettings(Settings):
    """The time that has just passed, however the calendar lies."""

    rolling: Seconds = Field(ge=60, description="How long: 24h, 30d.")


class OpenUpTo(Settings):
    """How much may be spent beyond what is known while the shared state is away, over all gateways."""

    open_up_to: Usd = Field(gt=0, le=MAX_LIMIT, description="USD, or tokens for a budget of tokens.")


class BudgetSettings(Settings):
    """How much may be spent by whom in which time. Exactly one of `usd` and `tokens`."""

    name: Name | None = Field(None, description="Shown in refusals; whom it covers if left out.")
    usd: Usd | None = Field(
        None, gt=0, le=MAX_USD, description="Of cost as tenants are charged it: markup included."
    )
    tokens: int | None = Field(
        None, gt=0, le=MAX_LIMIT, description="Input and output, cached input included."
    )
    per: Period | RollingSettings = Field(
        "month", description="hour, day, week (from Monday), month, or {rolling: 30d}."
    )
    timezone: Annotated[str, AfterValidator(time_zone)] = Field(
        "UTC", description="Whose hours, days, weeks and months: a name like Europe/Berlin."
    )
    project: str | None = Field(None, description="Only what this project spends.")
    key: str | None = Field(None, description="Only what the key of this name spends.")
    tag: Mapping[str, str] | None = Field(
        None, min_length=1, max_length=1, description="Only requests that carry this label."
    )
    each: Literal["tenant", "project", "key"] | None = Field(
        None, description="Not one budget for all of them but this much for each."
    )
    at: Annotated[Mapping[Annotated[int, Field(ge=1, le=100)], Action], BeforeValidator(_ladder)] = Field(
        default_factory=_refuse_at_100,
        description="Per cent spent: what happens. notify tells, economy prefers the cheap tiers, refuse "
        "refuses. Without refuse, nothing is ever refused.",
    )
    state_away: Literal["closed"] | OpenUpTo = Field(
        "closed",
        description="While the shared state cannot be reached: closed refuses, {open_up_to: 5} goes on for "
        "that much.",
    )

    @model_validator(mode="after")
    def _one_amount(self) -> BudgetSettings:
        if (self.usd is None) == (self.tokens is None):
            raise ValueError("give exactly one of usd, tokens")
        if self.usd is not None and self.state_away != "closed" and self.state_away.open_up_to > MAX_USD:
            raise ValueError(f"state_away: open_up_to must be at most {MAX_USD} USD")
        if not self.at:
            raise ValueError("at: an empty ladder does nothing; leave it out, or remove the budget")
        return self


class LimitSettings(Settings):
    """How much may be asked at once. What is left out is not limited."""

    requests_per_minute: int | None = Field(None, ge=1, description="Cache hits included.")
    tokens_per_minute: int | None = Field(None, ge=1, description="Input and output of upstream attempts.")
    concurrency: int | None = Field(None, ge=1, description="Requests under way at once.")

    @model_validator(mode="after")
    def _says_something(self) -> LimitSettings:
        if not self.model_fields_set:
            raise ValueError("names no limit: requests_per_minute, tokens_per_minute or concurrency")
        return self
