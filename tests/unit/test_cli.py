from __future__ import annotations

import csv
import importlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, main
from gateway.clock import ManualClock
from gateway.config_file import load
from gateway.errors import Unauthorized
from gateway.keystore import open_key_store
from gateway.keywatch import KeyWatcher
from gateway.tenants import hash_key
from gateway.version import __version__
from metering.event import Event
from metering.outcome import Outcome
from metering.sqlite_ledger import SqliteLedger
from metering.usage import Provenance, TokenUsage

HASH = "sha256:" + "1" * 64


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return written(tmp_path, f"sqlite:///{tmp_path}/weir.db")


@pytest.fixture
def either_config(tmp_path: Path, ledger_url: str) -> Path:
    """Once per database."""
    return written(tmp_path, ledger_url)


def written(folder: Path, ledger_url: str) -> Path:
    path = folder / "weir.yaml"
    path.write_text(
        f"""\
ledger: {ledger_url}
backends:
  up: {{kind: openai, url: 'https://up.example/v1', api_key: '${{NOT_IN_THIS_SHELL}}', models: {{m: m}}}}
models: {{auto: {{tiers: [m]}}}}
tenants:
  acme: {{cost_center: CC-1, keys: [{{name: web, hash: '{HASH}'}}]}}
rates: [{{model: m, input: 0.25, output: 2}}]
"""
    )
    return path


def out(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(arguments) == code
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What stands on stderr of a command line that makes no sense."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_the_version_and_the_overview_import_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys, gateway.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    code += "slow = {'pydantic', 'fastapi', 'genai_prices'} & set(sys.modules)\n"
    code += "assert not slow and not [m for m in sys.modules if m.startswith('gateway.commands.')]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"weir {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], name: str) -> None:
    module = importlib.import_module(f"gateway.commands.{name}")
    assert COMMANDS[name] == module.HELP
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: weir {name}")
    assert (module.__doc__ or "").split("\n")[0] in text


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nix",),
        ("serve",),
        ("serve", "weir.yaml", "--port", "70000"),
        ("keys",),
        ("keys", "create", "acme"),
        ("keys", "create", "acme", "x", "--expires", "soon"),
        ("keys", "create", "acme", "x", "--role", "king"),
        ("report", "--from", "yesterday"),
        ("report", "--json", "--csv"),
        ("report", "--config", "a", "--ledger", "b"),
    ],
)
def test_wrong_command_lines_exit_with_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert "usage: weir" in refused(capsys, *arguments)


def test_check_says_what_a_file_means(
    capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_IN_THIS_SHELL", "sk-secret-upstream")
    text = out(capsys, "check", str(config))
    for words in (
        "Listens on http://127.0.0.1:8080",
        "up: openai, https://up.example/v1, with a key",
        "m on up: context unknown, $0.25 in, $2 out per million tokens (rates)",
        "auto (balanced): m",
        "Cache: identical requests, and those that differ only in how they are written, within one tenant, "
        "for 3600 s, 64 MB at most.",
        "acme: all models; keys: web",
    ):
        assert words in text
    assert text.endswith("OK\n")
    assert "sk-secret-upstream" not in text
    meaning = json.loads(out(capsys, "check", str(config), "--json"))
    assert meaning["ok"] is True
    assert meaning["meaning"]["models"][0]["input_usd_per_million"] == "0.25"


def test_check_names_every_mistake_and_exits_with_1(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    config.write_text(config.read_text().replace("tiers: [m]", "tiers: [mm]") + "alerts: []\n")
    assert main(["check", str(config)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{config}:").split(": ")[0] for line in lines] == [
        "3:61",
        "4:25",
        "8:1",
        "3 mistakes",
    ]
    found = json.loads(out(capsys, "check", str(config), "--json", code=1))
    assert [problem["line"] for problem in found["problems"]] == [3, 4, 8]
    assert found["problems"][1]["path"] == "models.auto.tiers[0]"


def test_check_asks_the_catalogue_for_prices(
    capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_IN_THIS_SHELL", "k")
    config.write_text(config.read_text().replace("model: m,", "model: m, from: 2999-01-01,"))
    assert main(["check", str(config)]) == 1
    assert "backends.up.models.m: no price is known" in capsys.readouterr().err
    config.write_text(config.read_text().replace("{m: m}", "{m: gpt-5-mini}"))
    assert "(genai-prices)" in out(capsys, "check", str(config))


def test_check_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(out(capsys, "check", "--schema"))
    assert "backends" in schema["properties"]
    assert main(["check"]) == 2


def test_keys_made_by_the_command_open_a_gateway_and_revoked_ones_do_not(
    capsys: pytest.CaptureFixture[str], either_config: Path
) -> None:
    at = ("--config", str(either_config))
    out(capsys, "tenants", "create", "globex", "--cost-center", "CC-2", *at)
    plain = out(
        capsys, "keys", "create", "globex", "api", "--project", "p", "--models", "auto,m", *at
    ).strip()
    settings = load(either_config, {"NOT_IN_THIS_SHELL": "k"}).settings
    watcher = KeyWatcher(open_key_store(settings.ledger), settings, ManualClock())
    watcher.refresh()
    caller = watcher.identify(None, plain.encode())
    assert (caller.tenant, caller.cost_center, caller.project, caller.models) == (
        "globex",
        "CC-2",
        "p",
        {"auto", "m"},
    )
    assert "globex/api is revoked" in out(capsys, "keys", "revoke", "globex", "api", *at)
    watcher.refresh()
    with pytest.raises(Unauthorized):
        watcher.identify(None, plain.encode())
    listed = json.loads(out(capsys, "keys", "list", "--json", *at))
    assert [(key["tenant"], key["name"], key["source"]) for key in listed] == [
        ("acme", "web", "file"),
        ("globex", "api", "store"),
    ]
    assert plain not in json.dumps(listed)
    assert "globex  api" in out(capsys, "keys", "list", "--tenant", "globex", *at)
    out(capsys, "tenants", "revoke", "globex", *at)
    assert "globex  CC-2" in out(capsys, "tenants", "list", *at)
    watcher.stop()


def test_expiry_can_be_set_later(capsys: pytest.CaptureFixture[str], either_config: Path) -> None:
    at = ("--config", str(either_config))
    out(capsys, "keys", "create", "acme", "batch", "--expires", "2030-01-01", *at)
    assert "until 2031-06-01T12:00:00Z" in out(
        capsys, "keys", "expire", "acme", "batch", "2031-06-01T12:00", *at
    )
    keys = json.loads(out(capsys, "keys", "list", "--json", *at))
    assert keys[0]["expires_us"] == 1_938_081_600_000_000


def test_refusals_name_the_reason_on_stderr(capsys: pytest.CaptureFixture[str], either_config: Path) -> None:
    at = ("--config", str(either_config))
    for arguments, words in (
        (("keys", "create", "acme", "web", *at), "stands in the configuration file"),
        (("keys", "create", "nobody", "web", *at), "there is no tenant nobody"),
        (("keys", "create", "acme", "x", "--models", "gpt", *at), "no model or virtual model is named gpt"),
        (("keys", "revoke", "acme", "gone", *at), "is not in the key store"),
        (("tenants", "create", "acme", *at), "stands in the configuration file"),
        (("keys", "list", "--config", "none.yaml"), "none.yaml:1:1: cannot be read"),
        (("report", "--ledger", "sqlite:///none.db"), "there is no ledger at none.db"),
        (("report", "--ledger", "mysql://h"), "write sqlite:///relative.db"),
    ):
        assert main(arguments) == 1
        assert words in capsys.readouterr().err


def test_hashes_come_from_stdin_never_from_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = "my-own-long-enough-key-0123"
    monkeypatch.setattr(sys, "stdin", io.StringIO(plain + "\n"))
    assert out(capsys, "keys", "hash") == hash_key(plain) + "\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert main(["keys", "hash"]) == 1
    assert "at least 24 characters" in capsys.readouterr().err
    key, key_hash = (line.split()[1] for line in out(capsys, "keys", "hash", "--new").splitlines())
    assert hash_key(key) == key_hash


def test_a_new_admin_key_is_accepted_as_one(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    key = out(capsys, "keys", "new-admin").strip()
    config.write_text(config.read_text() + f"admin_key: '{key}'\nserver: {{host: 0.0.0.0}}\n")
    assert load(config, {"NOT_IN_THIS_SHELL": "k"}).settings.admin_key is not None
    assert out(capsys, "keys", "new-admin").strip() != key


def event(n: int, started_us: int) -> Event:
    return Event(
        id=f"01{n:024d}", request_id=f"req_{n}", attempt=1, started_us=started_us, finished_us=started_us + 5,
        tenant="acme", cost_center="CC-1", project="site", key="web", tags="{}", api="chat.completions",
        requested_model="auto", route="auto", tier="small", reason="policy", backend="up", served_model="m",
        outcome=Outcome.COMPLETED, status=200, error="", stream=False,
        usage=TokenUsage(input_uncached=10, output=5, provenance=Provenance.VENDOR), price_version="t",
        list_nanos=1000, cost_nanos=1000, baseline_nanos=4000, cache_status="miss", queue_us=0,
        first_token_us=None, total_us=5, overhead_us=1, stand_in=False,
    )  # fmt: skip


def test_a_report_as_table_json_and_csv(
    capsys: pytest.CaptureFixture[str], config: Path, tmp_path: Path
) -> None:
    ledger = SqliteLedger(tmp_path / "weir.db")
    january_2 = 1_767_312_000_000_000
    ledger.append(
        [event(1, january_2), event(2, january_2 + 86_400_000_000 - 1), event(3, january_2 + 86_400_000_000)]
    )
    ledger.close()
    at = ("--config", str(config))
    table = out(capsys, "report", *at)
    assert "acme" in table
    assert table.endswith("Tokens behind the cost: all of it reported by vendors and engines.\n")
    day = ("--from", "2026-01-02", "--to", "2026-01-02")
    report = json.loads(out(capsys, "report", "--json", "--by", "tenant,day", *day, *at))
    assert [(row["day"], row["requests"], row["cost_nanos"]) for row in report["data"]] == [
        ("2026-01-02", 2, 2000)
    ]
    url = f"sqlite:///{tmp_path}/weir.db"
    rows = list(csv.DictReader(io.StringIO(out(capsys, "report", "--csv", "--by", "model", "--ledger", url))))
    assert [(row["model"], row["requests"]) for row in rows] == [("m", "3")]
    assert out(capsys, "report", "--tenant", "nobody", *at) == "No usage in this period.\n"
    assert main(["report", "--by", "moon", *at]) == 2
    assert "'moon' is not known" in capsys.readouterr().err


def test_a_reader_that_stops_reading_is_no_traceback(config: Path) -> None:
    weir = f"{sys.executable} -m gateway.cli check --schema"
    done = subprocess.run(["bash", "-c", f"{weir} | head -c 10"], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_no_page_and_no_check_shows_the_ledger_s_password() -> None:
    from gateway.config import GatewaySettings
    from gateway.effective import effective
    from metering.ledger_url import without_password

    backend = {"b": {"kind": "openai", "url": "https://b.example/v1", "models": {"m": "m"}}}
    settings = GatewaySettings.model_validate(
        {"backends": backend, "ledger": "postgresql://user:hunter2@[::1]:5432/books?sslmode=require"}
    )
    assert without_password(settings.ledger) == "postgresql://[::1]:5432/books"
    assert "hunter2" not in str(effective(settings))


def test_check_tells_what_budgets_mean_and_no_password(
    capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOT_IN_THIS_SHELL", "sk-secret-upstream")
    budgets = "budgets: [{usd: 5000, at: {80: notify, 100: refuse}, state_away: {open_up_to: 25}}]\n"
    state = "state: redis://weir:hunter2@redis.internal:6379/0\n"
    config.write_text(config.read_text() + budgets + state)
    text = out(capsys, "check", str(config))
    assert "counted in redis://redis.internal:6379/0" in text
    ladder = "notify at 80 %, refuse at 100 %; without its state open up to 25.00 USD"
    assert f"organisation: 5000.00 USD per month; {ladder}" in text
    assert "hunter2" not in text + out(capsys, "check", str(config), "--json")
