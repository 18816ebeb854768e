"""The entries that make what tenants are charged, before markup, equal to what the vendor invoiced.

A difference is split over those who used the model in that month, by what their use cost, to the last
nano-dollar. Traffic that did not pass the gateway belongs to nobody there: the house, or a tenant that is
named.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from metering.books.entries import Entry, Kind, entry_id
from metering.books.months import first_day
from metering.days import day_start_us
from metering.money import format_usd, split_by_largest_remainder
from metering.reconcile.ledger_side import Paid, Payer
from metering.reconcile.names import ALL_MODELS, NO_MODEL
from metering.reconcile.reconcile import Result
from metering.reconcile.variance import Variance

KIND: Kind = "reconciliation"
HOUSE = ""
_METERED, _BYPASSED = "metered", "bypassed"


class AdjustRefused(Exception):
    """These entries would count something twice. The message says what."""


class Source(NamedTuple):
    """What is reconciled: the period's UTC days, the last included, and a digest of the files."""

    vendors: tuple[str, ...]
    first: date
    last: date
    digest: str

    @property
    def reference(self) -> str:
        return f"reconcile:{'+'.join(self.vendors)}:{self.first}..{self.last}:{self.digest[:24]}"


class Wanted(NamedTuple):
    """Whose account an amount belongs on, and for which use."""

    month: str
    vendor: str
    model: str
    tenant: str
    cost_center: str
    project: str
    part: str
    """metered | bypassed"""


class Options(NamedTuple):
    bypassed_to: str = HOUSE
    book_in: str = ""
    """The month of the entries; '' for the month of the use."""
    charged: bool = False
    """Make what is charged equal to the invoice, so that no markup is left."""


NO_OPTIONS = Options()


class Plan(NamedTuple):
    entries: list[Entry]
    """What is to be written."""
    already: bool
    """This very invoice was booked before."""
    wanted_nanos: int
    """What all entries of this vendor and period add up to afterwards."""


def source_of(vendors: Iterable[str], first: date, last: date, contents: Sequence[bytes]) -> Source:
    """Whatever order the files come in."""
    names = tuple(sorted(set(vendors)))
    total = hashlib.sha256(json.dumps([names, str(first), str(last)]).encode())
    for digest in sorted(hashlib.sha256(content).digest() for content in contents):
        total.update(digest)
    return Source(names, first, last, total.hexdigest())


def plan_entries(
    result: Result,
    payers: Mapping[Payer, Paid],
    source: Source,
    earlier: Iterable[Entry],
    created_us: int,
    options: Options = NO_OPTIONS,
) -> Plan:
    """What to add beside `earlier`, the entries of reconciliations that are there. Of a file that was issued
    again only the differences; of the same file nothing.

    Raises AdjustRefused where another period of the same vendor that was booked overlaps this one.
    """
    wanted = wanted_amounts(result, payers, options)
    mine, already = _earlier(source, earlier)
    total = sum(wanted.values())
    if already:
        return Plan([], True, total)
    classes = _classes(result)
    entries = [
        _entry(key, amount, classes[key.month, key.vendor, key.model], source, created_us, options)
        for key in sorted(wanted.keys() | mine.keys())
        if (amount := wanted.get(key, 0) - mine.get(key, 0))
    ]
    return Plan(entries, False, total)


def wanted_amounts(
    result: Result, payers: Mapping[Payer, Paid], options: Options = NO_OPTIONS
) -> dict[Wanted, int]:
    """Add up to the invoice minus the ledger exactly: its list prices, or with `options.charged` its
    charges."""
    wanted: dict[Wanted, int] = defaultdict(int)
    for (month, vendor, model), classes in _classes(result).items():
        bypassed = classes.get(Variance.BYPASSED, 0)
        place = (month, vendor, model)
        wanted[Wanted(*place, options.bypassed_to, "", "", _BYPASSED)] += bypassed
        metered = sum(classes.values()) - bypassed
        whose = _users(payers, *place)
        shares = split_by_largest_remainder(metered, list(whose.values())) if whose else [metered]
        for (tenant, cost_center, project), share in zip(whose or [(HOUSE, "", "")], shares, strict=True):
            wanted[Wanted(*place, tenant, cost_center, project, _METERED)] += share
    if options.charged:
        for payer, paid in payers.items():
            wanted[Wanted(*payer, _METERED)] += paid.list_nanos - paid.cost_nanos
    return {key: amount for key, amount in wanted.items() if amount}


def _classes(result: Result) -> dict[tuple[str, str, str], dict[Variance, int]]:
    """By month, vendor and model."""
    found: dict[tuple[str, str, str], dict[Variance, int]] = defaultdict(lambda: defaultdict(int))
    for row in result.rows:
        for kind, amount in row.classes.items():
            found[f"{row.day:%Y-%m}", row.vendor, row.model][kind] += amount
    return found


def _users(
    payers: Mapping[Payer, Paid], month: str, vendor: str, model: str
) -> dict[tuple[str, str, str], int]:
    """(tenant, cost centre, project) -> weight: of the model in the month, else of it in the whole period.
    What is about no single model belongs to all who used the vendor."""
    every = model in (ALL_MODELS, NO_MODEL)
    of_model = [p for p in payers if p.vendor == vendor and (every or p.model == model)]
    for chosen in ([p for p in of_model if p.month == month], of_model):
        weights: dict[tuple[str, str, str], int] = defaultdict(int)
        for payer in sorted(chosen):
            weights[payer.tenant, payer.cost_center, payer.project] += payers[payer].list_nanos
        positive = {whose: weight for whose, weight in weights.items() if weight > 0}
        if positive:
            return positive
    return {}


def _earlier(source: Source, entries: Iterable[Entry]) -> tuple[dict[Wanted, int], bool]:
    """What was booked for the same period, and whether it was for these very files."""
    mine: dict[Wanted, int] = defaultdict(int)
    already = False
    for entry in entries:
        said = _details(entry)
        if entry.kind != KIND or said.get("vendor") not in source.vendors:
            continue
        period = (said.get("from", ""), said.get("to", ""))
        if period == (str(source.first), str(source.last)):
            key = (said["month"], said["vendor"], said["model"])
            mine[Wanted(*key, entry.tenant, entry.cost_center, entry.project, said["part"])] += (
                entry.amount_nanos
            )
            already |= entry.reference == source.reference
        elif period[0] <= str(source.last) and str(source.first) <= period[1]:
            raise AdjustRefused(
                f"{said['vendor']} was booked for {period[0]} to {period[1]} already, which overlaps "
                f"{source.first} to {source.last}: give a file of the same days, and differences are booked"
            )
    return mine, already


def _details(entry: Entry) -> dict[str, str]:
    """Those that `_entry` wrote; {} for anything else."""
    try:
        said = json.loads(entry.details)
    except json.JSONDecodeError:
        return {}
    names = ("vendor", "model", "month", "part", "from", "to")
    whole = isinstance(said, dict) and all(isinstance(said.get(name), str) for name in names)
    return {name: said[name] for name in names} if whole else {}


def _entry(
    key: Wanted,
    amount_nanos: int,
    classes: Mapping[Variance, int],
    source: Source,
    created_us: int,
    options: Options,
) -> Entry:
    """Its id follows from its reference and place, so that two who book one invoice at once book it once."""
    details = {
        "vendor": key.vendor,
        "model": key.model,
        "month": key.month,
        "part": key.part,
        "from": str(source.first),
        "to": str(source.last),
        "digest": source.digest,
        "classes": {kind.value: amount for kind, amount in sorted(classes.items())},
    }
    instant_us = day_start_us(source.last + timedelta(days=1))
    return Entry(
        id=entry_id(instant_us, json.dumps([source.reference, *key])),
        month=options.book_in or key.month,
        tenant=key.tenant,
        cost_center=key.cost_center,
        project=key.project,
        kind=KIND,
        category="vendor",
        amount_nanos=amount_nanos,
        description=_description(key, classes),
        reference=source.reference,
        created_us=created_us,
        created_by="weir reconcile",
        details=json.dumps(details, sort_keys=True),
    )


def _description(key: Wanted, classes: Mapping[Variance, int]) -> str:
    """At most what an entry may hold; a name from a vendor's file is cut before our words are."""
    model = "".join(char if char.isprintable() else "?" for char in key.model)[:80]
    head = f"{key.vendor[:40]} invoice of {key.month}, {model}"
    if key.part == _BYPASSED:
        return f"{head}: used past the gateway"
    named = [(kind, amount) for kind, amount in classes.items() if amount and kind is not Variance.BYPASSED]
    largest = sorted(named, key=lambda each: (-abs(each[1]), each[0]))[:4]
    told = ", ".join(f"{kind} {format_usd(amount)}" for kind, amount in largest)
    return f"{head}: share of the difference ({told})" if told else f"{head}: share of the difference"


def check_month(month: str) -> str:
    """The month as it was given. Raises BadMonth."""
    first_day(month)
    return month
