"""The house rules that a reader can rely on, held by reading the source."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "router", "cache", "metering")
CODE = (*PACKAGES, "tests", "benchmarks", "examples")

MAY_IMPORT = {
    "gateway": {"gateway", "router", "cache", "metering"},
    "router": {"router", "metering"},
    "cache": {"cache", "metering"},
    "metering": {"metering"},
}
"""Package -> those of ours that it may import."""

HTTP_LIBRARIES = {
    "fastapi",
    "starlette",
    "uvicorn",
    "httptools",
    "h11",
    "httpx",
    "httpx2",
    "requests",
    "http",
}
"""HTTP lives in `gateway`; the others know values."""

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, top-level package) of every import, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[0] if node.level else str(node.module).partition(".")[0]
            yield node.lineno, package


def lines_of(node: ast.AST) -> int:
    return int(getattr(node, "end_lineno", 0)) - int(getattr(node, "lineno", 0)) + 1


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines of its own): decorators are left out, and functions inside count for themselves."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, Function):
            inner = [each for each in node.body if isinstance(each, Function)]
            yield node.name, lines_of(node) - sum(lines_of(each) for each in inner)


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for line, name in imported(path)
        if name in PACKAGES and name not in MAY_IMPORT[package]
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "gateway"])
def test_http_stays_in_the_gateway(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(package)
        for line, name in imported(path)
        if name in HTTP_LIBRARIES
    ]
    assert not wrong, "\n".join(wrong)


def test_the_packages_do_not_import_what_only_tests_have() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(*PACKAGES)
        for line, name in imported(path)
        if name in {"tests", "benchmarks", "examples", "pytest"}
    ]
    assert not wrong, "\n".join(wrong)


def test_a_file_holds_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*CODE)
        if (lines := path.read_text().count("\n")) > MAX_FILE_LINES
    }
    assert not long, f"longer than {MAX_FILE_LINES} lines: {long}"


def test_a_function_holds_one_idea() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {name} has {lines} lines"
        for path in sources(*CODE)
        for name, lines in functions(path)
        if lines > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_every_package_is_installed() -> None:
    """A package that setuptools is not told about works from a checkout and is missing from the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = set(project["tool"]["setuptools"]["packages"])
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in sources(*PACKAGES)}
    assert named == there


# A registry host in a lock ties the project to one mirror; a path of somebody's home works nowhere else.
HOSTS = re.compile(
    r"files\.pythonhosted\.org|pypi\.org/simple|registry\.(npmjs|yarnpkg)\.|--(extra-)?index-url|--find-links"
)
HOME = re.compile(r"(?<![\w.$}])/(home|root|Users)/[A-Za-z0-9_.-]+")


def test_no_tracked_file_names_a_registry_or_somebodys_home() -> None:
    wrong = []
    for path in tracked():
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if HOSTS.search(line) or HOME.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not wrong, "\n".join(wrong)
