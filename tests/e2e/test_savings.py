"""What the report says routing saved is what it saved: one mixed trace, routed and all on the large tier, on
real engines, into two ledgers whose difference is the saving to the nano-dollar.

The tokens must be the same in both runs, or the difference would be of answers and not of prices. So both
engines have the same weights and differ in name and price; answers have no randomness (temperature 0) and end
at `max_tokens`, whatever the model would say next (`ignore_eos`); and engines forget each prompt
(`cache_prompt: false`), since which prefix an engine still has depends on what it was asked before.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.cli import main
from gateway.tenants import make_key
from metering.ledger import LedgerReader
from metering.ledger_url import open_reader
from metering.reports import ReportQuery, UsageSums, usage_report
from tests.e2e.road import WEIGHTS
from tests.fakes.client import post
from tests.fakes.gateway_process import GatewayProcess

RATES = [{"model": "small", "input": "0.10", "output": "0.37"}, {"model": "large", "input": 3, "output": 11}]
MARKUP = {"legal": "1.13"}
TENANTS = ("shop", "legal", "batch")
RULES = [
    {"when": {"tenant": "legal"}, "use": "large"},
    {"when": {"tag": {"task": "classify"}}, "use": "small"},
]
LENGTHY = "Prove step by step why the algorithm must terminate, and derive its complexity exactly. "
PROMPTS = ("Hello", "Name a colour.", LENGTHY)


class Ask(NamedTuple):
    tenant: str
    path: str
    text: str
    tags: str
    stream: bool
    max_tokens: int
    ends: bool = False
    """At the first vowel: only an answer that ends by itself is kept in the cache."""


def trace() -> list[Ask]:
    """Chat, streamed and not, and completions, of three tenants; the last one comes again and is cached."""
    asks = []
    for number, text in enumerate(PROMPTS):
        for at, tenant in enumerate(TENANTS):
            path = "completions" if (number + at) % 4 == 3 else "chat/completions"
            task = ("chat", "classify")[(number + at) % 2]
            asks.append(Ask(tenant, path, text, f"task={task},turn=first", number % 2 == 1, 3 + at))
    kept = Ask("shop", "chat/completions", "Say hello.", "task=chat,turn=first", False, 32, True)
    return [*asks, kept, kept._replace(tags="task=chat,turn=again")]


class Run(NamedTuple):
    reader: LedgerReader
    config: Path

    def sums(self, **where: str) -> UsageSums:
        query = ReportQuery(
            ("tenant",), where={name.replace("tag_", "tag:"): to for name, to in where.items()}
        )
        return usage_report(self.reader, query).totals


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """(routed, all large), one after the other: two engines of one machine are enough."""
    routed, large = tmp_path_factory.mktemp("routed"), tmp_path_factory.mktemp("large")
    return (
        _run(routed, tiers=["small", "large"], rules=RULES),
        _run(large, tiers=["large"], cache={"exact": False}),
    )


def _run(folder: Path, tiers: list[str], **changes: Any) -> Run:
    keys = {tenant: make_key() for tenant in TENANTS}
    launch = {"weights": WEIGHTS, "context_tokens": 2048, "slots": 1, "threads": 1}
    config = {
        "ledger": f"sqlite:///{folder / 'weir.db'}",
        "backends": {
            f"engine-{model}": {"kind": "llamacpp", "launch": launch, "models": {model: "smollm2"}}
            for model in tiers
        },
        "models": {"auto": {"tiers": tiers}},
        "tenants": {
            tenant: {"keys": [{"name": "k", "project": "p", "hash": keys[tenant][1]}]} for tenant in TENANTS
        },
        "rates": [rate for rate in RATES if rate["model"] in tiers],
        "markup": {"tenants": MARKUP},
        **changes,
    }
    with GatewayProcess(config, folder) as gateway:
        asyncio.run(_ask_all(gateway.base_url, {tenant: key for tenant, (key, _) in keys.items()}))
    return Run(open_reader(config["ledger"]), folder / "weir.yaml")


async def _ask_all(base_url: str, keys: dict[str, str]) -> None:
    """One after the other: in a batch, sums of floats come in another order and may say another token."""
    for ask in trace():
        said = {"prompt": ask.text}
        if ask.path != "completions":
            said = {"messages": [{"role": "user", "content": ask.text}]}
        body = {
            "model": "auto",
            **said,
            "stream": ask.stream,
            "max_tokens": ask.max_tokens,
            "temperature": 0,
            "seed": 1,
            "ignore_eos": True,
            "cache_prompt": False,
            **({"stop": list("aeiou")} if ask.ends else {}),
        }
        headers = {"x-weir-tags": ask.tags}
        answer = await post(f"{base_url}/{ask.path}", body, key=keys[ask.tenant], headers=headers)
        assert answer.status == 200, answer.body


def test_both_runs_did_the_same_work(runs: tuple[Run, Run]) -> None:
    routed, large = (run.sums(tag_turn="first") for run in runs)
    assert routed.attempts == large.attempts == len(trace()) - 1
    for name in ("input_uncached_tokens", "cache_read_tokens", "output_tokens", "unknown_cost_events"):
        assert getattr(routed, name) == getattr(large, name), name
    assert routed.output_tokens >= sum(ask.max_tokens for ask in trace() if not ask.ends)
    tiers = usage_report(runs[0].reader, ReportQuery(("model",), where={"tag:turn": "first"}))
    assert {row.group[0] for row in tiers.rows} == {"small", "large"}


@pytest.mark.parametrize("tenant", [*TENANTS, ""])
def test_saved_by_route_is_the_difference_of_the_ledgers(runs: tuple[Run, Run], tenant: str) -> None:
    """Of each tenant, with its markup, and of all together."""
    where = {"tag_turn": "first", **({"tenant": tenant} if tenant else {})}
    routed, large = (run.sums(**where) for run in runs)
    assert routed.cost_nanos is not None
    assert large.cost_nanos is not None
    saved = large.cost_nanos - routed.cost_nanos
    assert routed.saved_by_route_nanos == saved
    assert routed.baseline_nanos == large.cost_nanos
    assert (saved > 0) == (tenant != "legal"), "a rule keeps legal on the large tier"
    assert not routed.saved_by_cache_nanos


def test_what_the_cache_saved_is_no_part_of_it(runs: tuple[Run, Run]) -> None:
    routed, large = (run.sums(tag_turn="again") for run in runs)
    assert (routed.hits, routed.attempts, routed.cost_nanos) == (1, 0, 0)
    by_cache, by_route = routed.saved_by_cache_nanos, routed.saved_by_route_nanos
    assert by_cache is not None
    assert by_route is not None
    assert by_cache > 0
    assert by_cache + by_route == large.cost_nanos, "bought again, it would have been routed again"
    whole, all_large = (run.sums() for run in runs)
    parts = (all_large.cost_nanos, whole.cost_nanos, whole.saved_by_route_nanos, whole.saved_by_cache_nanos)
    assert None not in parts
    cost_large, cost_routed, all_by_route, all_by_cache = (part or 0 for part in parts)
    assert cost_large - cost_routed == all_by_route + all_by_cache


def test_the_command_prints_it(runs: tuple[Run, Run], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--config", str(runs[0].config), "--by", "tenant", "--csv"]) == 0
    told = capsys.readouterr().out
    assert "saved_by_route_usd" in told.splitlines()[0]
    saved = runs[0].sums(tenant="shop").saved_by_route_nanos
    assert saved is not None
    assert f",{saved / 1e9:.9f}".rstrip("0") in told


def test_the_replay_of_the_routed_ledger_costs_what_the_other_run_did(
    runs: tuple[Run, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    """`weir simulate` with the file of the run that was all large, to the nano-dollar. A hit stays one."""
    routed, large = runs
    files = ["--config", str(routed.config), "--policy", str(large.config)]
    assert main(["simulate", *files, "--from-ledger", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["totals"]["before_nanos"] == routed.sums().cost_nanos
    assert found["totals"]["after_nanos"] == large.sums(tag_turn="first").cost_nanos
    assert found["not_replayed"] == {"the cache answered, before any routing": 1}
    assert main(["simulate", "--config", files[1], "--policy", files[1], "--from-ledger", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["totals"]["change_nanos"] == 0
    assert again["repeated"] == again["comparable"] == len(trace()) - 1
