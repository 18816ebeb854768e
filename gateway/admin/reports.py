"""/admin/reports and /admin/events: what was used, and single events of it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.paging import as_page
from gateway.admin.roles import AnyRole
from gateway.admin.services import AdminServices
from gateway.errors import BadRequest
from metering.event_query import MAX_EVENTS
from metering.periods import FIRST_DAY, LAST_DAY, PERIODS, ReportError, period_start_us
from metering.render import json_document, render_csv
from metering.reports import DEFAULT_GROUPING, DIMENSIONS, TAG, ReportQuery, UsageReport, rows_after

Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
MAX_ROWS = 10_000
"""Of one page of a report."""
_FILTERS = tuple(name for name in DIMENSIONS if name not in PERIODS)


class UsageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    group_by: str = Field(
        ",".join(DEFAULT_GROUPING), description=f"Separated by commas: {', '.join(DIMENSIONS)}, {TAG}NAME."
    )
    from_: Day | None = Field(None, alias="from", description="First day.")
    to: Day | None = Field(None, description="Last day, included.")
    format: Literal["json", "csv"] = "json"
    limit: int | None = Field(None, ge=1, le=MAX_ROWS, description="At most so many rows; all if left out.")
    after: str | None = Field(None, description="`last_id` of the page before.")
    tenant: str | None = None
    project: str | None = None
    cost_center: str | None = None
    key: str | None = Field(None, description="The key's name.")
    model: str | None = Field(None, description="The model that served.")
    requested_model: str | None = None
    backend: str | None = None
    route: str | None = None
    tier: str | None = None
    cache_status: str | None = None
    outcome: str | None = None
    api: str | None = None
    category: str | None = Field(None, description="vendor, gpu, cache, cache storage, idle or overhead.")
    provenance: str | None = Field(None, description="vendor, engine, counted or estimated.")
    line: str | None = Field(None, description="Of GPU time: request, aborted, warmup, idle or overhead.")
    tag: list[str] = Field([], description="NAME=VALUE: only this label. May stand there several times.")
    time_zone: str = Field("UTC", description="Whose days and months: a name like Europe/Berlin.")

    def to_report(self, tenant: str | None) -> ReportQuery:
        """`tenant` comes from the principal and replaces what the query says. Raises ReportError."""
        where = {name: getattr(self, name) for name in _FILTERS} | {"tenant": tenant}
        where |= dict(map(_label, self.tag))
        return ReportQuery(
            group_by=tuple(name.strip() for name in self.group_by.split(",") if name.strip()),
            from_us=None if self.from_ is None else period_start_us(self.from_, self.time_zone),
            until_us=None
            if self.to is None
            else period_start_us(self.to + timedelta(days=1), self.time_zone),
            where={name: value for name, value in where.items() if value is not None},
            time_zone=self.time_zone,
        )


def _label(text: str) -> tuple[str, str]:
    """`team=red` as a filter of reports. Raises ReportError."""
    name, sign, value = text.partition("=")
    if not (sign and name and text.isprintable()):
        raise ReportError(f"tag: {text[:64]!r}: write NAME=VALUE")
    return f"{TAG}{name}", value


class EventsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    request_id: str | None = Field(None, description="`x-request-id` of an answer.")
    tenant: str | None = None
    limit: int = Field(100, ge=1, le=MAX_EVENTS - 1)
    after: str | None = Field(None, description="`last_id` of the page before.")
    order: Literal["asc", "desc"] = Field("desc", description="desc: newest first.")


def _group(query: UsageQuery) -> list[str] | None:
    """The last group of the page before, as `last_id` wrote it. Raises BadRequest."""
    if query.format == "csv" and (query.limit, query.after) != (None, None):
        name = "after" if query.limit is None else "limit"
        raise BadRequest(f"{name}: CSV comes whole; pages are for JSON.", param=name)
    if query.after is None:
        return None
    try:
        group = json.loads(query.after)
    except ValueError:
        group = None
    if not isinstance(group, list) or not all(isinstance(part, str) for part in group):
        raise BadRequest("after: give the last_id of the page before.", param="after")
    return group


def _page(report: UsageReport, limit: int | None, after: list[str] | None) -> dict[str, Any]:
    """Raises BadRequest."""
    try:
        shown = rows_after(report, after, limit)
    except ReportError as error:
        raise BadRequest(f"{error}.", param="after") from error
    last = report.rows[-1].group if report.rows else None
    ids = [json.dumps(row.group, ensure_ascii=False) for row in shown.rows]
    page = as_page([], ids, has_more=bool(shown.rows) and shown.rows[-1].group != last)
    return {**json_document(shown), **{name: page[name] for name in ("has_more", "first_id", "last_id")}}


def install(router: APIRouter, services: AdminServices) -> None:

    @router.get("/admin/reports/usage", tags=["Usage"], response_class=Response)
    def usage(query: Annotated[UsageQuery, Query()], who: AnyRole) -> Response:
        """Requests, tokens by class, cost and savings, summed over any grouping. A key with the role tenant
        sees its own tenant only. A page has its own rows and the totals of the whole."""
        after = _group(query)
        report = services.report(query.to_report(who.scope(query.tenant)))
        if query.format == "csv":
            return Response(render_csv(report), media_type="text/csv; charset=utf-8")
        document = _page(report, query.limit, after)
        return Response(json.dumps(document, ensure_ascii=False, indent=2), media_type="application/json")

    @router.get("/admin/events", tags=["Usage"], response_class=Response)
    def events(query: Annotated[EventsQuery, Query()], who: AnyRole) -> Response:
        """Single rows of the ledger: one per upstream attempt or cache hit."""
        found = services.events(
            request_id=query.request_id,
            tenant=who.scope(query.tenant),
            limit=query.limit + 1,
            after=query.after,
            newest_first=query.order == "desc",
        )
        page = found[: query.limit]
        body = as_page(page, [event.id for event in page], has_more=len(found) > query.limit)
        return Response(orjson.dumps(body), media_type="application/json")
