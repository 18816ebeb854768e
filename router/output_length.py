"""How long answers are expected to be, from how long they were: per route, tenant and size of the prompt.

A mean at each level, in which the last few hundred answers count most, drawn towards the level above as long
as it rests on few answers:

    everything > one route > one tenant there > that tenant's prompts of about this size (to a doubling)

Means of tokens, not of their logarithms: costs are sums, and a mean is what predicts a sum. Nothing here
reads a clock; the same answers in the same order give the same predictions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

START_TOKENS = 256.0
"""What everything is drawn towards before anything is known."""
PRIOR_ANSWERS = 5.0
"""The level above counts as this many answers."""
REMEMBERED_ANSWERS = 200
"""From then on each new answer counts one part in this many."""
MAX_KEYS = 20_000
"""Kept for sure; the ones not learned from for longest go where there are twice as many."""

Key = str | tuple[str, str] | tuple[str, str, int]
"""A route; a tenant there; its prompts of a size."""
_EVERYTHING = ""


class Metered(NamedTuple):
    """A sum over answers."""

    route: str
    tenant: str
    answers: int
    output_tokens: int


class _Mean:
    __slots__ = ("answers", "tokens")

    def __init__(self) -> None:
        self.answers = 0
        self.tokens = 0.0

    def add(self, tokens: int) -> None:
        if self.answers < REMEMBERED_ANSWERS:
            self.answers += 1
        self.tokens += (tokens - self.tokens) / self.answers

    def add_many(self, answers: int, mean_tokens: float) -> None:
        """As far as there is room: what is newer counts as it is."""
        added = min(answers, REMEMBERED_ANSWERS - self.answers)
        if added > 0:
            whole = self.answers + added
            self.tokens = (self.tokens * self.answers + mean_tokens * added) / whole
            self.answers = whole

    def drawn(self, towards: float) -> float:
        answers = self.answers
        return (towards * PRIOR_ANSWERS + self.tokens * answers) / (PRIOR_ANSWERS + answers)


class OutputLengths:
    """For one thread. A route is what the client asked for: a virtual model, or a model that it named."""

    def __init__(self) -> None:
        self._all = _Mean()
        self._means: dict[Key, _Mean] = {}
        self._older: dict[Key, _Mean] = {}
        """Not learned from since there were MAX_KEYS for the last time."""

    def expected(self, route: str, tenant: str, prompt_tokens: int) -> int | None:
        """Tokens of an answer, at least 1; None while nothing is known of any answer."""
        if not self._all.answers:
            return None
        means, older = self._means.get, self._older.get
        tokens = self._all.drawn(START_TOKENS)
        if (found := means(route) or older(route)) is not None:
            tokens = found.drawn(tokens)
            of_tenant = route, tenant
            if (found := means(of_tenant) or older(of_tenant)) is not None:
                tokens = found.drawn(tokens)
                of_size = route, tenant, prompt_tokens.bit_length()
                if (found := means(of_size) or older(of_size)) is not None:
                    tokens = found.drawn(tokens)
        return int(tokens + 0.5) or 1

    def learn(self, route: str, tenant: str, prompt_tokens: int, output_tokens: int) -> None:
        """One whole answer, as its vendor or engine counted it."""
        self._all.add(output_tokens)
        self._mean(route).add(output_tokens)
        self._mean((route, tenant)).add(output_tokens)
        self._mean((route, tenant, prompt_tokens.bit_length())).add(output_tokens)

    def seed(self, metered: Iterable[Metered]) -> None:
        """What was metered before this process began. What it learned itself since counts as it is."""
        sums: dict[Key, tuple[int, int]] = {}
        for route, tenant, answers, output_tokens in metered:
            keys: tuple[Key, ...] = (_EVERYTHING, route, (route, tenant))
            for key in keys:
                many, tokens = sums.get(key, (0, 0))
                sums[key] = many + answers, tokens + output_tokens
        for key, (answers, tokens) in sums.items():
            if answers > 0:
                mean = self._all if key == _EVERYTHING else self._mean(key)
                mean.add_many(answers, tokens / answers)

    def __len__(self) -> int:
        """Keys that are kept."""
        return len(self._means) + len(self._older)

    def _mean(self, key: Key) -> _Mean:
        found = self._means.get(key)
        if found is None:
            if len(self._means) >= MAX_KEYS:
                self._means, self._older = {}, self._means
            found = self._means[key] = self._older.pop(key) if key in self._older else _Mean()
        return found
