"""docs/threads.md: every thread that we know of has its row, and every test that a row names exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/threads.md"
NAMED = ("tests/unit/test_budget_threads.py", "tests/e2e/test_budget_threads_road.py")
"""Files whose tests are each of a thread, by name."""

LITELLM = """
34732 40095 26672 PR26845 27639 30460 35569 36926 40050 27735 PR29493 PR38647 34238 PR30039 22726 20615 14144
23714 11083 PR41379 19985 34896 PR40978 14457 PR30522 PR30630 PR33736 PR36008 PR37558 37992 9812 11364 11789
5443 31282 PR40016
"""
OTHERS = """
bifrost#3547 bifrost#2873 bifrost#PR4123 langwatch#6141 envoyproxy/ai-gateway#680 envoyproxy/ai-gateway#1754
envoyproxy/ai-gateway#1866 envoyproxy/ai-gateway#2394 tensorzero#3648 grob#PR566 mlflow#PR21111
Portkey-AI/gateway#1169 Portkey-AI/gateway#1160 Portkey-AI/gateway#115 agentgateway#2171
"""
CACHE = """
litellm#29955 litellm#19575 litellm#PR26992 litellm#29086 litellm#6954 litellm#25447 litellm#12234
vllm-project/semantic-router#2134 vllm-project/semantic-router#1448 vllm-project/semantic-router#913
vllm-project/semantic-router#2030 vllm-project/semantic-router#36 vllm-project/semantic-router#1581
bifrost#2791 bifrost#1915 bifrost#PR2076 OmniRoute#3740 wso2/api-platform#733 upstash/semantic-cache#5
NVIDIA/NeMo-Relay#PR404
"""
THREADS = {f"litellm#{number}" for number in LITELLM.split()} | set(OTHERS.split()) | set(CACHE.split())
_THREAD = re.compile(r"([A-Za-z0-9/-]+)( PR)?#(\d+)")
_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
_NUMBER = re.compile(r"test_[a-z]+_(?:pr)?(\d{3,})_")


class Row(NamedTuple):
    threads: tuple[str, ...]
    wrong: str
    holds: str
    file: str
    function: str


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text().splitlines():
        if not line.startswith("| ") or line.startswith("| thread "):
            continue
        who, wrong, holds, test = (cell.strip() for cell in line.strip("|").split("|"))
        threads = tuple(f"{name}#{'PR' if pr else ''}{number}" for name, pr, number in _THREAD.findall(who))
        named = _TEST.fullmatch(test)
        assert threads, f"no thread in {line}"
        assert named, f"no test in {line}"
        found.append(Row(threads, wrong, holds, named[1], named[2]))
    return found


ROWS = rows()


@cache
def functions(file: str) -> frozenset[str]:
    """Of the file's top level."""
    body = ast.parse((ROOT / file).read_text(), filename=file).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_thread_has_a_row_and_every_row_a_thread() -> None:
    shown = {thread for row in ROWS for thread in row.threads}
    assert shown == THREADS


@pytest.mark.parametrize("row", ROWS, ids=[row.function for row in ROWS])
def test_a_row_says_what_went_wrong_what_holds_and_where_it_is_tested(row: Row) -> None:
    assert row.wrong
    assert row.holds
    assert row.function in functions(row.file), f"{row.file} has no {row.function}"


def test_every_test_of_a_thread_stands_in_the_row_of_its_thread() -> None:
    shown = Counter(row.function for row in ROWS)
    for file in NAMED:
        for name in functions(file):
            if name.startswith("test_"):
                assert shown[name] == 1, f"{file}::{name} has no row"
    for row in ROWS:
        number = _NUMBER.match(row.function)
        if number:
            assert number[1] in {re.sub(r"\D", "", thread) for thread in row.threads}, row
