"""A vendor's bill that differs from the ledger in every way but one, and what `weir reconcile` says of it.

    python examples/reconcile.py

Makes a ledger of a few requests and OpenAI's cost and usage reports in a temporary folder: one request that
the vendor does not show, one that it shows a day late, a day charged at twice the price, and use past the
gateway.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.cli import main
from metering.event import Event
from metering.ledger_url import open_ledger
from metering.outcome import Outcome
from metering.usage import Provenance, TokenUsage

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
INPUT, OUTPUT = 40_000, 5_000
INPUT_NANOS, OUTPUT_NANOS = INPUT * 250, OUTPUT * 2_000
"""At 0.25 and 2 USD per million tokens."""

CONFIG = """\
ledger: sqlite:///{folder}/weir.db
backends:
  openai: {{kind: openai, url: 'https://api.openai.com/v1', models: {{gpt-5-mini: gpt-5-mini}}}}
tenants: {{acme: {{}}, globex: {{}}}}
rates: [{{model: gpt-5-mini, input: 0.25, output: 2}}]
"""


def request(number: int, day: int, tenant: str) -> Event:
    """One answered request, at noon."""
    started_us = int((FIRST + timedelta(days=day, hours=12)).timestamp()) * 1_000_000
    nanos = INPUT_NANOS + OUTPUT_NANOS
    return Event(
        id=f"01K6F{number:021d}",
        request_id=f"req_{number}",
        attempt=1,
        started_us=started_us,
        finished_us=started_us + 900_000,
        tenant=tenant,
        cost_center="",
        project="",
        key="web",
        tags="{}",
        api="chat.completions",
        requested_model="gpt-5-mini",
        route="",
        tier="",
        reason="direct",
        backend="openai",
        served_model="gpt-5-mini",
        outcome=Outcome.COMPLETED,
        status=200,
        error="",
        stream=False,
        usage=TokenUsage(INPUT, output=OUTPUT, provenance=Provenance.VENDOR),
        price_version="rates:undated:example0",
        list_nanos=nanos,
        cost_nanos=nanos,
        baseline_nanos=nanos,
        cache_status="miss",
        queue_us=0,
        first_token_us=300_000,
        total_us=900_000,
        overhead_us=200,
        stand_in=False,
    )


def bucket(day: int, results: list[dict[str, Any]]) -> dict[str, Any]:
    start = int((FIRST + timedelta(days=day)).timestamp())
    return {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": results}


def cost(item: str, nanos: int) -> dict[str, Any]:
    return {
        "amount": {"value": nanos / 1e9, "currency": "usd"},
        "line_item": f"gpt-5-mini-2025-08-07, {item}",
    }


def reports(days: dict[int, tuple[int, int]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Costs and usage; per day how many such requests the vendor saw, and at how many times the price."""
    costs, usage = [], []
    for day, (seen, price) in days.items():
        charged = [cost("input", INPUT_NANOS * seen * price), cost("output", OUTPUT_NANOS * seen * price)]
        tokens = {
            "input_tokens": INPUT * seen,
            "output_tokens": OUTPUT * seen,
            "model": "gpt-5-mini-2025-08-07",
        }
        costs.append(bucket(day, charged if seen else []))
        usage.append(bucket(day, [tokens] if seen else []))
    return {"object": "page", "data": costs}, {"object": "page", "data": usage}


def run() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "weir.yaml"
        config.write_text(CONFIG.format(folder=folder))
        with closing(open_ledger(f"sqlite:///{folder}/weir.db")) as ledger:
            tenants = {0: "acme", 1: "acme", 2: "globex", 5: "globex", 7: "acme"}
            ledger.append([request(day, day, tenant) for day, tenant in tenants.items()])
        # Day 1 is missing, day 2 comes a day late, day 5 is twice as dear, day 7 has three requests, not one.
        seen = {0: (1, 1), 1: (0, 1), 2: (0, 1), 3: (1, 1), 4: (0, 1), 5: (1, 2), 6: (0, 1), 7: (3, 1)}
        files = [folder / "costs.json", folder / "usage.json"]
        for file, report in zip(files, reports(seen), strict=True):
            file.write_text(json.dumps(report))
        return main(["reconcile", *map(str, files), "--adjust", "--config", str(config)])


if __name__ == "__main__":
    sys.exit(run())
