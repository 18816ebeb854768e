"""What to do after an attempt failed: a pure decision over status, count and clock-free numbers."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum

from gateway.config import RetrySettings

RETRYABLE_STATUS = frozenset({408, 409, 429}) | frozenset(range(500, 600))
OURS_NOT_THE_CLIENTS = frozenset({401, 403, 404, 407})
"""The upstream refused the gateway's key, or does not know the model the file names for it: nothing the
client sent can mend that, so another backend is tried and the upstream's words stay here."""


class Verdict(StrEnum):
    ANSWER = "answer"
    RETRY = "retry"
    """Another attempt may go better: here or elsewhere."""
    FALL_BACK = "fall_back"
    """This backend will not do better; another may."""
    PASS_ON = "pass_on"
    """The request itself was judged: the client must see it."""


def judge(status: int) -> Verdict:
    if 200 <= status < 300:
        return Verdict.ANSWER
    if status in RETRYABLE_STATUS:
        return Verdict.RETRY
    if status in OURS_NOT_THE_CLIENTS or status < 400:
        return Verdict.FALL_BACK
    return Verdict.PASS_ON


def backoff_s(
    retry: RetrySettings, failures: int, retry_after_s: float | None, chance: float
) -> float | None:
    """Seconds to wait before trying the same backend again, or None if that is not worth it.

    Full jitter over an exponential (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog):
    `chance` in [0, 1) times base * 2**(failures-1), at most `cap`. An upstream's retry-after is honoured to
    the letter when it is within `cap`; a longer one means: go elsewhere.
    """
    if failures >= retry.per_backend:
        return None
    if retry_after_s is not None:
        return retry_after_s if retry_after_s <= retry.cap else None
    return chance * min(retry.cap, retry.base * float(2 ** (failures - 1)))


def parse_retry_after(after: bytes | None, after_ms: bytes | None, now_s: float) -> float | None:
    """`retry-after-ms`, or `retry-after` as seconds or as an HTTP date (RFC 9110, 10.2.3); None if absent or
    unreadable. `now_s` is Unix time."""
    try:
        if after_ms is not None:
            return max(0.0, float(after_ms) / 1000)
        if after is None:
            return None
        text = after.decode("ascii").strip()
        if text.replace(".", "", 1).isdigit():
            return float(text)
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except ValueError:
        return None


@dataclass(slots=True)
class AttemptBudget:
    """How many upstream attempts one request may still cost, over retries and fallbacks together."""

    left: int
    taken: int = 0

    def take(self) -> int:
        """The number of the attempt that begins, from 1."""
        self.left -= 1
        self.taken += 1
        return self.taken
