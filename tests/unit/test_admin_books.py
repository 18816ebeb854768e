"""/admin/books and /admin/statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from metering.books.read import list_statements
from metering.sqlite_ledger import SqliteLedger
from tests.unit.test_admin import ACME, FINANCE, House, event, failure

FORTY_DAYS_S = 40 * 86_400


@pytest.fixture
def house(tmp_path: Path) -> House:
    """acme and globex used something in January, which is over."""
    house = House(tmp_path)
    house.services.clock.advance(FORTY_DAYS_S)  # type: ignore[attr-defined]
    return house


def close(house: House) -> Any:
    return house.client(FINANCE).post("/admin/books/close", json={"month": "2026-01"}).json()


def test_finance_looks_closes_once_and_it_is_on_record(house: House) -> None:
    client = house.client(FINANCE)
    seen = client.get("/admin/books/months/2026-01").json()
    assert (seen["state"], seen["not_closable"], seen["digest"]) == ("open", [], None)
    assert [statement["tenant"] for statement in seen["statements"]] == ["acme", "globex"]
    done = close(house)
    assert (done["new"], done["statements"], done["total_nanos"]) == (True, 2, 3000)
    assert close(house) == {**done, "new": False}
    (row,) = house.audited
    assert (row.who, row.action, row.subject) == ("office/books", "close", "books 2026-01")
    listed = client.get("/admin/books/periods").json()
    assert (listed["last_id"], listed["data"][0]["closed_by"]) == ("2026-01", "office/books")
    again = failure(client.get("/admin/books/months/2026-01"), 400)
    assert again["code"] == "month_closed"


def test_statements_come_page_by_page_and_a_tenant_sees_its_own(house: House) -> None:
    close(house)
    first = house.client(FINANCE).get("/admin/statements", params={"limit": 1}).json()
    assert (first["has_more"], first["last_id"]) == (True, "2026-01-0001")
    asked = {"limit": 1, "after": first["last_id"], "month": "2026-01"}
    rest = house.client(FINANCE).get("/admin/statements", params=asked).json()
    assert [statement["tenant"] for statement in rest["data"]] == ["globex"]
    assert rest["has_more"] is False
    own = house.client(ACME).get("/admin/statements").json()["data"]
    assert [statement["number"] for statement in own] == ["2026-01-0001"]
    failure(house.client(ACME).get("/admin/statements", params={"tenant": "globex"}), 403)
    whole = house.client(ACME).get("/admin/statements/2026-01-0001").json()
    assert (whole["holds"], whole["lines"][0]["amount_nanos"]) == (True, 2000)
    other = failure(house.client(ACME).get("/admin/statements/2026-01-0002"), 404)
    assert other["code"] == "no_such_statement"
    table = house.client(FINANCE).get("/admin/statements/2026-01-0002", params={"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.startswith("number,month,line,kind")


def test_a_month_that_is_not_over_stays_open(house: House) -> None:
    body = {"month": "2026-02"}
    refused = failure(house.client(FINANCE).post("/admin/books/close", json=body), 400)
    assert refused["code"] == "month_not_closable"
    assert "2026-01 is still open; close it first" in refused["message"]
    bad = failure(house.client(FINANCE).post("/admin/books/close", json={"month": "soon"}), 400)
    assert (bad["param"], "write one like 2026-10" in bad["message"]) == ("month", True)
    assert house.audited == []


def test_a_credit_is_entered_listed_and_refused_once_the_month_is_closed(house: House) -> None:
    client = house.client(FINANCE)
    body = {"month": "2026-01", "tenant": "acme", "amount_usd": "0.5", "description": "outage"}
    made = client.post("/admin/books/entries", json=body)
    assert made.status_code == 201
    assert (made.json()["amount_usd"], made.json()["cost_center"]) == ("-0.50", "CC-1")
    more = {**body, "tenant": "", "kind": "adjustment", "amount_usd": -2}
    assert client.post("/admin/books/entries", json=more).json()["amount_nanos"] == -2_000_000_000
    page = client.get("/admin/books/entries", params={"limit": 1}).json()
    assert page["has_more"] is True
    rest = client.get("/admin/books/entries", params={"after": page["last_id"], "month": "2026-01"}).json()
    assert len(page["data"]) == len(rest["data"]) == 1
    assert {record.action for record in house.audited} == {"credit", "adjustment"}
    close(house)
    assert failure(client.post("/admin/books/entries", json=body), 400)["code"] == "month_closed"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount_usd": -1}, "amount_usd: a credit is an amount above 0"),
        ({"amount_usd": "much"}, "amount_usd"),
        ({"amount_usd": "NaN"}, "amount_usd"),
        ({"amount_usd": 1e12}, "amount_usd"),
        ({"tenant": "acm"}, "tenant: none is named 'acm'"),
        ({"month": "2026-1"}, "write one like 2026-10"),
        ({"description": ""}, "description: say what it is for"),
        ({"kind": "split"}, "kind"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(house: House, changes: dict[str, Any], told: str) -> None:
    body = {"month": "2026-01", "tenant": "acme", "amount_usd": 1, "description": "outage", **changes}
    assert told in failure(house.client(FINANCE).post("/admin/books/entries", json=body), 400)["message"]
    assert house.audited == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/books/periods"),
        ("GET", "/admin/books/months/2026-01"),
        ("GET", "/admin/books/entries"),
        ("POST", "/admin/books/close"),
        ("POST", "/admin/books/entries"),
    ],
)
def test_a_tenant_keeps_no_books(house: House, method: str, path: str) -> None:
    body = {"month": "2026-01", "tenant": "acme", "amount_usd": 1, "description": "mine"}
    sent = {"month": "2026-01"} if path.endswith("close") else body
    failure(house.client(ACME).request(method, path, json=sent if method == "POST" else None), 403)
    assert list_statements(house.services.ledger) == []


def test_late_usage_is_seen_in_the_open_month(house: House, tmp_path: Path) -> None:
    close(house)
    ledger = SqliteLedger(tmp_path / "weir.db")
    ledger.append([event("acme", 9)])
    ledger.close()
    seen = house.client(FINANCE).get("/admin/books/months/2026-02").json()
    assert [line["kind"] for line in seen["statements"][0]["lines"]] == ["late"]
    assert seen["not_closable"][0].startswith("it is not over before 2026-03-01")
