"""Settings of what is paid by the hour."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gateway.config_types import Name, Seconds, SecondsOrZero, Settings, Usd


class GpuSettings(Settings):
    """The GPUs behind a backend, paid by the hour from when it is up to when it goes down."""

    count: int = Field(1, ge=1, description="GPUs.")
    usd_per_hour: Usd = Field(description="USD per GPU and hour.")
    device: str = Field("", description="What they are, for reports.")
    site: str = Field("", description="Where they stand, for reports.")
    idle: Literal["separate", "shared_by_use", "shared_evenly", "owner"] = Field(
        "separate", description="Who pays for idle time: nobody (its own line), who used it, or one tenant."
    )
    owner: Name | None = Field(None, description="The tenant that pays for idle time under `idle: owner`.")

    @model_validator(mode="after")
    def _owner_named(self) -> GpuSettings:
        if (self.idle == "owner") != (self.owner is not None):
            raise ValueError("idle: owner and owner: TENANT go together")
        return self


class GpuWindowSettings(Settings):
    """How GPU time is cut and closed, for all backends with `gpus`."""

    window: Seconds = Field(
        60.0, ge=1, description="Length of a window; per backend it stays what it first was."
    )
    close_after: Seconds = Field(30.0, description="A window is closed that long after its end.")
    late: SecondsOrZero = Field(
        3600.0,
        description="Rows may come that late without any effect on what a token weighs; a gateway that "
        "starts looks at the windows of that time again.",
    )

    @model_validator(mode="after")
    def _divides_an_hour(self) -> GpuWindowSettings:
        if self.window > 3600 or 3600 % self.window:
            raise ValueError("window must divide an hour evenly: 10s, 1m, 5m, 1h")
        return self
