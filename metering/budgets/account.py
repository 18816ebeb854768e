"""What this process knows of one counter in one bucket: its own figures, its lease, and what others spent."""

from __future__ import annotations

from metering.budgets.model import Action, Budget, Standing, State
from metering.budgets.periods import Span
from metering.budgets.refusal import Reason, Refused
from metering.budgets.store import Ask, Entry, Push

_BOUNDLESS = 1 << 60
"""`free` of what never refuses."""

SLICE_SHARE = 128
"""A slice is at most this part of what remains."""
SLICE_CAPS = {"usd": 1_000_000_000, "tokens": 2_000_000, "requests": 1_000, "concurrency": 64}
"""The largest slice, by unit."""


class Account:
    """Invariant: what the state was told (settled + leased) is never less than settled + free + held here,
    but for what was granted while the state was away (`opened`) and settled above its bound."""

    __slots__ = (
        "bucket",
        "budget",
        "corrected",
        "counter",
        "cut_us",
        "expected",
        "family",
        "first_rung",
        "free",
        "held",
        "label",
        "limit",
        "limited",
        "opened",
        "others_reserved",
        "others_spent",
        "others_unknown",
        "part",
        "pushed",
        "rungs",
        "seeded",
        "seen",
        "settled",
        "unknown",
        "used",
        "window",
    )

    def __init__(
        self, family: str, counter: str, budget: Budget, part: tuple[str, ...], bucket: Span
    ) -> None:
        self.family = family
        self.counter = counter
        self.budget = budget
        self.part = part
        self.label = budget.selector.label(part)
        self.bucket = bucket
        self.window = tuple(span.start_us for span in budget.window(bucket))
        self.cut_us = 0
        self.limit: int | None = 0
        self.limited = True
        self.rungs: tuple[int, ...] = ()
        """Percents of the ladder."""
        self.first_rung = 0
        """Below this amount no rung is reached."""
        self.free = 0
        """Leased and unspent."""
        self.held = 0
        """Bounds of what is in flight."""
        self.expected = 0
        self.settled = 0
        self.corrected = 0
        self.unknown = 0
        self.opened = 0
        """Held or settled beyond the lease since the state is away."""
        self.others_spent = 0
        self.others_reserved = 0
        self.others_unknown = 0
        self.seeded = not budget.seeded
        self.seen = False
        """Whether the state ever answered for it."""
        self.used = False
        """Since the last tick."""
        self.pushed: Push | None = None
        """What the state knows of this process."""

    def restrict(self, limit: int | None, *, retired: bool = False) -> None:
        """The limit from now on; None refuses nothing. What is retired is counted and does nothing."""
        self.rungs = () if retired else tuple(percent for percent, _ in self.budget.ladder)
        self.first_rung = self.budget.limit * self.rungs[0] // 100 if self.rungs else _BOUNDLESS
        was_limited, self.limit, self.limited = self.limited, limit, limit is not None
        if not self.limited:
            self.free = _BOUNDLESS
        elif not was_limited:
            self.free = 0

    def push(self) -> Push:
        free = self.free if self.limited else 0
        leased = self.held + free
        charge = 0 if self.budget.unit == "concurrency" else min(self.expected + free, leased)
        return Push(self.settled, leased, charge, self.corrected, self.unknown)

    def ask(self, *, lease: bool) -> Ask:
        budget = self.budget
        return Ask(
            family=self.family,
            counter=self.counter,
            bucket=self.bucket,
            window=self.window,
            limit=self.limit,
            base=budget.limit,
            rungs=self.rungs,
            slice_cap=SLICE_CAPS[budget.unit] if lease and self.limited else 0,
            seeds=budget.seeded,
            cut_us=self.cut_us,
            push=self.push(),
        )

    def learn(self, entry: Entry, push: Push, granted: int, charged: int) -> None:
        """What the state answered to this push; `granted` is what groups got of it, `charged` what
        is charged for that if this process dies."""
        self.pushed = push._replace(
            leased=push.leased + granted + entry.slice, charge=push.charge + charged + entry.slice
        )
        self.others_spent = entry.spent - push.settled - push.corrected
        self.others_reserved = entry.reserved - push.leased - granted - entry.slice
        self.others_unknown = entry.unknown - push.unknown
        if entry.seeded and not self.seeded:
            self.opened = 0
        self.seeded = entry.seeded
        self.seen = True
        if self.limited:
            self.free += entry.slice

    def hold(self, amount: int, charge: int) -> None:
        self.free -= amount
        self.held += amount
        self.expected += charge
        self.used = True

    def unhold(self, amount: int, charge: int) -> None:
        self.free += amount
        self.held -= amount
        self.expected -= charge

    def open(self, amount: int, charge: int) -> None:
        """Hold beyond the lease."""
        self.held += amount
        self.expected += charge
        self.opened += amount

    def settle(self, amount: int, charge: int, spent: int, *, opened: bool) -> None:
        """End a hold. What it did not need is lease again, unless it never was."""
        self.held -= amount
        self.expected -= charge
        self.settled += spent
        if opened:
            self.opened = max(0, self.opened - amount + spent)
        elif self.limited:
            self.free = max(0, self.free + amount - spent)

    @property
    def action(self) -> Action | None:
        if self.spent < self.first_rung:
            return None
        return self.budget.action_at(self.spent)

    @property
    def spent(self) -> int:
        return self.others_spent + self.settled + self.corrected

    @property
    def reserved(self) -> int:
        own = self.held + self.free if self.limited else self.held
        return max(0, self.others_reserved) + own

    @property
    def left(self) -> int:
        """What this process could still ask for: what it has leased ahead is not used up."""
        limit = self.budget.limit if self.limit is None else self.limit
        left = limit - self.others_spent - self.settled - self.corrected - self.held
        if self.others_reserved > 0:
            left -= self.others_reserved
        return left if left > 0 else 0

    @property
    def slice_target(self) -> int:
        """How much may stay leased and unspent."""
        remaining = 0 if self.limit is None else self.limit - self.spent - self.reserved
        return max(0, min(SLICE_CAPS[self.budget.unit], remaining // SLICE_SHARE))

    @property
    def is_idle(self) -> bool:
        """Nothing that the state would have to be told, now or when something ends."""
        return self.limited and self.free == 0 and self.held == 0 and self.push() == self.pushed

    def says_something(self) -> bool:
        """Whether a state that knows nothing must be told of it."""
        return any((self.settled, self.held, self.corrected, self.unknown)) or self.pushed is not None

    def drop_slice(self) -> None:
        if self.limited:
            self.free = 0

    def trim(self) -> None:
        """Give back what was leased ahead and not touched since the last time, or is more than a slice."""
        if self.limited and self.free:
            self.free = min(self.free, self.slice_target) if self.used else 0
        self.used = False

    def is_over(self, oldest_us: int) -> bool:
        return self.bucket.end_us < oldest_us and self.held == 0

    def room_while_away(self, replicas: int | None) -> int:
        """What is left of this process's share of the exposure. Who never saw the state cannot know how many
        share, and has none."""
        total = self.budget.open_up_to
        return 0 if total is None or replicas is None else total // replicas - self.opened

    def refused(self, needed: int, now_us: int, reason: Reason = "exceeded") -> Refused:
        return Refused(
            self.budget,
            self.label,
            spent=self.spent,
            reserved=self.reserved,
            needed=needed,
            bucket=self.bucket,
            now_us=now_us,
            reason=reason,
            seeded=self.seeded or not self.seen,
        )

    def standing(self, away: bool) -> Standing:
        budget = self.budget
        effective = budget.limit if budget.effective is None else budget.effective
        state: State = "away" if away else ("ok" if self.seeded else "unseeded")
        return Standing(
            budget=budget,
            counter=self.label,
            part=self.part,
            limit=budget.limit,
            spent=self.spent,
            reserved=self.reserved,
            remaining=max(0, effective - self.spent - self.reserved),
            resets_us=budget.resets_us(self.bucket),
            state=state,
            unknown_events=self.others_unknown + self.unknown,
            action=self.action,
        )
