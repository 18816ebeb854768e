"""`weir demo`: what it leaves on disk, what its configuration means, and what it says."""

from __future__ import annotations

import ast
import json
import re
import shlex
import stat
from pathlib import Path

import pytest

from gateway.commands.demo import announcement
from gateway.commands.demo_files import ANSWER_TOKENS, DemoFiles, config_text, prepare
from gateway.config import GatewaySettings, admin_key_problem
from gateway.config_file import load
from gateway.tenants import KEY_PREFIX, hash_key

BASE_URL = "http://127.0.0.1:8080/v1"


def make(folder: Path, *, openai: bool = False, port: int = 8080) -> DemoFiles:
    return prepare(folder, host="127.0.0.1", port=port, openai=openai)


def settings(files: DemoFiles) -> GatewaySettings:
    return load(files.config, {"OPENAI_API_KEY": "sk-of-somebody"}).settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_any_of_it(tmp_path: Path) -> None:
    files = make(tmp_path / "demo")
    assert mode(files.folder) == 0o700
    assert {mode(path) for path in files.folder.iterdir()} == {0o600}


def test_keys_stay_and_the_configuration_follows_the_environment(tmp_path: Path) -> None:
    first, second = make(tmp_path / "demo"), make(tmp_path / "demo", openai=True, port=9090)
    assert (first.tenant_key, first.admin_key) == (second.tenant_key, second.admin_key)
    assert settings(second).server.port == 9090
    assert settings(second).backends["large"].kind == "openai"


def test_a_folder_left_open_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir(mode=0o755)
    make(folder)
    assert mode(folder) == 0o700


def test_without_a_vendors_key_a_stand_in_says_so(tmp_path: Path) -> None:
    large = settings(make(tmp_path)).backends["large"]
    assert large.launch is not None
    assert large.stand_in_for == "gpt-5-mini"
    assert all("stand-in" in name for name in large.models)


def test_with_a_vendors_key_nothing_stands_in(tmp_path: Path) -> None:
    loaded = settings(make(tmp_path, openai=True))
    assert loaded.backends["large"].stand_in_for is None
    assert "sk-of-somebody" not in (tmp_path / "weir.yaml").read_text()


@pytest.mark.parametrize("openai", [True, False])
def test_the_route_has_two_tiers_that_are_served_and_the_local_ones_have_a_rate(
    tmp_path: Path, openai: bool
) -> None:
    loaded = settings(make(tmp_path, openai=openai))
    tiers = loaded.models["auto"].tiers
    assert len(tiers) == 2
    assert set(tiers) <= set(loaded.concrete_models)
    local = {name for backend in loaded.backends.values() if backend.launch for name in backend.models}
    assert local <= {rate.model for rate in loaded.rates}


@pytest.mark.parametrize("openai", [True, False])
def test_a_local_engine_ends_an_answer_that_the_client_does_not_limit(tmp_path: Path, openai: bool) -> None:
    """The printed lines set no limit, and a first answer comes in seconds."""
    launches = [backend.launch for backend in settings(make(tmp_path, openai=openai)).backends.values()]
    ends = [launch.answer_tokens for launch in launches if launch is not None]
    assert ends == [ANSWER_TOKENS] * (1 if openai else 2)


def test_the_demo_tenant_is_who_has_the_printed_key(tmp_path: Path) -> None:
    files = make(tmp_path)
    assert files.tenant_key.startswith(KEY_PREFIX)
    [key] = settings(files).tenants["demo"].keys
    assert key.hash == hash_key(files.tenant_key)
    assert admin_key_problem(settings(files)) is None
    assert files.tenant_key not in files.config.read_text()


def test_the_configuration_survives_an_odd_folder_name(tmp_path: Path) -> None:
    files = make(tmp_path / 'it\'s "odd": #1')
    assert settings(files).ledger == f"sqlite:///{files.folder / 'weir.db'}"


def test_what_is_printed_can_be_pasted(tmp_path: Path) -> None:
    files = make(tmp_path)
    said = announcement(files, BASE_URL, ".venv/bin/weir", openai=False)
    curl = next(line for line in said.splitlines() if line.startswith("curl "))
    words = shlex.split(curl)
    assert words[2] == f"{BASE_URL}/chat/completions"
    assert json.loads(words[words.index("-d") + 1])["model"] == "auto"
    assert f"authorization: Bearer {files.tenant_key}" in words
    snippet = said[said.index("from openai") : said.index("What it cost")].strip()
    assert len(snippet.splitlines()) == 4
    ast.parse(snippet)
    assert BASE_URL in snippet
    assert files.tenant_key in snippet
    assert files.admin_key not in said
    report = re.search(r"What it cost: +(.+)", said)
    assert report is not None
    assert shlex.split(report[1])[1:] == ["report", "--config", str(files.config)]


@pytest.mark.parametrize("openai", [True, False])
def test_the_stand_in_is_called_that_where_it_is_one(tmp_path: Path, openai: bool) -> None:
    said = announcement(make(tmp_path), BASE_URL, "weir", openai=openai)
    assert ("stand-in" in said) is not openai


def test_the_text_is_made_of_nothing_but_its_arguments(tmp_path: Path) -> None:
    files = DemoFiles(tmp_path, tenant_key="weir-sk-a", admin_key="b")
    once, again = (config_text(files, host="127.0.0.1", port=1, openai=False) for _ in range(2))
    assert once == again
