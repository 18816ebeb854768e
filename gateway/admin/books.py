"""/admin/books and /admin/statements: months, their closing, later entries, statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.paging import as_page
from gateway.admin.roles import READERS, AnyRole, Finance, allow
from gateway.admin.services import AdminServices
from gateway.books_desk import cost_center_of
from metering.books.entries import LARGEST_NANOS, Entry, entry_id, read_entries
from metering.books.errors import BadEntry
from metering.books.months import first_day
from metering.books.periods import closed_periods
from metering.books.read import MAX_STATEMENTS, list_statements, read_statement
from metering.books.render import (
    entry_json,
    head_json,
    lines_csv,
    month_json,
    period_json,
    statement_json,
)
from metering.money import NANOS_PER_USD, usd_to_nanos

_TAG: list[str | Enum] = ["Books"]
_MOST_USD = LARGEST_NANOS // NANOS_PER_USD
Limit = Annotated[int, Field(ge=1, le=MAX_STATEMENTS)]


class PageQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    month: str | None = Field(None, description="Such as 2026-10.")
    tenant: str | None = Field(None, description="Empty: the house's own.")
    limit: Limit = 100
    after: str | None = Field(None, description="`last_id` of the page before.")


class StatementQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["json", "csv"] = "json"


class Closing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    month: str = Field(description="Such as 2026-10. `GET /admin/books/months/{month}` shows what is frozen.")


class NewEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    month: str = Field(description="An open month, such as 2026-11.")
    tenant: str = Field(description="Empty: the house.")
    kind: Literal["credit", "adjustment"] = Field(
        "credit",
        description="credit: let off, an amount above 0; adjustment: either sign, charged if above 0.",
    )
    amount_usd: Annotated[Decimal, Field(ge=-_MOST_USD, le=_MOST_USD)]
    description: str = Field(description="Stands on the statement.")
    project: str = ""
    cost_center: str | None = Field(None, description="Left out, the tenant's own.")
    category: str = Field("", description="Such as vendor, gpu or idle.")
    reference: str = Field("", description="Such as the number of a ticket.")


def install(router: APIRouter, services: AdminServices) -> None:
    _install_months(router, services)
    _install_entries(router, services)
    _install_statements(router, services)


def _install_months(router: APIRouter, services: AdminServices) -> None:
    books, reader = services.books, services.ledger

    @router.get("/admin/books/periods", tags=_TAG, dependencies=[Depends(allow(READERS))])
    def periods() -> dict[str, Any]:
        """The months that are closed, oldest first."""
        return _list([period_json(period) for period in closed_periods(reader)], "month")

    @router.get("/admin/books/months/{month}", tags=_TAG, dependencies=[Depends(allow(READERS))])
    def open_month(month: str) -> dict[str, Any]:
        """What an open month comes to so far, and why it cannot be closed now, if so."""
        draft = books.draft(month)
        return {**month_json(draft, closed=False), "not_closable": books.reasons(month)}

    @router.post("/admin/books/close", tags=_TAG)
    def close(body: Closing, who: Finance) -> dict[str, Any]:
        """Freezes a month that is over into numbered statements. Closing it again changes nothing: `new` is
        false then."""
        done = books.close(body.month, who.name)
        return {**period_json(done.period), "new": done.new}


def _install_entries(router: APIRouter, services: AdminServices) -> None:
    books, reader = services.books, services.ledger

    @router.get("/admin/books/entries", tags=_TAG, dependencies=[Depends(allow(READERS))])
    def entries(query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
        """Credits, adjustments, late usage, reconciliation and splits, oldest first."""
        found = [
            entry
            for entry in read_entries(reader, month=_checked(query.month), tenant=query.tenant)
            if query.after is None or entry.id > query.after
        ]
        return _list(
            [entry_json(entry) for entry in found[: query.limit]], "id", more=len(found) > query.limit
        )

    @router.post("/admin/books/entries", status_code=201, tags=_TAG)
    def enter(body: NewEntry, who: Finance) -> dict[str, Any]:
        """A credit or an adjustment in an open month. It is never changed; another one takes it back."""
        entry = _entry(body, who.name, services)
        books.add(entry)
        return entry_json(entry)


def _install_statements(router: APIRouter, services: AdminServices) -> None:
    reader = services.ledger

    @router.get("/admin/statements", tags=_TAG)
    def statements(query: Annotated[PageQuery, Query()], who: AnyRole) -> dict[str, Any]:
        """Statements without their lines, by number. A key with the role tenant sees its own only."""
        found = list_statements(
            reader,
            month=_checked(query.month),
            tenant=who.scope(query.tenant),
            limit=query.limit + 1,
            after=query.after,
        )
        page = [head_json(head) for head in found[: query.limit]]
        return _list(page, "number", more=len(found) > query.limit)

    @router.get("/admin/statements/{number}", tags=_TAG, response_class=Response)
    def statement(number: str, query: Annotated[StatementQuery, Query()], who: AnyRole) -> Response:
        """One statement with its lines."""
        found = read_statement(reader, number, who.scope(None))
        if query.format == "csv":
            return Response(lines_csv([found]), media_type="text/csv; charset=utf-8")
        body = {**statement_json(found), "holds": found.holds}
        return Response(orjson.dumps(body), media_type="application/json")


def _entry(body: NewEntry, who: str, services: AdminServices) -> Entry:
    now_us = services.clock.wall_ns() // 1000
    cost_center = body.cost_center
    if cost_center is None:
        cost_center = cost_center_of(body.tenant, services.keys, services.ledger)
    nanos = usd_to_nanos(body.amount_usd)
    if body.kind == "credit" and nanos <= 0:
        raise BadEntry("amount_usd: a credit is an amount above 0; an adjustment has either sign")
    return Entry(
        id=entry_id(now_us),
        month=body.month,
        tenant=body.tenant,
        cost_center=cost_center,
        project=body.project,
        kind=body.kind,
        category=body.category,
        amount_nanos=-nanos if body.kind == "credit" else nanos,
        description=body.description,
        reference=body.reference,
        created_us=now_us,
        created_by=who,
    )


def _checked(month: str | None) -> str | None:
    """Raises BadMonth."""
    if month is not None:
        first_day(month)
    return month


def _list(rows: Sequence[Mapping[str, Any]], key: str, *, more: bool = False) -> dict[str, Any]:
    return as_page(rows, [row[key] for row in rows], has_more=more)
