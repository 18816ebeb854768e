"""What a running gateway puts into the audit log: its configuration, at the start and at each reload."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.clock import SystemClock
from gateway.config_file import ConfigError, load
from gateway.management import management_app
from gateway.runtime import Runtime
from metering.audit.entry import AuditRow, AuditUnavailable
from metering.audit.read import AuditQuery, audit_rows
from tests.by_hand import change_by_hand
from tests.fakes.authors import BY

SECRET = "0f9d8c7b6a5f4e3d2c1b0a99"


class House:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "weir.yaml"
        self.url = f"sqlite:///{folder / 'weir.db'}"
        self.write()
        self.log = (folder / "log").open("w+b")
        self.runtime = self.start()

    def start(self) -> Runtime:
        return Runtime(load(self.path, os.environ), SystemClock(), log_fd=self.log.fileno())

    def write(self, price: str = "1", more: str = "") -> None:
        self.path.write_text(
            f"""\
ledger: {self.url}
journal: {self.folder}/journal
admin_key: {SECRET}
backends:
  up: {{kind: openai, url: 'http://127.0.0.1:9/v1', api_key: 'upstream-secret', models: {{m: m}}}}
rates: [{{model: m, input: {price}, output: 2}}]
{more}"""
        )

    def rows(self) -> list[AuditRow]:
        return audit_rows(self.runtime.reader, AuditQuery())

    def actions(self) -> list[str]:
        return [row.action for row in self.rows()]

    def said(self, event: str) -> list[dict[str, Any]]:
        self.log.seek(0)
        lines = [json.loads(line) for line in self.log.read().splitlines()]
        return [line for line in lines if line["event"] == event]


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.runtime.start()
    await house.runtime._watching[-1]  # which puts the start on record
    yield house
    await house.runtime.stop()
    house.log.close()


async def test_the_file_at_the_start_is_on_record_once(house: House) -> None:
    desk, loaded = house.runtime.audit, house.runtime.loaded
    assert desk.record_start(house.runtime.reader, loaded.path, loaded.text_hash)
    (row,) = house.rows()
    assert (row.who, row.action) == ("gateway:start", "config.start")
    assert row.subject == f"configuration {house.path}"
    assert row.after == f'{{"sha256":"{loaded.text_hash}"}}'
    assert desk.record_start(house.runtime.reader, loaded.path, "ab" * 32)
    assert house.actions() == ["config.start"] * 2


async def test_a_reload_says_which_settings_changed_and_no_secret(house: House) -> None:
    house.write("3", f"tenants: {{acme: {{keys: [{{name: web, hash: 'sha256:{'7' * 64}'}}]}}}}\n")
    await house.runtime.reload(BY)
    start, intent, done = house.rows()
    assert (intent.action, done.action) == ("config.reload.intent", "config.reload.done")
    assert (done.who, done.request_id) == (BY.who, BY.request_id)
    before, after = json.loads(done.before or ""), json.loads(done.after or "")
    assert before["settings"]["rates[0].input"] == "1"
    assert after["settings"]["rates[0].input"] == "3"
    assert after["settings"]["tenants.acme.keys[0].hash"] == "sha256:77777777..."
    assert "rates[0].output" not in after["settings"]
    assert (before["version"], after["version"], after["intent"]) == (1, 2, intent.seq)
    assert json.loads(start.after or "")["sha256"] == before["sha256"] != after["sha256"]
    everything = "".join(str(row) for row in house.rows())
    for secret in (SECRET, "upstream-secret", "7" * 9):
        assert secret not in everything
    desk, loaded = house.runtime.audit, house.runtime.loaded
    assert desk.record_start(house.runtime.reader, loaded.path, loaded.text_hash)  # known from the reload
    assert len(house.rows()) == 3


async def test_a_reload_that_is_refused_is_on_record_with_its_reasons(house: House) -> None:
    house.write(more="bakends: {}\n")
    with pytest.raises(ConfigError):
        await house.runtime.reload(BY)
    row = house.rows()[-1]
    assert row.action == "config.reload.refused"
    assert "bakends: unknown key" in (row.after or "")


async def test_without_an_audit_log_no_reload_and_one_line_about_it(house: House) -> None:
    change_by_hand(house.url, "ALTER TABLE audit_log RENAME TO hidden")
    house.write("3")
    with pytest.raises(AuditUnavailable):
        await house.runtime.reload(BY)
    assert not await house.runtime.reload_if_good("file")
    assert not await house.runtime.reload_if_good("file", again=True)
    assert house.runtime.services.live.snapshot.version == 1
    change_by_hand(house.url, "ALTER TABLE hidden RENAME TO audit_log")
    assert await house.runtime.reload_if_good("file", again=True)
    assert house.runtime.services.live.snapshot.version == 2
    assert house.rows()[-1].who == "gateway:file"
    await house.runtime.log.aclose()
    assert [line["ok"] for line in house.said("audit_log")] == [False, True]
    assert len(house.said("reload_refused")) == 1
    told = house.said("audit")[-1]
    assert (told["seq"], told["hash"]) == (house.rows()[-1].seq, house.rows()[-1].hash)


async def test_a_reload_that_fails_half_way_is_on_record(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(backends: object) -> None:
        raise OSError("no more sockets")

    monkeypatch.setattr(house.runtime.fleet, "reconcile", broken)
    with pytest.raises(OSError, match="no more sockets"):
        await house.runtime.reload(BY)
    assert house.actions()[1:] == ["config.reload.intent", "config.reload.failed"]
    assert "no more sockets" in (house.rows()[-1].after or "")


async def test_a_start_is_put_on_record_when_the_ledger_is_back(house: House) -> None:
    change_by_hand(house.url, "ALTER TABLE audit_log RENAME TO hidden")
    loaded = house.runtime.loaded
    assert not house.runtime.audit.record_start(house.runtime.reader, loaded.path, "ab" * 32)
    change_by_hand(house.url, "ALTER TABLE hidden RENAME TO audit_log")
    assert house.runtime.audit.record_start(house.runtime.reader, loaded.path, "ab" * 32)


async def test_others_write_through_management(house: House) -> None:
    """As closing a period does."""
    app: Any = management_app(house.runtime)
    app._services.audit("office/books", "period.close", "period 2026-01", None, {"number": 7})
    row = house.rows()[-1]
    assert (row.who, row.action, row.after) == ("office/books", "period.close", '{"number":7}')
    change_by_hand(house.url, "ALTER TABLE audit_log RENAME TO hidden")
    with pytest.raises(AuditUnavailable):
        app._services.audit("office/books", "period.close", "period 2026-02", None, None)
