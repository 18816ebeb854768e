"""Recorded traffic, row by row in the order of time, under a new configuration beside the present one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.lengths import learn_from
from gateway.replay.again import Decider, Tags, tags_of
from gateway.replay.budgets import BudgetReplay, Charge
from gateway.replay.gains import MICRO
from gateway.replay.pricing import GpuRates, Priced, priced_on
from gateway.replay.tally import Sums, Tally
from metering.budgets import BudgetUse, Subject
from metering.event import Event
from metering.replay_read import Recorded
from router.decision import Candidate
from router.output_length import OutputLengths

ECONOMY = "budget:economy"
"""The reason of a row that a budget sent to the cheap tiers."""
CIRCUMSTANCES = ("sticky:", "load:", "fit:")
"""Reasons of rows that went elsewhere than the policy said, because of what no row tells. They stay there
unless the new file decides otherwise than the present one."""


@dataclass(slots=True)
class Replay:
    """Takes rows in; `tally` and the budgets are right at every moment."""

    present: Decider
    new: Decider
    gpu_rates: GpuRates
    tally: Tally = field(default_factory=Tally)
    charged: BudgetReplay = field(init=False)
    """The present file's budgets, charged what was charged; none where its decisions look at none."""
    before: BudgetReplay = field(init=False)
    after: BudgetReplay = field(init=False)
    """Both with the budgets of the new file: charged what was charged, and what would have been."""
    lengths: OutputLengths = field(default_factory=OutputLengths)
    """Learned from row to row, as a gateway learns from answer to answer."""
    first_us: int | None = None
    last_us: int | None = None

    _levels: dict[tuple[str, str], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        asked = self.present.snapshot.spending
        self.charged = BudgetReplay(self.present.snapshot.budgets if asked else ())
        self.before = BudgetReplay(self.new.snapshot.budgets)
        self.after = BudgetReplay(self.new.snapshot.budgets)

    def take(self, rows: Iterable[Recorded]) -> None:
        """Rows must come in the order of their start."""
        for row in rows:
            self._row(row)

    def _row(self, row: Recorded) -> None:
        event, tags = row.event, tags_of(row.event)
        subject = Subject(event.tenant, event.project, event.key, tags)
        self.first_us = event.started_us if self.first_us is None else self.first_us
        self.last_us = event.started_us
        again = self.new.decide(
            event,
            tags,
            economy=self._wants_economy(subject, event),
            budgets=_uses(self.new, self.after, subject, event),
            output_tokens=self._expected(event),
        )
        cost = Priced(row.cost_nanos, False)
        if again.candidate is None:
            self.tally.kept[again.why_not] = self.tally.kept.get(again.why_not, 0) + 1
        else:
            cost = self._decided(row, tags, subject, again.candidate)
        learn_from(self.lengths, event)
        self._count(row, cost)
        if event.kind != "hit":
            tokens = 0 if event.usage is None else event.usage.total
            self.charged.charge(subject, event.started_us, Charge(row.cost_nanos, tokens))
            self.before.charge(subject, event.started_us, Charge(row.cost_nanos, tokens))
            self.after.charge(subject, event.started_us, Charge(cost.nanos, tokens))

    def _expected(self, event: Event) -> int | None:
        prompt_tokens = 0 if event.routing is None else event.routing.prompt_tokens
        return self.lengths.expected(event.requested_model, event.tenant, prompt_tokens)

    def _wants_economy(self, subject: Subject, event: Event) -> bool:
        """As a gateway does; it refuses what is past `refuse`, and this goes on as cheaply as it can."""
        if not self.new.snapshot.thrifty:
            return False
        return self.after.action(subject, event.started_us) in ("economy", "refuse")

    def _decided(self, row: Recorded, tags: Tags, subject: Subject, candidate: Candidate) -> Priced:
        event = row.event
        present = self._decided_now(event, tags, subject)
        sums = self.tally.of(event.tenant, event.route)
        sums.decided += 1
        moved = candidate.model != event.served_model
        if moved and present is not None and event.reason.startswith(CIRCUMSTANCES):
            moved = candidate.model != present.model
        sums.moved += moved
        self._place(event, candidate.model if moved else event.served_model, sums)
        if not moved or event.usage is None:
            return Priced(row.cost_nanos, False)
        return priced_on(event, candidate, self.new.snapshot, self.gpu_rates)

    def _decided_now(self, event: Event, tags: Tags, subject: Subject) -> Candidate | None:
        """By the present file, asked again. How often it says what was chosen then tells how far a replay can
        be believed."""
        budgets = _uses(self.present, self.charged, subject, event)
        again = self.present.decide(
            event, tags, economy=event.reason == ECONOMY, budgets=budgets, output_tokens=self._expected(event)
        )
        if again.candidate is not None:
            self.tally.comparable += 1
            self.tally.repeated += again.candidate.model == event.served_model
        return again.candidate

    def _place(self, event: Event, model: str, sums: Sums) -> None:
        """`model`: where the row goes."""
        before, after = self._level(event.route, event.served_model), self._level(event.route, model)
        sums.large_before += before == 1.0
        sums.large_after += after == 1.0
        routing = event.routing
        if routing is not None and routing.gain is not None:
            self.tally.quality.add(routing.gain / MICRO, routing.known != 0, before, after)

    def _level(self, route: str, model: str) -> float:
        """From 0 (cheapest) to 1 (dearest), among the tiers of whichever file has more of them; what is no
        tier counts as the dearest, as rules do."""
        known = self._levels.get((route, model))
        if known is None:
            known = self._levels[route, model] = self._level_among_tiers(route, model)
        return known

    def _level_among_tiers(self, route: str, model: str) -> float:
        files = [decider.snapshot.routes.get(route) for decider in (self.present, self.new)]
        for tiers in sorted((each.tiers for each in files if each is not None), key=len, reverse=True):
            for place, tier in enumerate(tiers):
                if any(candidate.model == model for candidate in tier):
                    return place / (len(tiers) - 1) if len(tiers) > 1 else 1.0
        return 1.0

    def _count(self, row: Recorded, cost: Priced) -> None:
        sums = self.tally.of(row.event.tenant, row.event.route)
        sums.rows += 1
        sums.by_gpu_time += cost.by_gpu_time
        sums.before_nanos += row.cost_nanos or 0
        sums.after_nanos += cost.nanos or 0
        sums.unknown_before += row.cost_nanos is None
        sums.unknown_after += cost.nanos is None


def _uses(decider: Decider, budgets: BudgetReplay, subject: Subject, event: Event) -> tuple[BudgetUse, ...]:
    """Only where a decision of that file looks at them."""
    return budgets.uses(subject, event.started_us) if decider.snapshot.spending else ()
