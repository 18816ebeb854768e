"""/admin/audit, and pages of every list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.paging import BY_ID, PageQuery, page
from tests.by_hand import change_by_hand
from tests.unit.test_admin import FINANCE, House, failure


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(scope="module")
def quiet_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """For what is only read."""
    return House(tmp_path_factory.mktemp("house"))


def changes(house: House, count: int) -> None:
    client = house.client()
    for n in range(count):
        assert client.post("/admin/tenants", json={"name": f"t{n}"}).status_code == 201


def test_changes_are_shown_newest_first_with_who_and_which_request(house: House) -> None:
    made = house.client().post("/admin/tenants", json={"name": "initech", "cost_center": "CC-7"})
    house.client().delete("/admin/tenants/initech")
    shown = house.client(FINANCE).get("/admin/audit").json()
    assert [row["action"] for row in shown["data"]] == ["tenant.revoke", "tenant.create"]
    row = shown["data"][1]
    assert (row["object"], row["seq"], row["who"], row["subject"]) == (
        *("audit_row", 1, "admin_key"),
        "tenant initech",
    )
    assert row["request_id"] == made.headers["x-request-id"]
    assert (row["before"], row["after"]["cost_center"]) == (None, "CC-7")
    assert (shown["has_more"], shown["first_id"], shown["last_id"]) == (False, 2, 1)


def test_changes_come_in_pages_and_chosen(house: House) -> None:
    changes(house, 5)
    house.client().post("/admin/keys", json={"tenant": "t1", "name": "web"})
    client = house.client()

    def numbers(**asked: Any) -> list[int]:
        return [row["seq"] for row in client.get("/admin/audit", params=asked).json()["data"]]

    first = client.get("/admin/audit", params={"limit": 4}).json()
    assert (first["has_more"], first["last_id"]) == (True, 3)
    assert numbers(limit=4, after=3) == [2, 1]
    assert numbers(order="asc", limit=2, after=4) == [5, 6]
    assert numbers(action="key") == numbers(subject="key t1/web") == [6]
    assert numbers(who="office/root") == numbers(**{"from": "2999-01-01"}) == numbers(to="1999-01-01") == []


def test_verifying_says_whether_it_is_what_was_written(house: House, tmp_path: Path) -> None:
    changes(house, 3)
    client = house.client(FINANCE)
    good = client.get("/admin/audit/verify").json()
    assert (good["ok"], good["rows"], good["first_broken"]) == (True, 3, None)
    assert client.get("/admin/audit/verify", params={"head": good["head"]}).json()["ok"] is True
    change_by_hand(f"sqlite:///{tmp_path / 'weir.db'}", "UPDATE audit_log SET after = '{' WHERE seq = 2")
    bad = client.get("/admin/audit/verify").json()
    assert (bad["ok"], bad["first_broken"]["seq"], bad["first_broken"]["kind"]) == (False, 2, "changed")
    assert client.get("/admin/audit").json()["data"][1]["after"] == "{"


def test_a_change_without_its_row_is_not_made(house: House, tmp_path: Path) -> None:
    changes(house, 1)
    change_by_hand(f"sqlite:///{tmp_path / 'weir.db'}", "ALTER TABLE audit_log RENAME TO hidden")
    refused = house.client().post("/admin/tenants", json={"name": "late"})
    assert failure(refused, 503)["code"] == "key_store_unavailable"
    assert "late" not in house.client().get("/admin/tenants").text


LISTS = ["/admin/tenants", "/admin/keys", "/admin/backends"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_put_together_are_the_whole_list(house: House, path: str, order: str) -> None:
    changes(house, 4)
    for n in range(3):
        house.client().post("/admin/keys", json={"tenant": "t1", "name": f"k{n}"})
    backends = [{"object": "backend", "id": f"b{n}"} for n in (3, 1, 2)]
    client = house.client(backends=lambda: backends)
    whole = client.get(path, params={"order": order}).json()
    assert whole["has_more"] is False
    assert pages(client, path, {"order": order, "limit": 2}) == whole["data"]
    assert len(whole["data"]) >= 3
    backwards = client.get(path, params={"order": "asc" if order == "desc" else "desc"}).json()["data"]
    assert backwards == whole["data"][::-1]


def pages(client: TestClient, path: str, asked: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        got = client.get(path, params={**asked, **after}).json()
        assert 1 <= len(got["data"]) <= asked["limit"]
        found += got["data"]
        if not got["has_more"]:
            return found
        after = {"after": got["last_id"]}


def test_keys_of_a_tenant_come_in_pages_too(quiet_house: House) -> None:
    shown = quiet_house.client().get("/admin/keys", params={"tenant": "office", "limit": 1}).json()
    assert (shown["data"][0]["name"], shown["last_id"], shown["has_more"]) == ("books", "office/books", True)


@pytest.mark.parametrize("path", [*LISTS, "/admin/audit", "/admin/events", "/admin/reports/usage"])
def test_bounds_of_pages_are_held_and_named(quiet_house: House, path: str) -> None:
    client = quiet_house.client()
    for limit in ("0", "-1", "100000", "many"):
        assert failure(client.get(path, params={"limit": limit}), 400)["param"] == "limit"
    assert failure(client.get(path, params={"limti": "1"}), 400)["param"] == "limti"


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("/admin/tenants", "acme"),
        ("/admin/keys", "web"),
        ("/admin/audit", "x"),
        ("/admin/audit", "-1"),
        ("/admin/reports/usage", "x"),
        ("/admin/reports/usage", "{}"),
        ("/admin/reports/usage", '["acme"]'),
        ("/admin/reports/usage", "[1,2,3]"),
    ],
)
def test_cursors_that_are_none_are_named(quiet_house: House, path: str, after: str) -> None:
    assert failure(quiet_house.client().get(path, params={"after": after}), 400)["param"] == "after"


def test_a_head_that_is_none_is_named(quiet_house: House) -> None:
    assert (
        failure(quiet_house.client().get("/admin/audit/verify", params={"head": "x"}), 400)["param"] == "head"
    )


def test_pages_of_a_report_have_the_totals_of_the_whole(quiet_house: House) -> None:
    client = quiet_house.client()
    asked = {"group_by": "tenant,category,month,tag:team"}
    whole = client.get("/admin/reports/usage", params=asked).json()
    assert (len(whole["data"]), whole["has_more"]) == (2, False)
    assert pages(client, "/admin/reports/usage", {**asked, "limit": 1}) == whole["data"]
    first = client.get("/admin/reports/usage", params={**asked, "limit": 1}).json()
    assert first["totals"] == whole["totals"]
    assert first["last_id"] == '["acme", "vendor", "2026-01", ""]'
    beyond = client.get("/admin/reports/usage", params={**asked, "after": whole["last_id"]}).json()
    assert (beyond["data"], beyond["has_more"], beyond["last_id"]) == ([], False, None)
    assert beyond["totals"] == whole["totals"]


@pytest.mark.parametrize("name", ["limit", "after"])
def test_csv_comes_whole(quiet_house: House, name: str) -> None:
    asked = {"format": "csv", name: "1"}
    assert failure(quiet_house.client().get("/admin/reports/usage", params=asked), 400)["param"] == name


@pytest.mark.parametrize(
    "group",
    ["tenant", "project", "cost_center", "key", "model", "backend", "tag:team", "category", "day", "month"],
)
def test_chargeback_is_grouped_by_what_finance_asks_for(quiet_house: House, group: str) -> None:
    report = quiet_house.client(FINANCE).get("/admin/reports/usage", params={"group_by": group}).json()
    assert sum(row["cost_nanos"] for row in report["data"]) == report["totals"]["cost_nanos"] == 3000
    assert all(group in row for row in report["data"])


NAMES = st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=8)


@given(NAMES, st.integers(1, 5), st.sampled_from(["asc", "desc"]), st.data())
def test_a_page_misses_and_repeats_nothing_whatever_goes_meanwhile(
    names: list[str], limit: int, order: Any, data: st.DataObject
) -> None:
    there, seen, gone = names[:], [], set()
    query = PageQuery(limit=limit, order=order)
    while True:
        got = page(rows(there), BY_ID, query, lambda row: row["id"])
        seen += got["data"]
        if not got["has_more"]:
            break
        leaving = data.draw(st.sampled_from(there))
        there.remove(leaving)
        gone.add(leaving)
        query = PageQuery(limit=limit, order=order, after=got["last_id"])
    assert seen == sorted(seen, reverse=order == "desc")
    assert len(seen) == len(set(seen))
    assert set(names) - gone <= set(seen) <= set(names)


def rows(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"id": name} for name in names]
