"""What the cache saved, and what finding that out and keeping answers cost, by route.

    saved      what buying the answers of hits again would have cost (`saved_by_cache_nanos`)
    audits     what answering hits afresh and judging both answers cost (the tenant weir-quality)
    storage    what kept answers occupied, at the price of storage; nobody knows of which route they were
    net        saved - audits, and in the totals - storage

What is not known is None and counted (`unpriced_hits`, `unpriced_audits`), never taken for 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.house import CACHE_AUDITS, HOUSE_TENANT
from metering.ledger import LedgerReader, Row
from metering.periods import ReportError
from metering.store.measures import STORAGE
from metering.store.report_query import Asked, sums_query


@dataclass(frozen=True, slots=True)
class CacheQuery:
    """Times are UTC microseconds, `until_us` left out; None: any. Raises ReportError."""

    from_us: int | None = None
    until_us: int | None = None

    def __post_init__(self) -> None:
        if self.from_us is not None and self.until_us is not None and self.from_us >= self.until_us:
            raise ReportError("from: the period ends before it starts")


@dataclass(frozen=True, slots=True)
class CacheLine:
    """One route, or a model that clients named themselves. Money is nano-dollars."""

    route: str
    hits: Mapping[str, int]
    """Tier -> requests that it answered."""
    misses: int
    """Requests that were looked up, and bought."""
    saved_nanos: int | None
    """0 without hits; None where no hit could be priced."""
    unpriced_hits: int
    """Hits that are in no saving."""
    audit_nanos: int | None
    """0 without audits; None where none of them could be priced."""
    unpriced_audits: int
    """Calls that are in no cost."""

    @property
    def hit_count(self) -> int:
        return sum(self.hits.values())

    @property
    def net_nanos(self) -> int | None:
        if self.saved_nanos is None or self.audit_nanos is None:
            return None
        return self.saved_nanos - self.audit_nanos


class StorageSums(NamedTuple):
    byte_seconds: int
    unpriced_byte_seconds: int
    """The part that had no price: its cost is 0."""
    cost_nanos: int


@dataclass(frozen=True, slots=True)
class CacheReport:
    query: CacheQuery
    lines: tuple[CacheLine, ...]
    """By route."""
    storage: StorageSums

    @property
    def total(self) -> CacheLine:
        """Of all routes, before storage."""
        hits: dict[str, int] = {}
        for line in self.lines:
            for tier, count in line.hits.items():
                hits[tier] = hits.get(tier, 0) + count
        return CacheLine(
            "",
            hits,
            sum(line.misses for line in self.lines),
            _sum([line.saved_nanos for line in self.lines if line.hit_count]),
            sum(line.unpriced_hits for line in self.lines),
            _sum([line.audit_nanos for line in self.lines if line.audit_nanos != 0]),
            sum(line.unpriced_audits for line in self.lines),
        )

    @property
    def net_nanos(self) -> int | None:
        """After audits and storage."""
        net = self.total.net_nanos
        return None if net is None else net - self.storage.cost_nanos


@dataclass(slots=True)
class _Found:
    """What the ledger says of one route; None until a row says it."""

    hits: dict[str, int] = field(default_factory=dict)
    misses: int = 0
    saved: int | None = None
    unpriced_hits: int = 0
    audited: bool = False
    audits: int | None = None
    unpriced_audits: int = 0

    def line(self, route: str) -> CacheLine:
        return CacheLine(
            route,
            dict(sorted(self.hits.items())),
            self.misses,
            self.saved if self.saved is not None or any(self.hits.values()) else 0,
            self.unpriced_hits,
            self.audits if self.audits is not None or self.audited else 0,
            self.unpriced_audits,
        )


def cache_report(reader: LedgerReader, query: CacheQuery) -> CacheReport:
    """As of one moment. Blocks. Raises LedgerError, and ReportError for part of an hour whose rows were
    deleted."""
    asked = (
        _asked(query, ("requested_model", "cache_status"), {"category": "cache"}, _OF_HITS),
        _asked(query, ("requested_model",), {"cache_status": "miss"}, ("requests",)),
        _asked(query, ("project", "key"), {"tenant": HOUSE_TENANT}, _OF_AUDITS),
        _asked(query, ("category",), {"category": STORAGE}, _OF_STORAGE),
    )
    hits, misses, audits, storage = reader.read(*(sums_query(reader, each) for each in asked))
    routes: dict[str, _Found] = {}
    _add_hits(routes, hits)
    for route, requests in misses:
        _of(routes, route).misses += int(requests or 0)
    _add_audits(routes, audits)
    lines = tuple(routes[route].line(route) for route in sorted(routes))
    sums = StorageSums(*(int(value or 0) for value in storage[0][1:])) if storage else StorageSums(0, 0, 0)
    return CacheReport(query, lines, sums)


_OF_HITS = ("hits", "saved_by_cache_nanos", "unpriced_hits")
_OF_AUDITS = ("attempts", "cache_audit_nanos", "unknown_cost_events")
_OF_STORAGE = ("storage_byte_seconds", "unpriced_storage_byte_seconds", "cost_nanos")


def _asked(
    query: CacheQuery, groups: tuple[str, ...], where: Mapping[str, str], measures: tuple[str, ...]
) -> Asked:
    return Asked(groups, where, query.from_us, query.until_us, "UTC", measures)


def _add_hits(routes: dict[str, _Found], rows: Sequence[Row]) -> None:
    for route, tier, hits, saved, unpriced in rows:
        found = _of(routes, route)
        found.hits[str(tier)] = found.hits.get(str(tier), 0) + int(hits or 0)
        found.saved = _plus(found.saved, saved)
        found.unpriced_hits += int(unpriced or 0)


def _add_audits(routes: dict[str, _Found], rows: Sequence[Row]) -> None:
    """The route stands in the project's place."""
    for route, key, attempts, nanos, unknown in rows:
        if key in CACHE_AUDITS:
            found = _of(routes, route)
            found.audited = found.audited or bool(int(attempts or 0))
            found.audits = _plus(found.audits, nanos)
            found.unpriced_audits += int(unknown or 0)


def _of(routes: dict[str, _Found], route: object) -> _Found:
    return routes.setdefault(str(route), _Found())


def _plus(total: int | None, amount: str | int | None) -> int | None:
    return total if amount is None else (total or 0) + int(amount)


def _sum(amounts: Sequence[int | None]) -> int | None:
    """Of what is known; None where there is something and nothing of it is known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known or not amounts else None
