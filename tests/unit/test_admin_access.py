"""Who may do what: every route of management, with every role."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.routing import Route

from gateway.admin.app import create_admin_app
from tests.unit.test_admin import ACME, ADMIN_KEY, FINANCE, ROOT, House, failure

ALL = frozenset({"admin", "finance", "tenant"})
BOOKS = frozenset({"admin", "finance"})
ADMIN = frozenset({"admin"})

DECISIONS: dict[tuple[str, str], frozenset[str]] = {
    ("GET", "/admin/tenants"): BOOKS,
    ("POST", "/admin/tenants"): ADMIN,
    ("DELETE", "/admin/tenants/{name:path}"): ADMIN,
    ("GET", "/admin/keys"): BOOKS,
    ("POST", "/admin/keys"): ADMIN,
    ("PATCH", "/admin/keys/{tenant_and_name:path}"): ADMIN,
    ("DELETE", "/admin/keys/{tenant_and_name:path}"): ADMIN,
    ("GET", "/admin/reports/usage"): ALL,
    ("GET", "/admin/quality"): BOOKS,
    ("GET", "/admin/cache"): BOOKS,
    ("POST", "/admin/cache/purge"): ADMIN,
    ("POST", "/admin/cache/seeds"): ADMIN,
    ("GET", "/admin/events"): ALL,
    ("GET", "/admin/audit"): BOOKS,
    ("GET", "/admin/audit/verify"): BOOKS,
    ("GET", "/admin/budgets"): ALL,
    ("GET", "/admin/books/periods"): BOOKS,
    ("GET", "/admin/books/months/{month}"): BOOKS,
    ("POST", "/admin/books/close"): BOOKS,
    ("GET", "/admin/books/entries"): BOOKS,
    ("POST", "/admin/books/entries"): BOOKS,
    ("GET", "/admin/statements"): ALL,
    ("GET", "/admin/statements/{number}"): ALL,
    ("GET", "/admin/backends"): ADMIN,
    ("GET", "/admin/config"): ADMIN,
    ("POST", "/admin/reload"): ADMIN,
}
"""Whoever adds a route decides here who may use it. `ALL` is for what shows a tenant its own and no more."""

BODIES: dict[str, dict[str, Any]] = {
    "/admin/tenants": {"name": "new"},
    "/admin/keys": {"tenant": "acme", "name": "new"},
    "/admin/keys/{tenant_and_name:path}": {"expires": None},
    "/admin/cache/purge": {"all": True},
    "/admin/cache/seeds": {"route": "faq", "pairs": [{"prompt": "Hours?", "answer": "Nine to five."}]},
    "/admin/books/close": {"month": "2026-01"},
    "/admin/books/entries": {"month": "2026-01", "tenant": "acme", "amount_usd": 1, "description": "outage"},
}
KEYS = {"admin": ROOT, "finance": FINANCE, "tenant": ACME}
CHANGES_OF_FINANCE = frozenset({("POST", "/admin/books/close"), ("POST", "/admin/books/entries")})
"""What is not read and yet open to finance: the books."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One for all: whether something is there already is not asked here."""
    return House(tmp_path_factory.mktemp("house"))


def routes(house: House) -> list[tuple[str, str]]:
    """As the application has them, hidden ones included."""
    return [
        (method, route.path)
        for route in create_admin_app(house.services).api.routes
        if isinstance(route, Route) and route.path.startswith("/admin")
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_every_route_has_a_decision_and_every_decision_a_route(house: House) -> None:
    assert sorted(routes(house)) == sorted(DECISIONS)


@pytest.mark.parametrize("role", ["admin", "finance", "tenant"])
@pytest.mark.parametrize(("method", "path"), DECISIONS)
def test_a_role_may_do_what_was_decided(house: House, method: str, path: str, role: str) -> None:
    status = ask(house, method, path, KEYS[role])
    if role in DECISIONS[method, path]:
        assert status in {200, 201, 400, 404}  # 404: what the path names is not there
    else:
        assert status == 403


@pytest.mark.parametrize(("method", "path"), DECISIONS)
def test_strangers_may_do_nothing_and_the_admin_key_everything(house: House, method: str, path: str) -> None:
    assert ask(house, method, path, None) == 401
    assert ask(house, method, path, "weir-sk-wrong") == 401
    assert ask(house, method, path, ADMIN_KEY) in {200, 201, 400, 404}


def ask(house: House, method: str, path: str, key: str | None) -> int:
    url = path.replace("{tenant_and_name:path}", "acme/web").replace("{name:path}", "acme")
    body = BODIES.get(path) if method in {"POST", "PATCH", "PUT"} else None
    return house.client(key).request(method, url, json=body).status_code


def test_finance_changes_nothing_but_books(house: House) -> None:
    changes = {route for route, roles in DECISIONS.items() if route[0] != "GET" and "finance" in roles}
    assert changes == CHANGES_OF_FINANCE


def test_a_tenant_changes_nothing() -> None:
    assert not [route for route, roles in DECISIONS.items() if route[0] != "GET" and "tenant" in roles]


SHOWN_ELSEWHERE = {"/admin/statements", "/admin/statements/{number}"}
"""Nothing is closed here: tests/unit/test_admin_books.py."""


@pytest.mark.parametrize(
    "path", sorted({path for (_, path), roles in DECISIONS.items() if "tenant" in roles} - SHOWN_ELSEWHERE)
)
def test_a_tenant_sees_no_other_tenant(house: House, path: str) -> None:
    assert failure(house.client(ACME).get(path, params={"tenant": "globex"}), 403)["param"] == "tenant"
    shown = house.client(ACME).get(path).text
    assert "acme" in shown
    assert "globex" not in shown
    assert "globex" in house.client(FINANCE).get(path).text
