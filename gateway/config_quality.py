"""Settings of how good answers are: cascades of routes, comparisons in the shadow, what the report prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from gateway.config_types import Name, Settings, Share, Usd
from metering.house import HOUSE_TENANT

Check = Literal["text", "json", "number", "choice"]
QUALITY_TENANT = HOUSE_TENANT
"""Who pays for comparisons; its rows and budgets are like any tenant's."""


class CascadeSettings(Settings):
    """Ask the cheapest tier first, look at its answer, and ask the next one where it is doubtful. What is
    null is not looked at. The numbers are where to begin, not what was measured on anybody's traffic."""

    mean_logprob: float | None = Field(
        -0.5, le=0, description="Doubtful where the mean log-probability of the answer's tokens is lower."
    )
    low_probability: float = Field(0.3, gt=0, lt=1, description="A token less probable than this is low.")
    low_share: Share | None = Field(
        Decimal("0.2"), description="Doubtful where more than this share of the tokens is low."
    )
    min_logprob: float | None = Field(
        None, le=0, description="Doubtful where one token's log-probability is lower."
    )
    refusals: bool = Field(True, description="Doubtful where the answer declines or says it does not know.")
    phrases: tuple[Annotated[str, StringConstraints(min_length=3, max_length=200)], ...] = Field(
        (), max_length=50, description="More words at an answer's start that mean it declines."
    )
    format: bool = Field(
        True,
        description="Doubtful where it is empty, cut off, no JSON though JSON was asked for, of another "
        "shape than its schema, or calls tools wrongly.",
    )


class ShadowSettings(Settings):
    """Compare a sample of routed answers with another tier's, after the client has its own."""

    share: Share = Field(Decimal("0.02"), gt=0, description="Of routed requests, 0 to 1.")
    judge: Name | None = Field(None, description="The model that compares, a model of this file.")
    exact: tuple[Check, ...] = Field(
        (),
        description="Checks that need no judge, in this order: text, json, number, choice. The first that "
        "applies decides; without a judge the others stay unknown.",
    )
    usd_per_day: Usd = Field(
        gt=0, le=4_500_000, description="Most that comparisons may cost on one UTC day, judge included."
    )
    routes: tuple[Name, ...] | None = Field(None, description="Only of these virtual models.")
    tenants: tuple[Name, ...] | None = Field(
        None,
        description="Only of these tenants: their texts go to the other tier and to the judge.",
    )
    concurrency: int = Field(2, ge=1, le=64, description="Comparisons at once.")
    queue: int = Field(100, ge=1, le=10_000, description="Waiting ones; beyond it they are dropped.")

    @model_validator(mode="after")
    def _compares(self) -> ShadowSettings:
        if self.judge is None and not self.exact:
            raise ValueError("give judge, exact, or both: nothing would be compared")
        if len(set(self.exact)) != len(self.exact):
            raise ValueError("exact names a check twice")
        return self


class QualitySettings(Settings):
    shadow: ShadowSettings | None = None
    usd_per_cpu_hour: Usd | None = Field(
        None, description="Of the machine the gateway runs on, so that reports price its own time."
    )
