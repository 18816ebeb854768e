"""The reference names every header, error code, outcome and metric that the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.metrics import Metrics
from metering.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "gateway").rglob("*.py")))


def names(pattern: str) -> list[str]:
    found = sorted(set(re.findall(pattern, SOURCES, re.MULTILINE)))
    assert found, f"nothing in the code looks like {pattern}: this test has gone blind"
    return found


@pytest.mark.parametrize("header", names(r'b"(x-(?:weir|request|api)-[a-z-]+)"'))
def test_every_header_is_documented(header: str) -> None:
    assert f"`{header}" in REFERENCE


@pytest.mark.parametrize(
    "code",
    names(r'code="([a-z_]+)"') + names(r'\bcode = (?:.*, )?"([a-z_]+)"$') + names(r': "(upstream_[a-z_]+)"'),
)
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in REFERENCE


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_documented(outcome: Outcome) -> None:
    assert f"| `{outcome.value}` |" in REFERENCE


@pytest.mark.parametrize(
    "metric",
    sorted({family.name for family in Metrics().registry.collect()} | set(names(r'yield "(weir_[a-z_]+)"'))),
)
def test_every_metric_is_documented(metric: str) -> None:
    assert re.search(rf"`{metric}(_total)?`", REFERENCE)


@pytest.mark.parametrize("event", names(r'news\("([a-z_]+)"') + names(r'"event": "([a-z_]+)"'))
def test_every_log_event_is_documented(event: str) -> None:
    assert re.search(rf'`{event}`|\("{event}"\)', REFERENCE)
