"""What a budget is: whom it covers, of what, how much, for how long, and what happens on the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from metering.budgets.periods import ALWAYS, Calendar, Rolling, Span
from metering.money import format_usd

Unit = Literal["usd", "tokens", "requests", "concurrency"]
"""Amounts are integers: nano-dollars, tokens, requests, running requests."""
Action = Literal["notify", "economy", "refuse"]
Each = Literal["", "tenant", "project", "key"]

UNITS: tuple[Unit, ...] = ("usd", "tokens", "requests", "concurrency")
ACTIONS: tuple[Action, ...] = ("notify", "economy", "refuse")
"""The weakest first."""
MAX_LIMIT = 1 << 52
"""Above this the shared state's numbers (doubles) would not be exact: 4.5 million dollars in nano-dollars."""


class Subject(NamedTuple):
    """Who asks. What carries money comes from the key; tags are the client's own words."""

    tenant: str
    project: str
    key: str
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """Which subjects a budget covers: None covers any; nothing but None is the organisation.

    With `each` there is one counter per tenant, project (of a tenant) or key (of a tenant): the budget's
    limit holds for each of them alone.
    """

    tenant: str | None = None
    project: str | None = None
    key: str | None = None
    tag: tuple[str, str] | None = None
    each: Each = ""

    def covers(self, subject: Subject) -> bool:
        return (
            (self.tenant is None or self.tenant == subject.tenant)
            and (self.project is None or self.project == subject.project)
            and (self.key is None or self.key == subject.key)
            and (self.tag is None or self.tag in subject.tags)
        )

    def part(self, subject: Subject) -> tuple[str, ...]:
        """Which of the counters of `each` this subject's is: () without `each`."""
        if not self.each:
            return ()
        if self.each == "tenant":
            return (subject.tenant,)
        return (subject.tenant, subject.project if self.each == "project" else subject.key)

    def label(self, part: tuple[str, ...] = ()) -> str:
        """`tenant acme, project web`; `organisation`; `each key`, or with its part `key acme/ci`."""
        named = (("tenant", self.tenant), ("project", self.project), ("key", self.key))
        words = [f"{name} {value}" for name, value in named if value is not None]
        if self.tag is not None:
            words.append(f"tag {self.tag[0]}={self.tag[1]}")
        if self.each:
            words.append(f"{self.each} {'/'.join(part)}" if part else f"each {self.each}")
        return ", ".join(words) or "organisation"


@dataclass(frozen=True, slots=True)
class Budget:
    """Raises ValueError with the name of the field."""

    name: str
    """Stable, shown in refusals."""
    selector: Selector
    unit: Unit
    limit: int
    period: Calendar | Rolling | None = None
    """None for concurrency, and only for it."""
    ladder: tuple[tuple[int, Action], ...] = ((100, "refuse"),)
    """Percent of the limit -> what is done from there on, ascending."""
    open_up_to: int | None = None
    """While the shared state is away: None refuses, else this much is granted by all gateways together."""

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit: {self.unit!r} is not known; use {', '.join(UNITS)}")
        if not 0 <= self.limit <= MAX_LIMIT:
            raise ValueError(f"limit: must be between 0 and {MAX_LIMIT}, not {self.limit}")
        if (self.period is None) != (self.unit == "concurrency"):
            raise ValueError("period: concurrency has none, every other unit needs one")
        if self.open_up_to is not None and not 0 <= self.open_up_to <= MAX_LIMIT:
            raise ValueError(f"open_up_to: must be between 0 and {MAX_LIMIT}, not {self.open_up_to}")
        self._check_ladder()

    def _check_ladder(self) -> None:
        percents = [percent for percent, _ in self.ladder]
        if percents != sorted(set(percents)):
            raise ValueError(f"ladder: percents must ascend, not {percents}")
        for percent, action in self.ladder:
            if not 1 <= percent <= 1000:
                raise ValueError(f"ladder: a percent must be between 1 and 1000, not {percent}")
            if action not in ACTIONS:
                raise ValueError(f"ladder: {action!r} is not known; use {', '.join(ACTIONS)}")

    @property
    def effective(self) -> int | None:
        """What spent and reserved may reach together; None if the ladder never refuses."""
        refusing = (percent for percent, action in self.ladder if action == "refuse")
        percent = next(refusing, None)
        return None if percent is None else self.limit * percent // 100

    @property
    def label(self) -> str:
        """`tenant acme: 500.00 USD per month`."""
        return f"{self.selector.label()}: {self.terms}"

    @property
    def terms(self) -> str:
        """`500.00 USD per month`, `20 concurrent requests`."""
        amount = format_amount(self.unit, self.limit)
        return amount if self.period is None else f"{amount} {self.period}"

    def bucket(self, instant_us: int) -> Span:
        return ALWAYS if self.period is None else self.period.bucket(instant_us)

    def window(self, bucket: Span) -> tuple[Span, ...]:
        return (bucket,) if self.period is None else self.period.window(bucket)

    def resets_us(self, bucket: Span) -> int | None:
        return None if self.period is None else self.period.resets_us(bucket)

    @property
    def seeded(self) -> bool:
        """Whether what was spent before is asked of the ledger. It has no rows of refused requests, and what
        runs now it cannot know."""
        return self.unit in ("usd", "tokens") and self.period is not None and self.period.seeded

    def action_at(self, spent: int) -> Action | None:
        """The strongest of the rungs that were reached; nothing spent reaches none."""
        reached = [action for percent, action in self.ladder if 0 < percent * self.limit <= spent * 100]
        return max(reached, key=ACTIONS.index, default=None)


class Bound(NamedTuple):
    """The most that one attempt can cost. `expected_*` is what is charged for it if this process dies.

    `nanos` None: no price is known; budgets in USD hold nothing for it and count it as unknown.
    """

    nanos: int | None
    tokens: int
    expected_nanos: int
    expected_tokens: int


State = Literal["ok", "away", "unseeded"]


class Standing(NamedTuple):
    """Where a counter is now. Amounts in the budget's unit."""

    budget: Budget
    counter: str
    """Whose it is: `tenant acme`, `key acme/ci`."""
    part: tuple[str, ...]
    """Which one of `each`: () without."""
    limit: int
    spent: int
    reserved: int
    """Bounds of what is in flight, and what gateways leased ahead."""
    remaining: int
    """Up to the effective limit (or the limit, of what never refuses); never negative."""
    resets_us: int | None
    state: State
    unknown_events: int
    """Attempts of unknown price: what they cost is missing in `spent`."""
    action: Action | None
    """The strongest of the rungs that were reached."""

    @property
    def tenant(self) -> str | None:
        """The one tenant that all of it belongs to; None where several share it."""
        selector = self.budget.selector
        return self.part[0] if selector.each and self.part else selector.tenant


class BudgetUse(NamedTuple):
    """How far one budget over a request is spent, and how far its period has run. Both are shares: 0 to 1,
    `spent` beyond that where a budget is overdrawn."""

    spent: float
    elapsed: float | None
    """None for a rolling window: it has no calendar to run ahead of."""


class Left(NamedTuple):
    """Of a limit, for `x-ratelimit-*`."""

    unit: Unit
    limit: int
    remaining: int
    resets_us: int
    """UTC microseconds when all of it is there again."""


def format_amount(unit: Unit, amount: int) -> str:
    """`1.25 USD`, `3000 tokens`."""
    if unit == "usd":
        return f"{format_usd(amount)} USD"
    return f"{amount} {'concurrent requests' if unit == 'concurrency' else unit}"
