"""An event as a row, in this form and in the shorter one that a journal of an older release may hold."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from metering.event import Routing
from metering.event_query import query_events
from metering.ledger import EventRejected
from metering.ledger_url import open_ledger, open_reader
from metering.rows import ADDED_COLUMNS, COLUMNS, ROUTING_COLUMNS, from_row, to_row, whole
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event

HOURLY = TokenUsage(10, 0, 50, 5, 0, Provenance.VENDOR, cache_write_1h=20)


SCORED = Routing(123_456, 100_000, 1, "builtin-1", 77, "json_schema,tools")
RULED = Routing(None, None, None, None, 0, "")


@pytest.mark.parametrize("usage", [None, TokenUsage(), HOURLY])
@pytest.mark.parametrize("routing", [None, SCORED, RULED])
@pytest.mark.parametrize("avoided", [None, 0, 17])
def test_an_event_is_its_row_and_back(
    usage: TokenUsage | None, routing: Routing | None, avoided: int | None
) -> None:
    event = make_event(1, usage=usage, routing=routing, avoided_nanos=avoided)
    row = to_row(event)
    assert len(row) == len(COLUMNS)
    assert from_row(row) == event


def test_the_shorter_forms_are_padded_and_nothing_else_is() -> None:
    event = make_event(1, usage=TokenUsage(10, 0, 50, 5))
    short = to_row(event)[: -len(ADDED_COLUMNS)]
    assert from_row(short) == event
    assert whole(short) == (*short, *(None,) * len(ADDED_COLUMNS))
    older = to_row(event)[: -len(ROUTING_COLUMNS) - 1]
    assert from_row(older) == event
    assert from_row(to_row(replace(event, routing=SCORED))[:-1]) == replace(event, routing=SCORED)
    assert whole(to_row(event)[:-2]) == to_row(event)[:-2]
    assert whole(to_row(event)) == to_row(event)
    assert whole(short[:-1]) == short[:-1]


def test_the_ledger_keeps_hour_long_cache_writes_and_takes_older_rows(ledger_url: str) -> None:
    older = make_event(2, usage=TokenUsage(10, 0, 50, 5))
    with closing(open_ledger(ledger_url)) as ledger:
        ledger.append([make_event(1, usage=HOURLY, routing=SCORED)])
        assert ledger.append_rows([to_row(older)[: -len(ADDED_COLUMNS)]]) == 1
        with pytest.raises(EventRejected):
            ledger.append_rows([to_row(make_event(3))[: -len(ADDED_COLUMNS) - 1]])
    first, second = query_events(open_reader(ledger_url))
    assert first.usage == HOURLY
    assert first.routing == SCORED
    assert second == older
