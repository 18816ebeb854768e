"""Which role may use which endpoint of management."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_admin import ACME, ADMIN_KEY, FINANCE, ROOT, House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


EVERY_ENDPOINT = [
    ("GET", "/admin/tenants"),
    ("POST", "/admin/tenants"),
    ("DELETE", "/admin/tenants/acme"),
    ("GET", "/admin/keys"),
    ("POST", "/admin/keys"),
    ("PATCH", "/admin/keys/acme/web"),
    ("DELETE", "/admin/keys/acme/web"),
    ("GET", "/admin/reports/usage"),
    ("GET", "/admin/events"),
    ("GET", "/admin/backends"),
    ("GET", "/admin/config"),
    ("POST", "/admin/reload"),
    ("GET", "/admin/books/periods"),
    ("GET", "/admin/books/months/{month}"),
    ("POST", "/admin/books/close"),
    ("GET", "/admin/books/entries"),
    ("POST", "/admin/books/entries"),
    ("GET", "/admin/statements"),
    ("GET", "/admin/statements/{number}"),
]
_BODIES = {
    "/admin/tenants": {"name": "new"},
    "/admin/keys": {"tenant": "acme", "name": "new"},
    "/admin/keys/acme/web": {"expires": None},
    "/admin/books/close": {"month": "2026-01"},
    "/admin/books/entries": {"month": "2026-01", "tenant": "acme", "amount_usd": 1, "description": "outage"},
}
_READS = {("GET", "/admin/tenants"), ("GET", "/admin/keys")}
_OWN = {("GET", "/admin/reports/usage"), ("GET", "/admin/events"), ("GET", "/admin/statements")}
_DONE = {200, 201, 400}


@pytest.mark.parametrize(("method", "path"), EVERY_ENDPOINT)
def test_who_may_do_what(house: House, method: str, path: str) -> None:
    def status(key: str | None) -> int:
        body = _BODIES.get(path) if method in {"POST", "PATCH"} else None
        return house.client(key).request(method, path, json=body).status_code

    assert status(None) == 401
    assert status("weir-sk-wrong") == 401
    if "/books/" in path or "{number}" in path:  # finance keeps the books; nobody has statement {number}
        assert status(ACME) == (404 if "{number}" in path else 403)
        assert {status(FINANCE), status(ROOT), status(ADMIN_KEY)} <= _DONE | {404}
        return
    assert status(ACME) == (200 if (method, path) in _OWN else 403)
    assert status(FINANCE) == (200 if (method, path) in _OWN | _READS else 403)
    assert status(ROOT) in _DONE
    assert status(ADMIN_KEY) in _DONE


def test_every_endpoint_is_in_that_table(house: House) -> None:
    paths = house.client(None).get("/openapi.json").json()["paths"]
    documented = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    shown = {
        (method, path.replace("acme/web", "{tenant_and_name}").replace("tenants/acme", "tenants/{name}"))
        for method, path in EVERY_ENDPOINT
    }
    assert documented == shown
