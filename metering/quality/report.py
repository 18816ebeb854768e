"""Were cheap answers good enough, and what was saved once everything is paid that found it out?

    compared    comparisons whose verdict is known: a sample, so what is made of them has an interval
    regret      share of them where the other tier's answer was better than the one that was served
    agreement   share of ties
    saved       baseline - cost of the route's answers, without what escalated answers cost
    net         saved, less comparisons and judge (the tenant weir-quality), less what leaving the dearest
                model lost of its prompt cache, and less the gateway's own time

What is not known is None and named in `left_out`, never taken for 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from metering.house import CACHE_AUDITS, HOUSE_TENANT
from metering.ledger import LedgerReader
from metering.money import divide_half_even, usd_to_nanos
from metering.periods import ReportError
from metering.quality.interval import Interval, NanosInterval, mean_of, sum_of
from metering.quality.prefix import TierInput, lost_nanos
from metering.quality.read import Compared, FeedbackSums, feedback_sums, overhead_us, verdict_counts
from metering.reports import ReportQuery, ReportRow, UsageSums, usage_report

LOST_PREFIX_CACHE, GATEWAY_TIME = "lost_prefix_cache", "gateway_time"
_US_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class QualityQuery:
    """Times are UTC microseconds, `until_us` left out; None: any. Raises ReportError."""

    from_us: int | None = None
    until_us: int | None = None
    route: str | None = None
    usd_per_cpu_hour: Decimal | None = None
    cache_discounts: Mapping[str, Decimal] = field(default_factory=dict)
    """Route -> what a million tokens of its dearest tier cost less out of the prompt cache, USD at list."""

    def __post_init__(self) -> None:
        if self.from_us is not None and self.until_us is not None and self.from_us >= self.until_us:
            raise ReportError("from: the period ends before it starts")


@dataclass(frozen=True, slots=True)
class RouteQuality:
    """One route in one period. Money is nano-dollars."""

    route: str
    answers: Mapping[str, int]
    """Tier -> answers that were given on it."""
    escalated: int
    """Answers that a cascade judged not good enough."""
    large_share: float | None
    """Of the answers on the route's own tiers, those of the dearest that answered; None without any."""
    compared: int
    unknown: int
    """Comparisons that nobody could decide."""
    regret: Interval | None
    quality_lost: Interval | None
    """Mean of how much better the other answer was, where it was."""
    agreement: Interval | None
    saved_nanos: int | None
    escalated_nanos: int | None
    """What escalated answers cost: taken off `saved_nanos` already."""
    shadow_nanos: int | None
    """What the other tiers' answers cost."""
    judge_nanos: int | None
    gateway_nanos: int | None
    """All of the gateway's own time for these requests: at most so much did deciding cost."""
    lost_prefix_nanos: int | None
    """What leaving the dearest model lost of its prompt cache: an estimate (see prefix.py)."""
    net: NanosInterval | None
    unknown_cost_events: int
    left_out: tuple[str, ...]
    """What `net` does not know."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    query: QualityQuery
    routes: tuple[RouteQuality, ...]
    feedback: tuple[FeedbackSums, ...]
    """By route and tier; route '' where the client named a model itself."""
    unmatched_feedback: int
    """Of no request of its tenant that was answered."""


@dataclass(slots=True)
class _Books:
    """What the ledger says of one route."""

    answers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    escalated: int = 0
    saved: int | None = None
    escalated_nanos: int | None = None
    by_purpose: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    hours: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    inputs: dict[str, TierInput] = field(default_factory=dict)
    list_nanos: int = 0
    cost_nanos: int = 0


def quality_report(reader: LedgerReader, query: QualityQuery) -> QualityReport:
    """Blocks. Raises LedgerError, and ReportError for part of an hour whose rows were deleted."""
    books = _books(reader, query)
    compared: dict[str, list[Compared]] = defaultdict(list)
    for group in verdict_counts(reader, query.from_us, query.until_us):
        compared[group.route].append(group)
    wanted = {*books, *compared} if query.route is None else {query.route} & {*books, *compared}
    took_us: Mapping[str, int] = {}
    if query.usd_per_cpu_hour is not None:
        took_us = overhead_us(reader, query.from_us, query.until_us)
    matched, unmatched = feedback_sums(reader, query.from_us, query.until_us)
    return QualityReport(
        query,
        tuple(
            _of_route(name, books[name], compared[name], query, _priced(took_us.get(name), query))
            for name in sorted(wanted)
        ),
        tuple(sums for sums in matched if query.route in (None, sums.route)),
        unmatched,
    )


def _priced(took_us: int | None, query: QualityQuery) -> int | None:
    if took_us is None or query.usd_per_cpu_hour is None:
        return None
    return divide_half_even(usd_to_nanos(query.usd_per_cpu_hour) * took_us, _US_PER_HOUR)


# ---------------------------------------------------------------------- the ledger


def _books(reader: LedgerReader, query: QualityQuery) -> defaultdict[str, _Books]:
    found: defaultdict[str, _Books] = defaultdict(_Books)
    asked = ReportQuery(("route", "tier", "outcome", "hour"), query.from_us, query.until_us)
    for row in usage_report(reader, asked).rows:
        if row.group[0]:
            _add_answers(found[row.group[0]], row)
    groups = ("project", "tier", "hour", "key")
    asked = ReportQuery(groups, query.from_us, query.until_us, {"tenant": HOUSE_TENANT})
    for row in usage_report(reader, asked).rows:
        if row.group[-1] not in CACHE_AUDITS:  # whose cost stands against what the cache saved
            _add_purpose(found[row.group[0]], row)
    return found


def _add_answers(books: _Books, row: ReportRow) -> None:
    (_, tier, outcome, hour), sums = row.group, row.sums
    if outcome == "completed":
        books.answers[tier] += sums.attempts
        books.saved = _plus(books.saved, sums.saved_by_route_nanos)
        books.hours[hour] += sums.saved_by_route_nanos or 0
        books.unknown += sums.unknown_cost_events
        _add_input(books, tier, sums)
    elif outcome == "escalated":
        books.escalated += sums.attempts
        books.escalated_nanos = _plus(books.escalated_nanos, sums.cost_nanos)
        books.hours[hour] -= sums.cost_nanos or 0
        books.unknown += sums.unknown_cost_events


def _add_input(books: _Books, tier: str, sums: UsageSums) -> None:
    tokens = sums.input_uncached_tokens + sums.cache_read_tokens + sums.cache_write_tokens
    before = books.inputs.get(tier, TierInput(0, 0))
    books.inputs[tier] = TierInput(before.tokens + tokens, before.read + sums.cache_read_tokens)
    books.list_nanos += sums.list_nanos or 0
    books.cost_nanos += sums.cost_nanos or 0


def _add_purpose(books: _Books, row: ReportRow) -> None:
    (_, purpose, hour, _), sums = row.group, row.sums
    books.by_purpose[purpose] = books.by_purpose.get(purpose, 0) + (sums.cost_nanos or 0)
    books.hours[hour] -= sums.cost_nanos or 0
    books.unknown += sums.unknown_cost_events


def _plus(total: int | None, amount: int | None) -> int | None:
    return total if amount is None else (total or 0) + amount


# ---------------------------------------------------------------------- one route


def _of_route(
    name: str, books: _Books, groups: Sequence[Compared], query: QualityQuery, gateway_nanos: int | None
) -> RouteQuality:
    known = [group for group in groups if group.better is not None]
    saved = books.saved
    if saved is not None:
        saved -= books.escalated_nanos or 0
    lost = _lost_prefix(books, query.cache_discounts.get(name))
    parts = ((LOST_PREFIX_CACHE, lost), (GATEWAY_TIME, gateway_nanos))
    return RouteQuality(
        route=name,
        answers=dict(sorted(books.answers.items())),
        escalated=books.escalated,
        large_share=_large_share(books.answers),
        compared=sum(group.rows for group in known),
        unknown=sum(group.rows for group in groups if group.better is None),
        regret=_mean(known, lambda better: float(better > 0)),
        quality_lost=_mean(known, lambda better: max(0.0, better)),
        agreement=_mean(known, lambda better: float(better == 0)),
        saved_nanos=saved,
        escalated_nanos=books.escalated_nanos,
        shadow_nanos=books.by_purpose.get("shadow"),
        judge_nanos=books.by_purpose.get("judge"),
        gateway_nanos=gateway_nanos,
        lost_prefix_nanos=lost,
        net=None if saved is None else _net(books, (gateway_nanos or 0) + (lost or 0)),
        unknown_cost_events=books.unknown,
        left_out=tuple(part for part, nanos in parts if nanos is None),
    )


def _lost_prefix(books: _Books, discount: Decimal | None) -> int | None:
    """None where unknown; nothing was left where nothing but the dearest tier answered."""
    dearest = _dearest(books.answers)
    if discount is None or dearest is None:
        return None
    factor = Fraction(books.cost_nanos, books.list_nanos) if books.list_nanos else Fraction(1)
    return lost_nanos(books.inputs, dearest, discount, factor)


def _net(books: _Books, costs_nanos: int) -> NanosInterval:
    value, low, high = sum_of([amount for _, amount in sorted(books.hours.items())])
    return NanosInterval(
        value - costs_nanos,
        None if low is None else low - costs_nanos,
        None if high is None else high - costs_nanos,
    )


def _mean(groups: Iterable[Compared], of: Callable[[float], float]) -> Interval | None:
    sizes: dict[float, int] = defaultdict(int)
    for group in groups:
        if group.better is not None:
            sizes[of(group.better)] += group.rows
    return mean_of(sizes)


def _large_share(answers: Mapping[str, int]) -> float | None:
    total = sum(count for tier, count in answers.items() if _rank(tier) is not None)
    if not total:
        return None
    dearest = _dearest(answers)
    return 0.0 if dearest is None else answers[dearest] / total


def _dearest(answers: Mapping[str, int]) -> str | None:
    """Of the tiers that answered, unless that is the first: `small` and `large`, or by their number."""
    ranks = {tier: rank for tier in answers if (rank := _rank(tier)) is not None and rank > 1}
    return max(ranks, key=lambda tier: ranks[tier]) if ranks else None


def _rank(tier: str) -> int | None:
    if tier in ("small", "large"):
        return 1 if tier == "small" else 2
    number = tier.removeprefix("tier-")
    return int(number) if number != tier and number.isdigit() else None
