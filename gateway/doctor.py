"""Whether everything that a gateway needs is there and works: a list of checks, each with its own verdict."""

from __future__ import annotations

import http.client
import importlib.util
import json
import shutil
import socket
import sqlite3
import ssl
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

from gateway.backends.registry import backend_for
from gateway.clock import Clock
from gateway.config import BackendSettings, GatewaySettings
from gateway.doctor_journal import examine_journal
from gateway.doctor_state import examine_state
from gateway.engine.weights import WeightsError, resolve
from gateway.keystore import NOTHING, KeyStoreUnavailable, open_key_store
from metering.ledger import LedgerError
from metering.ledger_url import is_postgresql, sqlite_path
from metering.schema import VERSION, check_readable

MIN_FREE_BYTES = 200_000_000
LOW_FREE_BYTES = 2_000_000_000
MAX_CLOCK_SKEW_S = 60
EARLIEST_YEAR = 2026
_PROBES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class _Probe:
    """What one backend URL said."""

    check: Check
    date: str
    """Its Date header, '' without one."""


def examine(settings: GatewaySettings, clock: Clock) -> Iterator[Check]:
    """Every check, in an order that names causes before their effects. Blocks: a backend that does not
    answer costs its health timeout."""
    probes = list(_backends(settings))
    yield from (probe.check for probe in probes)
    yield Check("state", *examine_state(settings.state))
    yield check_ledger_at(settings.ledger)
    yield check_key_store(settings.ledger)
    yield check_clock(clock, [probe.date for probe in probes if probe.date])
    if not is_postgresql(settings.ledger):
        yield check_disk("disk of the ledger", sqlite_path(settings.ledger).absolute().parent)
    yield check_disk("disk for temporary files", Path(tempfile.gettempdir()))
    yield check_port(settings.server.host, settings.server.port)
    yield Check("journal", *examine_journal(settings.journal_folder, settings.journal.max_bytes))


def _backends(settings: GatewaySettings) -> Iterator[_Probe]:
    asked = [(name, backend, url) for name, backend in settings.backends.items() for url in backend.base_urls]
    with ThreadPoolExecutor(_PROBES_AT_ONCE) as pool:
        yield from pool.map(lambda ask: probe_url(*ask), asked)
    for name, backend in settings.backends.items():
        if backend.launch is not None:
            yield _Probe(check_launch(name, backend.launch.weights), "")


def probe_url(name: str, backend: BackendSettings, url: str) -> _Probe:
    """GET of the kind's health path, or of the list of models where only that can tell."""
    parts = urlsplit(url)
    label = f"backend {name} ({parts.scheme}://{parts.netloc})"
    path = backend_for(backend.kind).health_path or f"{parts.path}/models"
    headers = {"user-agent": "weir-doctor"}
    if backend.api_key is not None:
        headers["authorization"] = f"Bearer {backend.api_key.get_secret_value()}"
    connection = _connection(url, backend.health.timeout)
    try:
        with closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        return _Probe(Check(label, False, f"GET {path}: {error or type(error).__name__}"), "")
    return _Probe(_judge(label, path, answer.status), answer.getheader("date") or "")


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)


def _judge(label: str, path: str, status: int) -> Check:
    if status in (401, 403):
        return Check(label, False, f"GET {path}: {status}, the api_key is refused")
    return Check(label, status == 200, f"GET {path}: {status}")


def check_launch(name: str, weights: str) -> Check:
    """The engine's package and its weights are there; starting it is the gateway's own work."""
    label = f"engine {name}"
    if importlib.util.find_spec("xllamacpp") is None:
        return Check(label, False, "the package xllamacpp is not installed")
    try:
        path = resolve(weights)
    except WeightsError as error:
        return Check(label, False, str(error))
    return Check(label, True, f"weights of {path.stat().st_size / 1e6:.0f} MB at {path}")


def check_ledger_at(url: str) -> Check:
    if is_postgresql(url):
        from gateway.doctor_postgres import examine_ledger  # its driver is loaded only where it is used

        return Check("ledger", *examine_ledger(url))
    return check_ledger(sqlite_path(url))


def check_ledger(path: Path) -> Check:
    """Readable, of this program's schema, and writable; nothing is written."""
    if not path.exists():
        return _new_ledger(path)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=2.0)) as db:
            check_readable(db, str(path))
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except (sqlite3.Error, LedgerError) as error:
        return Check("ledger", False, f"{path}: {error}")
    return Check("ledger", True, f"{path}: writable, schema version {VERSION}")


def _new_ledger(path: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent):
            pass
    except OSError as error:
        return Check("ledger", False, f"{path} cannot be made: {error.strerror or error}")
    return Check("ledger", True, f"{path} is not there yet; it can be made")


def check_key_store(ledger_url: str) -> Check:
    try:
        stored = open_key_store(ledger_url).read(missing_is_empty=True)
    except KeyStoreUnavailable as error:
        return Check("key store", False, str(error))
    if stored == NOTHING:
        return Check("key store", True, "empty: its tables come with the first start")
    return Check("key store", True, f"{len(stored.tenants)} tenants, {len(stored.keys)} keys")


def check_clock(clock: Clock, dates: list[str]) -> Check:
    """Budgets, expiry and prices go by the wall clock. The backends' own clocks are what there is to compare
    with."""
    now = datetime.fromtimestamp(clock.wall_ns() / 1e9, UTC)
    if now.year < EARLIEST_YEAR:
        return Check("clock", False, f"{now:%Y-%m-%d %H:%M:%S} UTC is in the past")
    skews_s = sorted(
        (now - moment).total_seconds() for moment in map(_http_date, dates) if moment is not None
    )
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if not skews_s:
        return Check("clock", True, f"{shown}; no backend told its time to compare with")
    skew_s = skews_s[len(skews_s) // 2]
    detail = f"{shown}, {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the backends"
    return Check("clock", abs(skew_s) <= MAX_CLOCK_SKEW_S, detail)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def check_disk(name: str, folder: Path) -> Check:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check(name, False, f"{folder}: {error.strerror or error}")
    low = " (low)" if free < LOW_FREE_BYTES else ""
    return Check(name, free >= MIN_FREE_BYTES, f"{free / 1e9:.1f} GB free in {folder}{low}")


def check_port(host: str, port: int) -> Check:
    """Free, or taken by a gateway that already runs."""
    name = f"port {port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if _gateway_serves(host, port):
                return Check(name, True, f"a gateway already serves on {host}:{port}")
            return Check(name, False, f"cannot listen on {host}:{port}: {error.strerror or error}")
    return Check(name, True, f"free on {host}")


def _gateway_serves(host: str, port: int) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(reachable, port, timeout=2.0)
    try:
        with closing(connection):
            connection.request("GET", "/")
            answer: object = json.loads(connection.getresponse().read(1 << 16))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return isinstance(answer, dict) and answer.get("name") == "weir"
