"""Who sees what of the meter: a key its own, a tenant its own, finance and admin all."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.place import (
    ADMIN_KEY,
    FINANCE_KEY,
    KEY,
    OTHER_KEY,
    SECOND_KEY,
    Place,
    get,
    running,
)
from tests.fakes.gateway_process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")
ASKED = {KEY: 3, SECOND_KEY: 2, OTHER_KEY: 1}
"""Requests by key. The keys of both tenants have one name."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with running(tmp_path_factory.mktemp("usage")) as place:
        for key, count in ASKED.items():
            for number in range(count):
                tags = {"x-weir-tags": f"team={'red' if number else 'blue'}"}
                answer = await place.chat("good", f"[id:{count}-{number}]", key=key, headers=tags)
                assert answer.status == 200
        yield place


async def usage(place: Place, key: str, query: str = "", path: str = "/v1/usage") -> dict[str, Any]:
    answer = await get(place, f"{path}?{query}", key)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


async def test_a_key_sees_its_own_usage_and_no_other(place: Place) -> None:
    for key, count in ASKED.items():
        own = await usage(place, key, "group_by=model,tag:team")
        assert own["totals"]["requests"] == count
        assert {row["model"] for row in own["data"]} == {"good"}
        assert {row["tag:team"]: row["requests"] for row in own["data"]}["blue"] == 1
        assert float(own["totals"]["cost_usd"]) > 0
    assert (await usage(place, KEY))["key"] == "k"
    assert (await usage(place, OTHER_KEY, path="/usage"))["tenant"] == "two"
    assert (await usage(place, FINANCE_KEY))["totals"]["requests"] == 0
    assert (await usage(place, KEY, "to=2020-01-01"))["data"] == []


async def test_no_question_widens_what_a_key_sees(place: Place) -> None:
    for query in ("tenant=two", "key=second", "group_by=tenant", "group_by=key", "tag:team=red"):
        answer = await get(place, f"/v1/usage?{query}", KEY)
        assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (await get(place, "/v1/usage", "weir-sk-unknown")).status == 401
    assert (await get(place, "/v1/usage", ADMIN_KEY)).status == 401


async def test_reports_follow_the_role(place: Place) -> None:
    async def seen(key: str, query: str = "") -> dict[tuple[str, str], int]:
        path = "/admin/reports/usage"
        report = await usage(place, key, f"group_by=tenant,key{query}", path)
        return {(row["tenant"], row["key"]): row["requests"] for row in report["data"]}

    everybody = {("one", "k"): 3, ("one", "second"): 2, ("two", "k"): 1}
    assert await seen(ADMIN_KEY) == await seen(FINANCE_KEY) == everybody
    assert await seen(KEY) == {("one", "k"): 3, ("one", "second"): 2}
    assert await seen(OTHER_KEY) == {("two", "k"): 1}
    assert await seen(FINANCE_KEY, "&tag=team%3Dred") == {("one", "k"): 2, ("one", "second"): 1}
    assert (await get(place, "/admin/reports/usage?tenant=two", KEY)).status == 403
    as_csv = await get(place, "/admin/reports/usage?group_by=category,month&format=csv", FINANCE_KEY)
    assert as_csv.body.splitlines()[1].startswith(b"vendor,")


async def test_prices_that_did_not_change_correct_nothing(place: Place) -> None:
    config = str(place.folder / "weir.yaml")
    await usage(place, KEY)  # all rows are in the ledger then
    command = [sys.executable, "-m", "gateway.cli", "reprice", "--config", config]
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "6 rows looked at, 0 to correct\n0 corrections written\n"
