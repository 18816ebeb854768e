"""The circuit of one upstream URL, step by step on a clock that is moved by hand."""

from __future__ import annotations

import pytest

from gateway.backends.breaker import Breaker, Circuit
from gateway.clock import ManualClock

FAILURES, OPEN_FOR_S = 3, 10.0
STORIES = {
    "passes while closed": ("? ? ?", "closed"),
    "opens after failures in a row": ("- - - !", "open"),
    "a success between starts the count anew": ("- - + - - ?", "closed"),
    "lets exactly one probe through": ("- - - 10 ? ! !", "half_open"),
    "stays open until its time": ("- - - 9 !", "open"),
    "closes after a good probe": ("- - - 10 ? + ? ?", "closed"),
    "opens again after a bad probe": ("- - - 10 ? - ! 9 ! 1 ?", "half_open"),
    "counts from nothing after closing": ("- - - 10 ? + - - ?", "closed"),
    "an abandoned probe frees its place at once": ("- - - 10 ? ~ ? !", "half_open"),
    "a probe that says nothing blocks the next one only for a while": ("- - - 10 ? ! 10 ? !", "half_open"),
    "an answer from before it opened does not close it": ("- - - + ! 10 ?", "half_open"),
    "a failure from before it opened does not keep it open longer": ("- - - 9 - 1 ?", "half_open"),
    "a release without a probe changes nothing": ("- - - ~ !", "open"),
    "a release while closed forgives nothing": ("- - ~ - !", "open"),
    "a reset forgets": ("- - - 0 R ? - - ?", "closed"),
}


@pytest.mark.parametrize(("steps", "state"), STORIES.values(), ids=STORIES.keys())
def test_story(steps: str, state: str) -> None:
    """`?` is let through, `!` is not; `+` succeeded, `-` failed, `~` released, R reset, a number waits."""
    clock = ManualClock()
    breaker = Breaker(FAILURES, OPEN_FOR_S, clock)
    told = {"+": breaker.succeeded, "-": breaker.failed, "~": breaker.released, "R": breaker.reset}
    for number, step in enumerate(steps.split()):
        if step in "?!":
            assert breaker.allows() is (step == "?"), f"step {number} of {steps}"
        elif step in told:
            told[step]()
        else:
            clock.advance(float(step))
    assert breaker.state is Circuit(state)


def test_a_look_at_the_state_claims_no_probe() -> None:
    clock = ManualClock()
    breaker = Breaker(1, OPEN_FOR_S, clock)
    breaker.failed()
    clock.advance(OPEN_FOR_S)
    assert breaker.state is Circuit.HALF_OPEN
    assert breaker.allows()
