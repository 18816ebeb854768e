"""A configuration, its ledger and a vendor's files, for `weir reconcile`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from metering.books.entries import Entry, read_entries
from metering.days import day_start_us
from metering.event import Event
from metering.ledger_url import open_ledger, open_reader
from metering.reconcile.detect import VendorFile
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import make_event
from tests.fakes.vendor_bill import Use, day_at

PRICES = {"input": 250, "cache_read": 25, "cache_write": 250, "output": 2000}
FULL = {"input": 1000, "cache_read": 200, "cache_write": 0, "output": 100}
FULL_NANOS = sum(FULL[meter] * PRICES[meter] for meter in FULL)
SECOND_US = 1_000_000


class House:
    """A configuration, its ledger, and the vendor's files."""

    def __init__(self, folder: Path, ledger_url: str) -> None:
        self.folder, self.ledger_url = folder, ledger_url
        self.config = folder / "weir.yaml"
        self.config.write_text(
            f"""\
ledger: {ledger_url}
journal: {folder}/journal
backends:
  up:
    kind: openai
    url: https://up.example/v1
    api_key: '${{NOT_IN_THIS_SHELL}}'
    models: {{mini: gpt-5-mini, big: gpt-5}}
  gpu: {{kind: vllm, url: 'http://gpu:8000/v1', models: {{local: Qwen/Qwen3}}}}
models: {{auto: {{tiers: [mini, big]}}}}
tenants: {{acme: {{}}, globex: {{}}}}
rates:
  - {{model: mini, input: 0.25, cache_read: 0.025, output: 2}}
  - {{model: big, input: 0.25, cache_read: 0.025, output: 2}}
  - {{model: local, input: 1, output: 1}}
"""
        )

    def hold(self, *events: Event) -> None:
        with closing(open_ledger(self.ledger_url)) as ledger:
            ledger.append(events)

    def write(self, *files: VendorFile) -> list[str]:
        for file in files:
            (self.folder / file.name).write_bytes(file.data)
        return [str(self.folder / file.name) for file in files]


def row(number: int, day: int, model: str = "mini", **changes: Any) -> Event:
    fields = {
        "backend": "up",
        "served_model": model,
        "usage": TokenUsage(1000, 200, 0, 100, provenance=Provenance.VENDOR),
        "started_us": day_start_us(day_at(day)) + 3600 * SECOND_US,
        "finished_us": day_start_us(day_at(day)) + 3601 * SECOND_US,
        "list_nanos": FULL_NANOS,
        "cost_nanos": FULL_NANOS,
        "price_version": "rates:undated:0a0a0a0a",
        **changes,
    }
    return make_event(number, **fields)


def uses(day: int, model: str = "gpt-5-mini", times: int = 1, factor: int = 1) -> list[Use]:
    return [
        Use(day_at(day), model, meter, tokens * times, tokens * times * PRICES[meter] * factor)
        for meter, tokens in FULL.items()
        if tokens
    ]


def weir(capsys: pytest.CaptureFixture[str], house: House, *arguments: str) -> str:
    assert main(["reconcile", *arguments, "--config", str(house.config)]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], house: House, *arguments: str) -> str:
    assert main(["reconcile", *arguments, "--config", str(house.config)]) == 1
    return capsys.readouterr().err


def as_json(capsys: pytest.CaptureFixture[str], house: House, *arguments: str) -> Any:
    return json.loads(weir(capsys, house, *arguments, "--json"))


def nanos(found: Any) -> dict[str, int]:
    return {kind: amount["nanos"] for kind, amount in found["classes"].items()}


def entries(house: House) -> list[Entry]:
    return read_entries(open_reader(house.ledger_url))
