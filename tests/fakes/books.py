"""A ledger whose months are closed by tests: usage, GPU windows, credits, a clock that is moved by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from metering.books.closing import BookKeeper
from metering.books.draft import MonthDraft
from metering.books.entries import Entry, entry_id
from metering.books.policy import BooksPolicy
from metering.books.read import month_statements
from metering.books.statement import Statement
from metering.books.store import open_books
from metering.event import Event
from metering.ledger_url import open_ledger, open_reader
from metering.store.shares import GpuShare, GpuWindow
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
JANUARY, FEBRUARY, MARCH = "2026-01", "2026-02", "2026-03"
START_US = {JANUARY: NEW_YEAR_2026_US, FEBRUARY: NEW_YEAR_2026_US + 31 * DAY_US}
START_US[MARCH] = START_US[FEBRUARY] + 28 * DAY_US
DOLLAR = 10**9
CENT = 10**7
_numbers = itertools.count(1)


def used(
    tenant: str, cost_nanos: int | None, *, day: float = 3, month: str = JANUARY, **changes: Any
) -> Event:
    """One attempt that cost so much."""
    fields = {
        "tenant": tenant,
        "cost_center": f"CC-{tenant}",
        "started_us": START_US[month] + int(day * DAY_US),
        "usage": TokenUsage(100, output=10, provenance=Provenance.VENDOR),
        **dict.fromkeys(("list_nanos", "cost_nanos", "baseline_nanos"), cost_nanos),
    }
    return make_event(next(_numbers), **{**fields, **changes})


def share(line: str, tenant: str, gpu_ns: int, nanos: int, event_id: str = "") -> GpuShare:
    """A request's stands beside its row; other lines have no project and no model."""
    cost_center = f"CC-{tenant}" if tenant else ""
    project, key, model = ("site", "web", "qwen3-8b") if line == "request" else ("", "", "")
    return GpuShare(line, event_id, tenant, cost_center, project, key, model, gpu_ns, nanos, "t")


class Office:
    """The books of one ledger."""

    def __init__(self, url: str, **policy: Any) -> None:
        self.url = url
        self.policy = BooksPolicy(**policy)
        self.now_us = START_US[MARCH] + 10 * DAY_US
        self.audited: list[tuple[str, str, str]] = []
        self.waiting: list[str] = []
        open_ledger(url).close()
        self.reader = open_reader(url)
        self.keeper = self.new_keeper()

    def new_keeper(self) -> BookKeeper:
        return BookKeeper(
            open_books(self.url),
            open_reader(self.url),
            lambda: self.policy,
            lambda: self.now_us,
            journals=lambda until_us: self.waiting,
            audit=lambda who, action, subject, before, after: self.audited.append((who, action, subject)),
        )

    def hold(self, *events: Event) -> None:
        with closing(open_ledger(self.url)) as ledger:
            ledger.append(events)
            ledger.roll_up()

    def window(self, shares: Sequence[GpuShare], *, start_us: int, backend: str = "gpu1") -> None:
        capacity = sum(each.gpu_ns for each in shares), sum(each.nanos for each in shares)
        with closing(open_ledger(self.url)) as ledger:
            ledger.write_window(
                GpuWindow(backend, start_us, start_us + HOUR_US, 1, *capacity, method="t"), shares
            )

    def entry(self, tenant: str, nanos: int, month: str, **changes: Any) -> Entry:
        """Added to the books."""
        fields: dict[str, Any] = {
            "id": entry_id(self.now_us), "month": month, "tenant": tenant, "cost_center": "", "project": "",
            "kind": "credit" if nanos < 0 else "adjustment", "category": "", "amount_nanos": nanos,
            "description": "agreed", "reference": "", "created_us": self.now_us, "created_by": "books",
        }  # fmt: skip
        made = Entry(**{**fields, **changes})
        self.keeper.add(made)
        return made

    def close(self, month: str) -> list[Statement]:
        assert self.keeper.close(month, "office/books").new
        return month_statements(self.reader, month)

    def draft(self, month: str) -> MonthDraft:
        return self.keeper.draft(month)


def assert_adds_up(statements: Sequence[Statement], total_nanos: int, total_cents: int) -> None:
    """Lines to statements, statements to the month: in nano-dollars and in cents."""
    for statement in statements:
        head, lines = statement.head, statement.lines
        assert statement.holds
        assert sum(line.cents or 0 for line in lines) == head.total_cents
        assert sum(line.amount_nanos or 0 for line in lines) == head.total_nanos
    assert sum(statement.head.total_nanos for statement in statements) == total_nanos
    assert sum(statement.head.total_cents for statement in statements) == total_cents
    assert abs(total_cents * CENT - total_nanos) * 2 <= CENT
