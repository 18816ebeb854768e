from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway import doctor
from gateway.cli import main
from gateway.clock import ManualClock
from gateway.config import BackendSettings
from gateway.doctor_journal import examine_journal
from gateway.doctor_state import examine_state
from gateway.keystore import open_key_store
from metering.ledger_url import open_ledger
from metering.schema import VERSION
from metering.sqlite_ledger import SqliteLedger
from metering.store.migrate import HEAD
from tests.by_hand import change_by_hand


class Upstream(BaseHTTPRequestHandler):
    """/health is well; /v1/models wants the key; / is a gateway's welcome."""

    def do_GET(self) -> None:
        status, body = 200, b"{}"
        if self.path == "/v1/models" and self.headers["authorization"] != "Bearer good":
            status = 401
        if self.path == "/":
            body = json.dumps({"name": "weir"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def upstream() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def probe(kind: str, url: str, api_key: str | None = None) -> doctor.Check:
    backend = BackendSettings.model_validate(
        {"kind": kind, "url": url, "api_key": api_key, "models": {"m": "m"}}
    )
    return doctor.probe_url("b", backend, url).check


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_backends_are_asked_as_their_kind_wants(upstream: int) -> None:
    url = f"http://127.0.0.1:{upstream}/v1"
    assert probe("vllm", url) == doctor.Check(
        f"backend b (http://127.0.0.1:{upstream})", True, "GET /health: 200"
    )
    assert probe("openai", url, "good").ok
    refused = probe("openai", url, "stale-key")
    assert not refused.ok
    assert refused.detail == "GET /v1/models: 401, the api_key is refused"
    assert not probe("vllm", f"http://127.0.0.1:{free_port()}").ok


def test_a_new_ledger_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    assert doctor.check_ledger(tmp_path / "weir.db").ok
    missing = doctor.check_ledger(tmp_path / "nowhere" / "weir.db")
    assert not missing.ok
    assert "cannot be made: No such file" in missing.detail


def test_a_ledger_is_told_from_other_files(tmp_path: Path) -> None:
    path = tmp_path / "weir.db"
    SqliteLedger(path).close()
    assert doctor.check_ledger(path).detail.endswith(f"writable, schema version {VERSION}")
    other = tmp_path / "other.db"
    other.write_bytes(b"no database" * 1000)
    assert not doctor.check_ledger(other).ok
    assert not doctor.check_key_store(f"sqlite:///{other}").ok


def test_the_key_store_is_counted(ledger_url: str) -> None:
    assert "first start" in doctor.check_key_store(ledger_url).detail
    open_ledger(ledger_url).close()
    assert "first start" in doctor.check_key_store(ledger_url).detail
    open_key_store(ledger_url).create_schema()
    assert doctor.check_key_store(ledger_url).detail == "0 tenants, 0 keys"


def test_a_ledger_on_a_server_is_asked_what_it_is(postgres_url: str) -> None:
    new = doctor.check_ledger_at(postgres_url)
    assert new.ok
    assert new.detail.endswith("its tables come with the first start")
    open_ledger(postgres_url).close()
    made = doctor.check_ledger_at(postgres_url)
    assert made.ok
    assert made.detail.endswith(f"revision {HEAD}")
    change_by_hand(postgres_url, "UPDATE alembic_version SET version_num = 'v9999'")
    assert not doctor.check_ledger_at(postgres_url).ok
    away = doctor.check_ledger_at("postgresql://u:hunter2@127.0.0.1:1/weir")
    assert not away.ok
    assert "hunter2" not in away.detail


def dated(clock: ManualClock, behind_s: float) -> str:
    now = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
    return format_datetime(now - timedelta(seconds=behind_s), usegmt=True)


def test_the_clock_is_compared_with_the_backends() -> None:
    clock = ManualClock()
    assert doctor.check_clock(clock, []).ok
    assert doctor.check_clock(clock, [dated(clock, 3), "nonsense"]).detail.endswith(
        "3 s ahead of the backends"
    )
    assert not doctor.check_clock(clock, [dated(clock, 3600)]).ok
    assert not doctor.check_clock(clock, [dated(clock, -3600)]).ok
    assert doctor.check_clock(clock, [dated(clock, 0), dated(clock, 1), dated(clock, 9999)]).ok
    assert not doctor.check_clock(ManualClock(wall_ns=0), []).ok


def test_disks_and_ports(tmp_path: Path, upstream: int) -> None:
    assert "GB free" in doctor.check_disk("disk", tmp_path).detail
    assert not doctor.check_disk("disk", tmp_path / "nowhere").ok
    assert doctor.check_port("127.0.0.1", free_port()).ok
    assert "already serves" in doctor.check_port("127.0.0.1", upstream).detail
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        assert not doctor.check_port("127.0.0.1", int(taken.getsockname()[1])).ok


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    missing = doctor.check_launch("e", str(tmp_path / "none.gguf"))
    assert not missing.ok
    assert "none.gguf" in missing.detail


def test_the_command_prints_a_line_each_and_fails_with_the_worst(
    tmp_path: Path, upstream: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "weir.yaml"
    text = f"""\
server: {{port: {free_port()}}}
ledger: sqlite:///{tmp_path}/weir.db
backends: {{b: {{kind: vllm, url: 'http://127.0.0.1:{upstream}/v1', models: {{m: m}}}}}}
"""
    path.write_text(text)
    assert main(["doctor", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("OK") for line in lines)
    assert [line.split()[1] for line in lines] == [
        *("configuration", "backend", "state", "ledger", "key", "clock", "disk", "disk", "port", "journal"),
    ]
    path.write_text(text.replace(str(upstream), str(free_port())))
    assert main(["doctor", str(path), "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)
    assert [check["name"].split()[0] for check in checks if not check["ok"]] == ["backend"]
    path.write_text("backends: {}")
    assert main(["doctor", str(path)]) == 1
    assert "FAIL  configuration" in capsys.readouterr().out


def test_the_journals_folder_is_tried(tmp_path: Path) -> None:
    ok, told = examine_journal(tmp_path, 1)
    assert ok
    assert "can be written" in told
    assert list(tmp_path.iterdir()) == []
    ok, told = examine_journal(tmp_path / "a" / "b", 1)
    assert ok
    assert "can be made" in told
    ok, told = examine_journal(tmp_path, 1 << 60)
    assert not ok
    assert "less than journal.max_bytes" in told
    ok, told = examine_journal(Path("/proc/weir"), 1)
    assert not ok
    assert "nothing can be written in /proc" in told


def test_the_state_is_asked_whether_it_can_count(redis_url: str) -> None:
    assert examine_state("memory://") == (True, "memory:// needs nothing")
    assert examine_state(redis_url) == (True, redis_url)
    ok, detail = examine_state("redis://user:hunter2@127.0.0.1:1/0")
    assert not ok
    assert detail.startswith("redis://127.0.0.1:1/0: ConnectionError")
