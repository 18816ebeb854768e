"""Which candidates can serve a request at all: they have what it needs, and their context window holds it.

Tokens are estimated, so a window is judged in three bands. With up to one token per 2 bytes the prompt fits
beyond reasonable doubt; with one per 12 it cannot; between the two it is doubtful. A caller that can count
settles the doubt; otherwise the estimate decides, and what it speaks against is kept apart: better tried than
refused where nothing else is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from router.decision import Candidate, RouteRequest
from router.features import CHAT, longest_prompt_tokens, requested_output_tokens

CEILING = 2
"""Times the estimate: more tokens than this have only been seen in emoji and random letters."""
FLOOR_DIVISOR = 3
"""The estimate over this: fewer have only been seen in long runs of one character."""
SHOWN = 8
"""Candidates that a message names before it counts the rest."""

CountTokens = Callable[[], int]
"""The longest prompt's real number of tokens."""


@dataclass(frozen=True, slots=True)
class Dropped:
    candidate: Candidate
    reason: str
    """What it lacks, as the end of a sentence that begins with its name."""


class Fitting(NamedTuple):
    fits: tuple[Candidate, ...]
    """In the given order."""
    doubtful: tuple[Candidate, ...]
    """Too small by the estimate, though not beyond doubt; the largest window first."""
    dropped: tuple[Dropped, ...]
    """Everything else and, once more, the doubtful, each with what it lacks."""


def fitting(
    candidates: Iterable[Candidate], request: RouteRequest, exact_tokens: CountTokens | None = None
) -> Fitting:
    """Parts the candidates. `exact_tokens` is called at most once, and only if there is a doubt; what it says
    leaves none."""
    prompt = _prompt_tokens(request)
    output = requested_output_tokens(request.fields) or 0
    counted: int | None = None
    fits: list[Candidate] = []
    doubtful: list[Candidate] = []
    dropped: list[Dropped] = []
    for candidate in candidates:
        window = candidate.context_tokens
        if not request.needs <= candidate.features:
            dropped.append(Dropped(candidate, _lacks(candidate, request.needs)))
        elif window is None or prompt * CEILING + output <= window:
            fits.append(candidate)
        else:
            in_doubt = prompt // FLOOR_DIVISOR + output <= window
            if in_doubt and counted is None and exact_tokens is not None:
                counted = exact_tokens()
            tokens = prompt if counted is None else counted
            if in_doubt and tokens + output <= window:
                fits.append(candidate)
                continue
            dropped.append(Dropped(candidate, _exceeds(window, tokens, output)))
            if in_doubt and counted is None:
                doubtful.append(candidate)
    doubtful.sort(key=lambda candidate: -(candidate.context_tokens or 0))
    return Fitting(tuple(fits), tuple(doubtful), tuple(dropped))


def nothing_fits(dropped: Sequence[Dropped]) -> str:
    """The message of a NoCandidate: each candidate once, with what it lacks."""
    told = list(dict.fromkeys(described(each) for each in dropped))
    more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f"No model can serve this request: {'; '.join(told[:SHOWN])}{more}."


def described(dropped: Dropped) -> str:
    return f"{dropped.candidate.model} on {dropped.candidate.backend} {dropped.reason}"


def _prompt_tokens(request: RouteRequest) -> int:
    """The estimate that came with the request, unless it adds up prompts that are read one by one."""
    if request.api == CHAT:
        return request.prompt_tokens
    return longest_prompt_tokens(request.fields, request.api)


def _lacks(candidate: Candidate, needs: frozenset[str]) -> str:
    return f"does not support {', '.join(sorted(needs - candidate.features))}"


def _exceeds(window: int, prompt: int, output: int) -> str:
    asked = f"about {prompt} tokens of prompt" + (f" and {output} of output" if output else "")
    return f"has a context window of {window} tokens, too small for {asked}"
