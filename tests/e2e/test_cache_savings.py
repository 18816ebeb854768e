"""What the report says the cache saved is what it saved: one repeating workload with the cache and without
it, into two ledgers whose difference in cost is the saving to the nano-dollar.

The upstream is a fake whose usage follows from the prompt alone, prompt caches, reasoning and service tiers
included: what is bought twice costs the same twice.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.tenants import make_key
from metering.cache_report import CacheQuery, cache_report
from metering.event_query import query_events
from metering.ledger import LedgerReader
from metering.ledger_url import open_reader
from metering.money import format_usd
from metering.reports import ReportQuery, UsageSums, usage_report
from tests.e2e.place import ADMIN_KEY, until
from tests.fakes.client import post
from tests.fakes.gateway_process import ROOT, GatewayProcess
from tests.fakes.upstream import FakeUpstream

TENANTS = ("shop", "legal", "batch")
MODELS = ("small", "large")
RATES = [
    {
        "model": "small",
        "input": "0.107",
        "output": "0.371",
        "cache_read": "0.0131",
        "reasoning": "0.5",
        "service": {"flex": "0.37"},
    },
    {"model": "large", "input": 3, "output": "11.7", "cache_read": "0.3", "service": {"flex": "0.5"}},
]
RULES = [
    {"when": {"tag": {"task": "classify"}}, "use": "small"},
    {"when": {"tag": {"task": "reason"}}, "use": "large"},
]


WORDINGS = ("How can I learn to play the guitar?", "how can I learn to play the guitar")


class Ask(NamedTuple):
    tenant: str
    model: str
    task: str
    topic: int
    """The usage of its answers follows from it."""
    text: str
    stream: bool
    shows_usage: bool
    service_tier: str | None


def workload() -> list[Ask]:
    """Few questions in two wordings, asked again and again in every form, by all tenants."""
    dice = random.Random(6)
    return [
        Ask(
            dice.choice(TENANTS),
            dice.choice(("auto", "auto", "small")),
            dice.choice(("classify", "reason")),
            dice.randrange(4),
            dice.choice(WORDINGS),
            dice.random() < 0.5,
            dice.random() < 0.5,
            dice.choice((None, None, "flex")),
        )
        for _ in range(160)
    ]


class Run(NamedTuple):
    reader: LedgerReader
    status: str
    """What `weir cache status` printed at the end."""

    def sums(self, **where: str) -> UsageSums:
        return usage_report(self.reader, ReportQuery(("tenant",), where=where)).totals


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """(with the cache, without it)."""
    kept, bought = tmp_path_factory.mktemp("kept"), tmp_path_factory.mktemp("bought")
    return asyncio.run(_run(kept)), asyncio.run(_run(bought, cache={"exact": False, "canonical": False}))


async def _run(folder: Path, **changes: Any) -> Run:
    keys = {tenant: make_key() for tenant in TENANTS}
    async with FakeUpstream() as upstream:
        config = {
            "admin_key": ADMIN_KEY,
            "ledger": f"sqlite:///{folder / 'weir.db'}",
            "backends": {
                f"on-{model}": {
                    "kind": "openai",
                    "url": upstream.base_url,
                    "models": {model: "fake/detailed"},
                    "health": {"every": 0},
                }
                for model in MODELS
            },
            "models": {"auto": {"tiers": list(MODELS)}},
            "rules": RULES,
            "tenants": {t: {"keys": [{"name": "k", "hash": keys[t][1]}]} for t in TENANTS},
            "rates": RATES,
            "markup": {"default": "1.0", "tenants": {"legal": "1.13"}},
            "discount": {"tenants": {"batch": "0.07"}},
            **changes,
        }
        gateway = GatewayProcess(config, folder)
        await asyncio.to_thread(gateway.__enter__)
        try:
            for ask in workload():
                await _ask(gateway.base_url, keys[ask.tenant][0], ask)
            status = await asyncio.to_thread(_status, folder, gateway.base_url.removesuffix("/v1"))
        finally:
            await asyncio.to_thread(gateway.stop)
    return Run(open_reader(str(config["ledger"])), status)


def _status(folder: Path, url: str) -> str:
    """Once the ledger has every row."""
    command = [sys.executable, "-m", "gateway.cli", "cache", "status"]
    command += ["--config", str(folder / "weir.yaml"), "--url", url]
    reader = open_reader(f"sqlite:///{folder / 'weir.db'}")
    until(lambda: usage_report(reader, ReportQuery()).totals.requests == len(workload()), "every row")
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


async def _ask(base_url: str, key: str, ask: Ask) -> None:
    body: dict[str, Any] = {
        "model": ask.model,
        "messages": [
            {"role": "system", "content": f"[id:topic{ask.topic}]"},
            {"role": "user", "content": ask.text},
        ],
        "temperature": 0,
        "stream": ask.stream,
    }
    if ask.stream and ask.shows_usage:
        body["stream_options"] = {"include_usage": True}
    if ask.service_tier is not None:
        body["service_tier"] = ask.service_tier
    headers = {"x-weir-tags": f"task={ask.task}"}
    answer = await post(f"{base_url}/chat/completions", body, key=key, headers=headers)
    assert answer.status == 200, answer.body
    assert answer.whole


def test_the_workload_repeats_itself(runs: tuple[Run, Run]) -> None:
    kept, bought = (run.sums() for run in runs)
    assert kept.hits + kept.attempts == kept.requests == bought.requests == bought.attempts == len(workload())
    assert bought.hits == 0
    assert kept.hits > len(workload()) // 4
    assert (kept.unknown_cost_events, bought.unknown_cost_events, kept.unpriced_hits) == (0, 0, 0)
    assert kept.cache_read_tokens > 0
    assert kept.reasoning_tokens > 0
    tiers = usage_report(
        runs[0].reader, ReportQuery(("model",), where={"route": "auto", "category": "cache"})
    )
    assert {row.group[0] for row in tiers.rows} == set(MODELS)


@pytest.mark.parametrize(
    "where", [{}, *({"tenant": tenant} for tenant in TENANTS), {"requested_model": "auto"}]
)
def test_saved_by_cache_is_the_cost_of_the_answers_not_bought(
    runs: tuple[Run, Run], where: dict[str, str]
) -> None:
    kept, bought = (run.sums(**where) for run in runs)
    assert kept.cost_nanos is not None
    assert bought.cost_nanos is not None
    assert kept.saved_by_cache_nanos == bought.cost_nanos - kept.cost_nanos
    assert kept.saved_by_cache_nanos > 0


def test_what_routing_saves_is_the_same_with_the_cache_and_without(runs: tuple[Run, Run]) -> None:
    kept, bought = (run.sums() for run in runs)
    assert kept.saved_by_route_nanos == bought.saved_by_route_nanos
    assert kept.baseline_nanos == bought.baseline_nanos
    parts = (kept.cost_nanos, kept.saved_by_cache_nanos, kept.saved_by_route_nanos)
    assert sum(part or 0 for part in parts) == kept.baseline_nanos


def test_a_hit_names_the_price_that_it_did_not_pay(runs: tuple[Run, Run]) -> None:
    hits = [event for event in query_events(runs[0].reader, limit=1000) if event.kind == "hit"]
    assert {event.cost_nanos for event in hits} == {0}
    assert any(";tier=flex" in event.price_version for event in hits)
    assert all(event.price_version.startswith("rates:") and event.avoided_nanos for event in hits)


def test_the_cache_report_says_so_too(runs: tuple[Run, Run]) -> None:
    kept = runs[0].sums()
    told = cache_report(runs[0].reader, CacheQuery())
    assert [line.route for line in told.lines] == ["auto", "small"]
    assert set(told.total.hits) == {"exact", "canonical"}
    assert told.total.hit_count == kept.hits
    assert told.total.misses == kept.attempts
    assert told.net_nanos == told.total.saved_nanos == kept.saved_by_cache_nanos


def test_the_command_prints_it(runs: tuple[Run, Run]) -> None:
    kept, bought = (run.status for run in runs)
    total = next(line.split() for line in kept.splitlines() if line.startswith("total"))
    saved = runs[0].sums().saved_by_cache_nanos
    assert saved is not None
    assert total[-4] == format_usd(saved, len(total[-4].partition(".")[2]))
    assert total[-1] == total[-4], "no audits, no price of storage: all of it is net"
    assert "saved USD" in kept
    assert "The cache was not asked in this period." in bought


def test_what_answers_occupied_is_metered_and_costs_nothing_without_a_price(runs: tuple[Run, Run]) -> None:
    kept, bought = (usage_report(run.reader, ReportQuery(("tenant", "category"))) for run in runs)
    stored = {row.group[0]: row.sums for row in kept.rows if row.group[1] == "cache storage"}
    assert set(stored) == set(TENANTS)
    assert all(sums.storage_byte_seconds > 0 for sums in stored.values())
    assert (kept.totals.unpriced_storage_byte_seconds, bought.totals.storage_byte_seconds) == (
        kept.totals.storage_byte_seconds,
        0,
    )
