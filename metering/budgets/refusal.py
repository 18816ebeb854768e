"""A refusal says which budget, how much of it is left, and when to come back."""

from __future__ import annotations

from typing import Literal

from metering.budgets.model import Budget, format_amount
from metering.budgets.periods import US_PER_S, Rolling, Span, iso

Reason = Literal["exceeded", "away"]
_SOON_S = 1.0
"""What is reserved comes back as answers end, and state that is away is looked for every second."""


class Refused(Exception):
    """No room: a budget is used up, or the shared state that would know is away. The message names it all."""

    def __init__(
        self,
        budget: Budget,
        counter: str,
        *,
        spent: int,
        reserved: int,
        needed: int,
        bucket: Span,
        now_us: int,
        reason: Reason = "exceeded",
        seeded: bool = True,
    ) -> None:
        self.budget = budget
        self.counter = counter
        self.unit = budget.unit
        self.limit = budget.limit if budget.effective is None else budget.effective
        self.spent = spent
        self.reserved = reserved
        self.needed = needed
        self.reason = reason
        self.resets_us = budget.resets_us(bucket)
        self.retry_after_s = self._retry_after_s(now_us)
        super().__init__(self._message(seeded))

    def _retry_after_s(self, now_us: int) -> float:
        if self.reason == "away" or self.resets_us is None or self.spent + self.needed <= self.limit:
            return _SOON_S
        until_us = self.resets_us - now_us
        if isinstance(self.budget.period, Rolling):
            until_us = min(until_us, self.budget.period.width_us)
        return max(_SOON_S, until_us / US_PER_S)

    def _message(self, seeded: bool) -> str:
        def amount(value: int) -> str:
            return format_amount(self.unit, value)

        text = f"budget {self.budget.name!r} ({self.counter}, {self.budget.terms}): "
        if self.reason == "away":
            cause = "the state that budgets share is away" if seeded else "what was spent is not known yet"
            text += f"{cause}, and "
            if self.budget.open_up_to is None:
                text += "this budget is closed meanwhile"
            else:
                text += f"the {amount(self.budget.open_up_to)} that may be used meanwhile are used up"
        else:
            text += "exceeded"
        text += (
            f"; limit {amount(self.limit)}, spent {amount(self.spent)}, reserved {amount(self.reserved)}, "
            f"needed {amount(self.needed)}"
        )
        return text if self.resets_us is None else f"{text}; resets at {iso(self.resets_us)}"
