"""The audit log of a gateway that serves: changes from its API, its file and a command are one chain."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from tests.e2e.place import ADMIN_KEY, FINANCE_KEY, UPSTREAM_KEY, Place, get, running, until
from tests.fakes.client import post
from tests.fakes.gateway_process import ROOT


async def weir(place: Place, *arguments: str) -> str:
    command = [sys.executable, "-m", "gateway.cli", *arguments, "--config", str(place.folder / "weir.yaml")]
    environment = {"FAKE_UPSTREAM_KEY": UPSTREAM_KEY, "PATH": "/usr/bin:/bin"}
    ran = await asyncio.to_thread(
        subprocess.run, command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return str(ran.stdout)


async def test_what_is_changed_anywhere_is_one_chain(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        until(lambda: '"config.start"' in place.everything_said(), "the start")
        root = place.gateway.base_url.removesuffix("/v1")
        by_api = [post(f"{root}/admin/tenants", {"name": f"api-{n}"}, key=ADMIN_KEY) for n in range(5)]
        made = await asyncio.gather(*by_api, weir(place, "tenants", "create", "by-command"))
        assert {answer.status for answer in made[:5]} == {201}
        path = place.folder / "weir.yaml"
        changed = orjson.loads(path.read_bytes())
        changed["rates"][0]["input"] = 7
        path.write_bytes(orjson.dumps(changed))
        until(lambda: '"config.reload.done"' in place.everything_said(), "the reload")
        rows = (await get(place, "/admin/audit?order=asc", FINANCE_KEY)).json()["data"]
        assert sorted(row["subject"] for row in rows if row["action"] == "tenant.create") == [
            *(f"tenant api-{n}" for n in range(5)),
            "tenant by-command",
        ]
        assert {row["who"] for row in rows} > {"admin_key", "gateway:start", "gateway:file"}
        assert rows[-1]["after"]["settings"]["rates[0].input"] == "7"
        verdict = (await get(place, "/admin/audit/verify", FINANCE_KEY)).json()
        assert (verdict["ok"], verdict["rows"]) == (True, len(rows))
        assert noted(place)[-1] == verdict["head"]
        found: dict[str, Any] = json.loads(
            await weir(place, "audit", "verify", "--head", verdict["head"], "--json")
        )
        assert found["ok"]


def noted(place: Place) -> list[str]:
    """Heads, as the gateway's log has them."""
    lines = [orjson.loads(line) for line in place.everything_said().splitlines() if line.startswith("{")]
    return [f"{line['seq']}:{line['hash']}" for line in lines if line["event"] == "audit"]
