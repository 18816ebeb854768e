"""Retry, fall back, pass on: the decision table, and the back-off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.attempts import AttemptBudget, Verdict, backoff_s, judge, parse_retry_after
from gateway.config import RetrySettings

RETRY = RetrySettings(base=0.1, cap=2.0, per_backend=5)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ANSWER),
        (301, Verdict.FALL_BACK),
        (400, Verdict.PASS_ON),
        (401, Verdict.FALL_BACK),
        (403, Verdict.FALL_BACK),
        (404, Verdict.FALL_BACK),
        (408, Verdict.RETRY),
        (409, Verdict.RETRY),
        (413, Verdict.PASS_ON),
        (422, Verdict.PASS_ON),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (503, Verdict.RETRY),
        (529, Verdict.RETRY),
    ],
)
def test_verdicts(status: int, verdict: Verdict) -> None:
    assert judge(status) is verdict


@given(st.integers(1, 4), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_between_nothing_and_its_cap(failures: int, chance: float) -> None:
    pause = backoff_s(RETRY, failures, None, chance)
    assert pause is not None
    assert 0 <= pause <= min(RETRY.cap, RETRY.base * 2 ** (failures - 1))


def test_backoff_ends_with_the_attempts_of_one_backend() -> None:
    assert backoff_s(RETRY, 5, None, 0.5) is None


def test_retry_after_is_honoured_to_the_letter_or_means_elsewhere() -> None:
    assert backoff_s(RETRY, 1, 1.5, 0.0) == 1.5
    assert backoff_s(RETRY, 1, 2.5, 0.0) is None


@pytest.mark.parametrize(
    ("after", "after_ms", "seconds"),
    [
        (None, None, None),
        (b"3", None, 3.0),
        (b" 1.5 ", None, 1.5),
        (b"3", b"250", 0.25),
        (b"Thu, 01 Jan 1970 00:01:10 GMT", None, 10.0),
        (b"Thu, 01 Jan 1970 00:00:10 GMT", None, 0.0),
        (b"soon", None, None),
        (None, b"soon", None),
        (b"\xff", None, None),
    ],
)
def test_retry_after_forms(after: bytes | None, after_ms: bytes | None, seconds: float | None) -> None:
    assert parse_retry_after(after, after_ms, now_s=60.0) == seconds


def test_the_budget_counts_attempts() -> None:
    budget = AttemptBudget(2)
    assert [budget.take(), budget.take()] == [1, 2]
    assert budget.left == 0
