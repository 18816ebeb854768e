"""/admin/quality: whether cheap answers were good enough, and what was saved."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.roles import Finance
from gateway.admin.services import AdminServices
from metering.periods import FIRST_DAY, LAST_DAY, period_start_us
from metering.quality.render import render_csv, render_json
from metering.quality.report import QualityQuery

Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


class QualityParameters(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    from_: Day | None = Field(None, alias="from", description="First day.")
    to: Day | None = Field(None, description="Last day, included.")
    route: str | None = Field(None, description="Only this virtual model.")
    format: Literal["json", "csv"] = "json"
    time_zone: str = Field("UTC", description="Whose days: a name like Europe/Berlin.")

    def to_query(self, usd_per_cpu_hour: Decimal | None) -> QualityQuery:
        """Raises ReportError."""
        zone = self.time_zone
        return QualityQuery(
            from_us=None if self.from_ is None else period_start_us(self.from_, zone),
            until_us=None if self.to is None else period_start_us(self.to + timedelta(days=1), zone),
            route=self.route,
            usd_per_cpu_hour=usd_per_cpu_hour,
        )


def install(router: APIRouter, services: AdminServices) -> None:

    @router.get("/admin/quality", tags=["Usage"], response_class=Response)
    def quality(query: Annotated[QualityParameters, Query()], who: Finance) -> Response:
        """Per route: comparisons with the other tier, regret, agreement, and savings net of what it cost to
        know, with 95 % intervals; and what clients said of answers. The house's own, so not for tenants."""
        settings = services.config().settings
        report = services.quality(query.to_query(settings.quality.usd_per_cpu_hour))
        if query.format == "csv":
            return Response(render_csv(report), media_type="text/csv; charset=utf-8")
        return Response(render_json(report), media_type="application/json")
