"""The pages that a reader starts from, held to the project."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!;\[ ]", name.strip())[0]).lower()


def declared() -> dict[str, set[str]]:
    """Group -> the packages it names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"pyproject.toml": {normal(line) for line in project["dependencies"]}}
    for file in sorted((ROOT / "requirements").glob("*.in")):
        lines = [line.strip() for line in file.read_text().splitlines()]
        groups[file.name] = {normal(line) for line in lines if line and not line.startswith(("#", "-"))}
    return groups


def documented() -> Iterator[tuple[str, str, str]]:
    """(package, licence, reason) of every row of every table."""
    for line in (ROOT / "docs/dependencies.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[0] != "package":
            yield normal(cells[0]), cells[1], cells[2]


def pinned(lock: str) -> set[str]:
    text = (ROOT / "requirements" / lock).read_text()
    return {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.M)}


def test_every_dependency_is_explained_and_nothing_else_is() -> None:
    named = set().union(*declared().values())
    rows = [name for name, _, _ in documented()]
    assert len(rows) == len(set(rows)), "a package stands there twice"
    assert set(rows) == named


def test_every_explanation_is_whole() -> None:
    for name, licence, reason in documented():
        assert licence, f"{name} has no licence"
        assert reason, f"{name} has no reason"


@pytest.mark.parametrize("group", ["pyproject.toml", "engine.in", "client.in", "build.in", "dev.in"])
def test_every_group_is_locked(group: str) -> None:
    lock = "runtime.lock" if group == "pyproject.toml" else group.replace(".in", ".lock")
    assert declared()[group] <= pinned(lock), "run `make lock`"


def test_locks_agree_with_each_other() -> None:
    """Two groups in one environment: a package pinned twice must be pinned alike."""
    seen: dict[str, set[str]] = {}
    for lock in ("runtime.lock", "client.lock", "dev.lock"):
        for line in re.findall(r"^\S+==[^\\\n]+", (ROOT / "requirements" / lock).read_text(), re.M):
            name, _, rest = line.partition("==")
            seen.setdefault(f"{name} in {lock}", set()).add(rest.partition(";")[0].strip())
    versions: dict[str, list[set[str]]] = {}
    for key, pins in seen.items():
        versions.setdefault(key.partition(" ")[0], []).append(pins)
    assert not {name: pins for name, pins in versions.items() if any(each != pins[0] for each in pins)}


def test_every_pin_has_a_hash() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        for block in re.split(r"\n(?=\S)", lock.read_text()):
            if "==" in block.partition("\n")[0]:
                assert "--hash=sha256:" in block, f"{lock.name}: {block.partition(chr(10))[0]}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.M))
    assert named <= targets


def test_the_node_lock_pins_by_hash_and_names_no_host() -> None:
    lock = (ROOT / "tests/e2e/node/package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock


SOURCE = "\n".join(path.read_text() for path in sorted((ROOT / "gateway").rglob("*.py")))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_metrics_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"`(weir_[a-z_]+)`", page.read_text()))
    there = set(re.findall(r'"(weir_[a-z_]+)"', SOURCE))
    assert {name.removesuffix("_total") for name in named} <= there


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_commands_that_are_named_exist(page: Path) -> None:
    named = set(re.findall(r"(?:^|`|bin/)weir ([a-z]+)", page.read_text(), re.M))
    assert named <= set(COMMANDS)


def test_every_header_is_documented_and_every_documented_one_exists() -> None:
    documented_headers = set(re.findall(r"`(x-[a-z-]+)", (ROOT / "docs/applications.md").read_text()))
    there = set(re.findall(r'b"(x-weir-[a-z-]+|x-request-id|x-api-key|x-should-retry)"', SOURCE))
    there |= set(re.findall(r'b"(x-ratelimit-)', SOURCE))
    assert documented_headers == there
