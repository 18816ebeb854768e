"""What a key may ask of /v1/usage, and the desk that reads it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.api.usage import own_query, parameters
from gateway.errors import BadRequest, Unavailable
from gateway.tenants import Caller
from gateway.usage_desk import MOST_WAITING, UsageDesk
from metering.ledger import LedgerError
from metering.periods import ReportError
from metering.reports import ReportQuery, UsageReport, UsageSums

CALLER = Caller("acme", "CC-1", "site", "web", "tenant", None)


def test_whose_usage_it_is_comes_from_the_key_alone() -> None:
    query = own_query(CALLER, parameters(b"from=2026-01-02&to=2026-01-02&group_by=day,tag:team"))
    assert query.where == {"tenant": "acme", "key": "web"}
    assert query.group_by == ("day", "tag:team")
    assert query.from_us is not None
    assert query.until_us == query.from_us + 86_400_000_000
    assert own_query(CALLER, {}).group_by == ("model", "day")


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        (b"tenant=globex", "tenant"),
        (b"key=other", "key"),
        (b"tag=team=red", "tag"),
        (b"from=2026-01-01&from=2026-01-02", "from"),
        (b"group_by=key", "group_by"),
        (b"group_by=tenant", "group_by"),
        (b"group_by=tag:a%00b", "group_by"),
        (b"group_by=model,day,api,project,backend", "group_by"),
        (b"from=yesterday", "from"),
        (b"to=9999-12-31", "to"),
        (b"from=2026-01-03&to=2026-01-01", None),
        (b"group_by=", None),
        (b"time_zone=Mars/Olympus", None),
        (b"%00=1", "\x00"),
    ],
)
def test_other_questions_are_refused_by_name(asked: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as refused:
        own_query(CALLER, parameters(asked))
    assert refused.value.param == param


def empty(query: ReportQuery) -> UsageReport:
    names = UsageSums.__slots__
    return UsageReport(query, (), UsageSums(**dict.fromkeys(names, 0)))


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(LedgerError("postgresql://db.internal is away"), Unavailable), (ReportError("from: no"), BadRequest)],
)
async def test_failures_of_the_ledger_are_told_without_its_address(
    failure: Exception, raised: type[BadRequest | Unavailable]
) -> None:
    def read(query: ReportQuery) -> UsageReport:
        raise failure

    desk = UsageDesk(read)
    with pytest.raises(raised) as told:
        await desk.report(ReportQuery())
    assert "db.internal" not in str(told.value)
    desk.close()


async def test_reports_beyond_a_number_are_refused_until_others_are_done() -> None:
    go = threading.Event()

    def read(query: ReportQuery) -> UsageReport:
        assert go.wait(10)
        return empty(query)

    desk = UsageDesk(read)
    waiting = [asyncio.create_task(desk.report(ReportQuery())) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="Too many reports"):
        await desk.report(ReportQuery())
    go.set()
    assert len(await asyncio.gather(*waiting)) == MOST_WAITING
    assert (await desk.report(ReportQuery())).totals.requests == 0
    desk.close()
