"""Load on a gateway in which every request can be found again: its marker stands in the body, where the
upstream sees it, and in a label, where the ledger keeps it.

Witness and ledger are compared by (marker, attempt): what arrived at the upstream is what was sent, and a
row is what was metered.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from metering.event import Event
from metering.event_query import MAX_EVENTS, query_events
from metering.ledger_url import open_reader
from tests.fakes.client import Answer, post

KEY = "weir-sk-fault-proofs-0123456789abcdefghijklmnop"
TICK_S = 0.02

Placed = tuple[str, int]
"""A marker and the number of the attempt."""


def config(ledger: str, upstream_url: str, models: Iterable[str], **more: Any) -> dict[str, Any]:
    """A gateway of one key on the fake upstream, whose modes are the models' names."""
    names = list(models)
    backend = {
        "kind": "openai",
        "url": upstream_url,
        "models": {name: name for name in names},
        "health": {"every": 0},
        "breaker": {"failures": 1_000_000},
    }
    key = {"name": "load", "hash": "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()}
    return {
        "ledger": ledger,
        "backends": {"witnessed": backend},
        "tenants": {"acme": {"keys": [key]}},
        "rates": [{"model": name, "input": 2, "output": 8} for name in names],
        **more,
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client met."""

    marker: str
    answer: Answer
    took_s: float

    @property
    def served(self) -> bool:
        """A good answer, to its last byte."""
        return self.answer.status == 200 and self.answer.whole

    @property
    def code(self) -> str:
        """Of an error answer; '' for any other."""
        if not self.answer.whole or self.answer.status < 400:
            return ""
        return str(self.answer.json()["error"]["code"])


async def ask(base_url: str, model: str, marker: str, *, stream: bool = False) -> Asked:
    """One request on a connection of its own. A gateway that is gone, or goes, is no error here."""
    fields: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": f"[id:{marker}] hello"}],
    }
    if stream:
        fields["stream"] = True
    began_s = time.monotonic()
    answer = Answer()
    with suppress(OSError):
        answer = await post(
            f"{base_url}/chat/completions", fields, key=KEY, headers={"x-weir-tags": f"id={marker}"}
        )
    return Asked(marker, answer, time.monotonic() - began_s)


@dataclass(slots=True)
class Load:
    """Plain calls at a steady rate, whatever becomes of those under way, until `stop`."""

    base_url: str
    model: str
    prefix: str
    per_s: float
    begun: int = 0
    lasted_s: float = 0.0
    _asking: list[asyncio.Task[Asked]] = field(default_factory=list)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> list[Asked]:
        """Everything that was asked, when the last of it has ended."""
        began_s = time.monotonic()
        while not self._stopping.is_set():
            self.lasted_s = time.monotonic() - began_s
            while self.begun < self.lasted_s * self.per_s:
                marker = f"{self.prefix}-{self.begun}"
                self._asking.append(asyncio.create_task(ask(self.base_url, self.model, marker)))
                self.begun += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_S)
        return list(await asyncio.gather(*self._asking))

    def stop(self) -> None:
        self._stopping.set()


async def metric(base_url: str, name: str) -> float:
    """One gauge without labels, as Prometheus would read it now."""
    text = (await post(base_url.removesuffix("/v1") + "/metrics", b"", method="GET")).body.decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found is not None, f"no {name} in {text}"
    return float(found[1])


def rows_of(ledger: str) -> list[Event]:
    """Every row of the ledger. Blocks."""
    reader = open_reader(ledger)
    rows: list[Event] = []
    while more := query_events(reader, limit=MAX_EVENTS, after=rows[-1].id if rows else None):
        rows += more
    return rows


def placed(row: Event) -> Placed:
    return str(orjson.loads(row.tags).get("id", "")), row.attempt


def compare(rows: Iterable[Event], arrivals: Iterable[Placed], may_be_unseen: Callable[[Event], bool]) -> int:
    """Nothing missing and nothing double: each arrival has one row, and each row its arrival, unless it
    `may_be_unseen`. Returns how many rows had no arrival."""
    by_place = {placed(row): row for row in rows}
    held, came = Counter(map(placed, rows)), Counter(arrivals)
    assert [place for place, count in held.items() if count > 1] == [], "two rows for one attempt"
    assert [place for place, count in came.items() if count > 1] == [], (
        "the upstream counted one attempt twice"
    )
    missing = came.keys() - held.keys()
    assert not missing, f"{len(missing)} attempts of {len(came)} without a row: {sorted(missing)[:5]}"
    unseen = held.keys() - came.keys()
    wrong = [by_place[place] for place in unseen if not may_be_unseen(by_place[place])]
    assert not wrong, f"{len(wrong)} rows without an attempt: {wrong[:3]}"
    return len(unseen)


def news(log: str, event: str) -> list[dict[str, Any]]:
    """The log lines of that event, in order."""
    lines = (line for line in log.splitlines() if line.startswith("{"))
    return [line for line in map(orjson.loads, lines) if line["event"] == event]
