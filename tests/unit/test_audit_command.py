"""`weir audit`, and the rows that other commands leave."""

from __future__ import annotations

import csv
import io
import json
import os
import pwd
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.commands.common import author, put_on_record
from metering.audit.entry import AuditUnavailable
from metering.ledger_url import open_ledger
from tests.by_hand import change_by_hand
from tests.unit.test_cli import written
from tests.unit.test_cli_meter import House as Books
from tests.unit.test_cli_meter import row as event

ME = f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


@pytest.fixture
def config(tmp_path: Path, ledger_url: str) -> Path:
    return written(tmp_path, ledger_url)


def weir(capsys: pytest.CaptureFixture[str], config: Path, *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main([*arguments, "--config", str(config)]) == code
    told = capsys.readouterr()
    return told.err if code and not told.out else told.out


def some_changes(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    weir(capsys, config, "tenants", "create", "globex", "--cost-center", "CC-2")
    weir(capsys, config, "keys", "create", "globex", "web")
    weir(capsys, config, "keys", "expire", "globex", "web", "2026-12-31")
    weir(capsys, config, "keys", "revoke", "globex", "web")
    weir(capsys, config, "tenants", "expire", "globex", "2026-12-31")
    weir(capsys, config, "tenants", "revoke", "globex")


def test_commands_leave_rows_that_verify(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    some_changes(capsys, config)
    rows = json.loads(weir(capsys, config, "audit", "list", "--json"))
    assert [(row["who"], row["action"], row["subject"]) for row in rows] == [
        (ME, "tenant.create", "tenant globex"),
        (ME, "key.create", "key globex/web"),
        (ME, "key.expire", "key globex/web"),
        (ME, "key.revoke", "key globex/web"),
        (ME, "tenant.expire", "tenant globex"),
        (ME, "tenant.revoke", "tenant globex"),
    ]
    assert rows[0]["before"] is None
    assert rows[0]["after"]["cost_center"] == "CC-2"
    head = weir(capsys, config, "audit", "head").strip()
    assert head == f"6:{rows[-1]['hash']}"
    told = weir(capsys, config, "audit", "verify", "--head", head)
    assert told == f"6 rows, all of them what was written\nhead {head}\n"


def test_lists_are_filtered_and_come_as_table_and_csv(
    capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.commands.audit.MAX_ROWS", 2)  # pages
    some_changes(capsys, config)

    def actions(*arguments: str) -> list[str]:
        listed = weir(capsys, config, "audit", "list", "--csv", *arguments)
        return [row["action"] for row in csv.DictReader(io.StringIO(listed))]

    assert len(actions()) == 6
    assert actions("--action", "key") == ["key.create", "key.expire", "key.revoke"]
    assert actions("--subject", "tenant globex", "--who", ME)[-1] == "tenant.revoke"
    assert (
        actions("--who", "nobody") == actions("--to", "2020-01-01") == actions("--from", "2999-01-01") == []
    )
    table = weir(capsys, config, "audit", "list").splitlines()
    assert table[0].split() == ["SEQ", "AT", "WHO", "ACTION", "SUBJECT", "BEFORE", "AFTER"]
    assert len(table) == 7
    assert weir(capsys, config, "audit", "list", "--who", "nobody") == "No changes.\n"
    refused = weir(capsys, config, "audit", "list", "--from", "2026-02-01", "--to", "2026-01-01", code=1)
    assert refused == "weir audit list: --from: the period ends before it starts\n"


def test_a_broken_log_is_told_with_its_first_row(
    capsys: pytest.CaptureFixture[str], config: Path, ledger_url: str
) -> None:
    some_changes(capsys, config)
    head = weir(capsys, config, "audit", "head").strip()
    change_by_hand(ledger_url, "UPDATE audit_log SET who = 'cli:nobody' WHERE seq = 4")
    told = weir(capsys, config, "audit", "verify", code=1)
    assert told.startswith("BROKEN at row 4 (changed): row 4 does not fit its hash")
    found: dict[str, Any] = json.loads(weir(capsys, config, "audit", "verify", "--json", code=1))
    assert (found["ok"], found["rows"], found["first_broken"]["kind"]) == (False, 3, "changed")
    change_by_hand(ledger_url, "DELETE FROM audit_log WHERE seq > 3")
    weir(capsys, config, "audit", "verify")
    told = weir(capsys, config, "audit", "verify", "--head", head, code=1)
    assert "rows 4 to 6 are gone" in told
    assert "write SEQ:HASH or HASH" in weir(capsys, config, "audit", "verify", "--head", "no", code=1)


def test_without_a_ledger_it_says_so(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    assert "there is no ledger at" in weir(capsys, config, "audit", "verify", code=1)


def test_other_commands_put_their_changes_on_record(
    capsys: pytest.CaptureFixture[str], config: Path, ledger_url: str
) -> None:
    """As closing a period does, through a hook that knows nothing of the ledger."""
    open_ledger(ledger_url).close()
    hook = partial(put_on_record, ledger_url)
    hook(author().who, "period.close", "period 2026-01", {"state": "open"}, {"state": "closed"})
    (row,) = json.loads(weir(capsys, config, "audit", "list", "--json"))
    assert (row["who"], row["action"]) == (ME, "period.close")
    assert (row["before"], row["after"]) == ({"state": "open"}, {"state": "closed"})
    with pytest.raises(AuditUnavailable):
        put_on_record("sqlite:////nowhere/weir.db", "a", "b.c", "d", None, None)


def test_an_empty_log_is_good(capsys: pytest.CaptureFixture[str], config: Path, ledger_url: str) -> None:
    open_ledger(ledger_url).close()
    assert weir(capsys, config, "audit", "verify").startswith("0 rows")
    head = weir(capsys, config, "audit", "head").strip()
    assert head == f"0:{'0' * 64}"
    weir(capsys, config, "audit", "verify", "--head", head)


def test_repricing_says_what_it_meant_to_do_and_did(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, ledger_url: str
) -> None:
    house = Books(tmp_path, ledger_url)
    house.hold(event(1), event(2))
    house.rate("3")
    weir(capsys, house.config, "reprice", "--dry-run")
    assert weir(capsys, house.config, "audit", "list") == "No changes.\n"
    weir(capsys, house.config, "reprice", "--from", "2026-01-01")
    intent, done = json.loads(weir(capsys, house.config, "audit", "list", "--json"))
    assert (intent["action"], intent["after"]["corrections"]) == ("reprice.intent", 2)
    assert (done["action"], done["after"]["written"], done["after"]["from"]) == (
        "reprice.done",
        2,
        "2026-01-01",
    )
    weir(capsys, house.config, "reprice")  # nothing is left to correct
    assert len(json.loads(weir(capsys, house.config, "audit", "list", "--json"))) == 2


def test_repricing_that_cannot_be_put_on_record_is_not_done(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, ledger_url: str
) -> None:
    house = Books(tmp_path, ledger_url)
    house.hold(event(1))
    house.rate("3")
    change_by_hand(ledger_url, "ALTER TABLE audit_log RENAME TO hidden")
    assert main(["reprice", "--config", str(house.config)]) == 1
    assert "the audit log cannot be written" in capsys.readouterr().err
    assert house.corrections() == []
