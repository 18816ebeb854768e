from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from cache.answers import Purge, Purged
from cache.seeds import Seed
from gateway.admin.app import MAX_BODY_BYTES, create_admin_app
from gateway.admin.services import AdminServices, ConfigInForce
from gateway.books_desk import keeper_of
from gateway.clock import ManualClock
from gateway.config import GatewaySettings
from gateway.config_file import parse
from gateway.keydirectory import KeyDirectory
from gateway.keystore_sqlite import SqliteKeyStore
from gateway.keywatch import KeyWatcher
from gateway.tenants import make_key
from metering.audit.entry import AuditRow, Author, Entry
from metering.audit.log import AuditLog
from metering.audit.read import audit_rows
from metering.audit.verify import verify
from metering.budgets import Budget, Calendar, Selector, Standing
from metering.days import day_start_us
from metering.event import Event
from metering.event_query import query_events
from metering.outcome import Outcome
from metering.quality.report import quality_report
from metering.reports import usage_report
from metering.sqlite_ledger import SqliteLedger
from metering.sqlite_reader import SqliteReader
from metering.usage import Provenance, TokenUsage

ADMIN_KEY = "4c0f2d7b9a1e4c0f2d7b9a1e4c0f2d7b"
UPSTREAM_KEY = "upstream-secret-value"
ACME, ACME_HASH = make_key()
FINANCE, FINANCE_HASH = make_key()
ROOT, ROOT_HASH = make_key()
DAY = date(2026, 1, 2)


def settings() -> GatewaySettings:
    return GatewaySettings.model_validate(
        {
            "admin_key": ADMIN_KEY,
            "backends": {
                "b": {
                    "kind": "openai",
                    "url": "https://b.example/v1",
                    "api_key": UPSTREAM_KEY,
                    "models": {"m": "m"},
                }
            },
            "tenants": {
                "acme": {"cost_center": "CC-1", "keys": [{"name": "web", "hash": ACME_HASH}]},
                "office": {
                    "keys": [
                        {"name": "books", "hash": FINANCE_HASH, "role": "finance"},
                        {"name": "root", "hash": ROOT_HASH, "role": "admin"},
                    ]
                },
            },
        }
    )


def settings_with(folder: Path) -> Callable[[], GatewaySettings]:
    """Whose ledger lies there."""
    return lambda: settings().model_copy(update={"ledger": f"sqlite:///{folder / 'weir.db'}"})


def event(tenant: str, n: int) -> Event:
    started_us = day_start_us(DAY) + n
    return Event(
        id=f"01{n:024d}", request_id=f"req_{n}", attempt=1, started_us=started_us, finished_us=started_us + 5,
        tenant=tenant, cost_center="CC-1", project="site", key="web", tags="{}", api="chat.completions",
        requested_model="m", route="", tier="direct", reason="direct", backend="b", served_model="m",
        outcome=Outcome.COMPLETED, status=200, error="", stream=False,
        usage=TokenUsage(input_uncached=10, output=5, provenance=Provenance.VENDOR), price_version="t",
        list_nanos=1000, cost_nanos=1000, baseline_nanos=1000, cache_status="miss", queue_us=0,
        first_token_us=None, total_us=5, overhead_us=1, stand_in=False,
    )  # fmt: skip


def standing(tenant: str) -> Standing:
    budget = Budget(tenant, Selector(tenant=tenant), "usd", 10**9, Calendar("month"))
    label = budget.selector.label()
    return Standing(budget, label, (), 10**9, 1, 0, 10**9 - 1, 0, "ok", 0, None)


class House:
    """A management app over a real key store and a real ledger."""

    def __init__(self, folder: Path) -> None:
        clock = ManualClock()
        self.store = SqliteKeyStore(folder / "weir.db")
        self.watcher = KeyWatcher(self.store, settings(), clock)
        self.watcher.refresh()
        self.audited: list[AuditRow] = []
        self.version = 1
        log = AuditLog(f"sqlite:///{folder / 'weir.db'}")
        ledger = SqliteLedger(folder / "weir.db")
        ledger.append([event("acme", 1), event("acme", 2), event("globex", 3)])
        ledger.close()
        reader = SqliteReader(folder / "weir.db")

        def events(**asked: Any) -> Sequence[Event]:
            return query_events(reader, **asked)

        self.services = AdminServices(
            clock=clock,
            admin_key=lambda: ADMIN_KEY,
            identify=self.watcher.identify,
            keys=KeyDirectory(self.store, settings, clock, on_change=self.audited.append),
            refresh_keys=self.watcher.refresh,
            report=lambda query: usage_report(reader, query),
            quality=lambda query: quality_report(reader, query),
            events=events,
            standings=self._standings,
            backends=lambda: [{"object": "backend", "id": "b", "ready": True}],
            config=lambda: ConfigInForce(settings(), self.version, "ab" * 32, "weir.yaml", ("a warning",)),
            reload=self._reload,
            audit=self._audit(log),
            audit_rows=partial(audit_rows, reader),
            verify_audit=partial(verify, reader),
            books=keeper_of(settings_with(folder), reader, clock, self._audit(log)),
            cache=self,
            ledger=reader,
        )

    def status(self) -> dict[str, Any]:
        return {"object": "cache"}

    async def purge(self, what: Purge) -> Purged:
        return Purged(0, acknowledged=True)

    def seed(self, route: str, seeds: Sequence[Seed], ttl_us: int | None) -> int:
        return len(seeds)

    async def _standings(self) -> Sequence[Standing]:
        return [standing("acme"), standing("globex")]

    def _audit(self, log: AuditLog) -> Any:
        return lambda who, *change: self.audited.append(log.write(Author(who, 7), Entry(*change)))

    async def _reload(self, by: Author) -> ConfigInForce:
        self.reloaded_by = by
        self.version += 1
        return self.services.config()

    def client(self, key: str | None = ADMIN_KEY, **changes: Any) -> TestClient:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        app = create_admin_app(replace(self.services, **changes))
        return TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def failure(response: httpx2.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["x-request-id"].startswith("req_")
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_a_key_is_made_shown_once_used_and_revoked(house: House) -> None:
    client = house.client()
    made = client.post("/admin/keys", json={"tenant": "acme", "name": "batch", "project": "night"})
    assert made.status_code == 201
    plain = made.json()["key"]
    assert made.json()["source"] == "store"
    assert house.watcher.identify(None, plain.encode()).project == "night"
    listed = client.get("/admin/keys", params={"tenant": "acme"})
    assert [key["name"] for key in listed.json()["data"]] == ["batch", "web"]
    assert plain not in listed.text
    assert client.delete("/admin/keys/acme/batch").json()["revoked"] is True
    refused = house.client(plain).get("/admin/reports/usage")
    assert failure(refused, 401)["code"] == "revoked_api_key"
    assert [(record.who, record.action, record.subject) for record in house.audited] == [
        ("admin_key", "key.create", "key acme/batch"),
        ("admin_key", "key.revoke", "key acme/batch"),
    ]


def test_a_key_can_be_given_an_end_and_be_freed_of_it(house: House) -> None:
    client = house.client()
    plain = client.post("/admin/keys", json={"tenant": "acme", "name": "batch"}).json()["key"]
    ended = client.patch("/admin/keys/acme/batch", json={"expires": "2025-12-31"})
    assert ended.json()["expires"] == "2025-12-31T00:00:00Z"
    assert failure(house.client(plain).get("/admin/events"), 401)["code"] == "expired_api_key"
    client.patch("/admin/keys/acme/batch", json={"expires": None})
    assert house.client(plain).get("/admin/events").status_code == 200


def test_tenants_are_made_listed_and_revoked_with_their_keys(house: House) -> None:
    client = house.client()
    assert client.post("/admin/tenants", json={"name": "initech", "cost_center": "CC-7"}).status_code == 201
    plain = client.post("/admin/keys", json={"tenant": "initech", "name": "k"}).json()["key"]
    names = [tenant["name"] for tenant in client.get("/admin/tenants").json()["data"]]
    assert names == ["acme", "office", "initech"]
    assert client.delete("/admin/tenants/initech").status_code == 200
    assert failure(house.client(plain).get("/admin/events"), 401)["code"] == "revoked_api_key"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/admin/keys", {"tenant": "acme", "name": "web"}, 400, "name_taken"),
        ("/admin/keys", {"tenant": "nobody", "name": "web"}, 404, "no_such_name"),
        ("/admin/keys", {"tenant": "acme", "name": "x", "models": ["gpt"]}, 400, "bad_name"),
        ("/admin/tenants", {"name": "acme"}, 400, "name_taken"),
        ("/admin/tenants", {"name": "a b"}, 400, "bad_name"),
    ],
)
def test_names_that_cannot_be(house: House, path: str, body: dict[str, Any], status: int, code: str) -> None:
    assert failure(house.client().post(path, json=body), status)["code"] == code


def test_what_stands_in_the_file_is_changed_in_the_file(house: House) -> None:
    error = failure(house.client().delete("/admin/keys/acme/web"), 400)
    assert "configuration file" in error["message"]
    assert failure(house.client().delete("/admin/keys/acme/nix"), 404)["code"] == "no_such_name"


def test_a_tenants_key_reads_its_own_usage_whatever_it_asks(house: House) -> None:
    client = house.client(ACME)
    report = client.get("/admin/reports/usage", params={"group_by": "tenant"}).json()
    assert [row["tenant"] for row in report["data"]] == ["acme"]
    assert report["totals"]["requests"] == 2
    assert {row["tenant"] for row in client.get("/admin/events").json()["data"]} == {"acme"}
    assert client.get("/admin/events", params={"request_id": "req_3"}).json()["data"] == []
    for path in ("/admin/reports/usage", "/admin/events"):
        assert failure(client.get(path, params={"tenant": "globex"}), 403)["param"] == "tenant"


def test_finance_reads_all_tenants_by_day_and_as_csv(house: House) -> None:
    client = house.client(FINANCE)
    asked = {"group_by": "tenant,day", "from": "2026-01-02", "to": "2026-01-02"}
    report = client.get("/admin/reports/usage", params=asked).json()
    assert [(row["tenant"], row["day"]) for row in report["data"]] == [
        ("acme", "2026-01-02"),
        ("globex", "2026-01-02"),
    ]
    as_csv = client.get("/admin/reports/usage", params={**asked, "format": "csv"})
    assert as_csv.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["output_tokens"] for row in rows] == ["10", "5"]
    later = client.get("/admin/reports/usage", params={"from": "2026-01-03"}).json()
    assert later["data"] == []
    only = client.get("/admin/reports/usage", params={"tenant": "globex", "model": "m"}).json()
    assert only["totals"]["requests"] == 1


def test_events_come_in_pages(house: House) -> None:
    client = house.client()
    first = client.get("/admin/events", params={"limit": 2}).json()
    assert first["has_more"] is True
    assert [row["request_id"] for row in first["data"]] == ["req_3", "req_2"]
    rest = client.get("/admin/events", params={"limit": 2, "after": first["last_id"]}).json()
    assert rest["has_more"] is False
    assert [row["request_id"] for row in rest["data"]] == ["req_1"]
    one = client.get("/admin/events", params={"request_id": "req_1"}).json()
    assert one["data"][0]["usage"]["output"] == 5


def test_the_configuration_is_shown_without_secrets(house: House) -> None:
    shown = house.client().get("/admin/config")
    for secret in (ADMIN_KEY, UPSTREAM_KEY, ACME_HASH):
        assert secret not in shown.text
    body = shown.json()
    assert body["version"] == 1
    assert body["sha256"] == "ab" * 32
    assert body["settings"]["server"]["port"] == 8080
    assert body["settings"]["tenants"]["acme"]["keys"][0]["hash"] == ACME_HASH[:15] + "..."


def test_reload_says_what_is_now_in_force(house: House) -> None:
    assert house.client().post("/admin/reload").json()["version"] == 2
    assert house.reloaded_by.who == "admin_key"
    assert house.reloaded_by.request_id.startswith("req_")


def test_a_reload_of_a_mistaken_file_names_the_mistakes(house: House) -> None:
    async def reload(by: Author) -> ConfigInForce:
        parse("bakends: {}\nx:\n", {}, file="weir.yaml")
        raise AssertionError("a file without backends was taken")

    error = failure(house.client(reload=reload).post("/admin/reload"), 400)
    assert error["code"] == "config_invalid"
    assert "weir.yaml:1:1: bakends: unknown key" in error["message"]
    assert "weir.yaml:2:1: x: unknown key" in error["message"]
    assert house.audited == []


def test_without_an_admin_key_keys_with_the_role_work_and_others_are_told(house: House) -> None:
    changes: dict[str, Any] = {"admin_key": lambda: None}
    assert house.client(ROOT, **changes).get("/admin/config").status_code == 200
    for key in (None, "weir-sk-wrong"):
        error = failure(house.client(key, **changes).get("/admin/config"), 403)
        assert error["code"] == "no_admin_key"
        assert "weir keys new-admin" in error["message"]


def test_a_key_store_never_read_is_503(house: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 1000)
    store = SqliteKeyStore(broken)
    watcher = KeyWatcher(store, settings(), ManualClock())
    watcher.refresh()
    client = house.client("weir-sk-perhaps", identify=watcher.identify)
    assert failure(client.get("/admin/keys"), 503)["code"] == "key_store_unavailable"
    admin = house.client(keys=KeyDirectory(store, settings, ManualClock()))
    assert failure(admin.get("/admin/keys"), 503)["code"] == "key_store_unavailable"


def test_an_unreadable_ledger_is_503(house: House, tmp_path: Path) -> None:
    reader = SqliteReader(tmp_path / "none.db")
    client = house.client(report=lambda query: usage_report(reader, query))
    assert failure(client.get("/admin/reports/usage"), 503)["code"] == "ledger_unavailable"


def test_a_defect_answers_in_the_same_shape(house: House) -> None:
    def broken() -> list[dict[str, Any]]:
        raise ZeroDivisionError("a defect with a secret in it")

    error = failure(house.client(backends=broken).get("/admin/backends"), 500)
    assert "secret" not in error["message"]


@pytest.mark.parametrize(
    ("path", "status", "param"),
    [
        ("/admin/reports/usage?group_by=moon", 400, None),
        ("/admin/reports/usage?from=yesterday", 400, "from"),
        ("/admin/reports/usage?from=2026-01-03&to=2026-01-01", 400, None),
        ("/admin/reports/usage?tenent=acme", 400, "tenent"),
        ("/admin/reports/usage?format=xml", 400, "format"),
        ("/admin/reports/usage?tag=red", 400, None),
        ("/admin/reports/usage?tag=a%00b=c", 400, None),
        ("/admin/reports/usage?to=9999-12-31", 400, "to"),
        ("/admin/reports/usage?time_zone=Mars/Olympus", 400, None),
        ("/admin/events?limit=0", 400, "limit"),
        ("/admin/nowhere", 404, None),
        ("/adminx", 404, None),
    ],
)
def test_bad_questions_name_what_is_wrong(house: House, path: str, status: int, param: str | None) -> None:
    assert failure(house.client().get(path), status)["param"] == param


def test_bad_bodies(house: House) -> None:
    client = house.client()
    assert failure(
        client.post("/admin/keys", content=b"{", headers={"content-type": "application/json"}), 400
    )
    assert failure(client.post("/admin/keys", content=b"x=1", headers={"content-type": "text/plain"}), 415)
    assert failure(client.post("/admin/keys", json={"tenant": "acme"}), 400)["param"] == "name"
    assert failure(client.post("/admin/keys", json={"tenant": "acme", "name": 5}), 400)["param"] == "name"
    assert (
        failure(client.post("/admin/keys", json={"tenant": "a", "name": "b", "rol": "x"}), 400)["param"]
        == "rol"
    )
    assert failure(client.post("/admin/keys", content=b" " * (MAX_BODY_BYTES + 1)), 413)
    assert failure(client.post("/admin/keys", content=iter([b" " * MAX_BODY_BYTES, b"{}"])), 413)


def test_a_wrong_method_names_the_right_ones(house: House) -> None:
    response = house.client().put("/admin/keys", json={})
    assert failure(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] == "GET, POST"


def test_the_docs_need_no_key_and_nothing_from_elsewhere(house: House) -> None:
    page = house.client(None).get("/docs")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in house.client(None).get("/openapi.json").json()["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http://127.0.0.1:8080", "")
    assert "https://" not in page.text
    assert "src=" not in page.text
