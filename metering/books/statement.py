"""A statement: what one tenant pays for one month, in numbered lines that add up to the cent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from metering.books.charges import ChargeLine
from metering.books.entries import Entry
from metering.books.tables import TOKEN_COLUMNS

CURRENCY = "USD"
NANOS_PER_CENT = 10_000_000
CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Usage of one kind, or one entry."""

    line: int
    """1, 2, ... within the statement."""
    kind: str
    """charge, or the entry's kind."""
    entry_id: str
    tenant: str
    cost_center: str
    project: str
    model: str
    backend: str
    category: str
    description: str
    reference: str
    requests: int
    input_uncached_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    served_from_cache_tokens: int
    gpu_ns: int
    list_nanos: int | None
    amount_nanos: int | None
    """None: unknown, and in no sum."""
    cents: int | None
    unknown_cost_events: int


@dataclass(frozen=True, slots=True)
class StatementHead:
    """A statement without its lines. `[from_us, until_us)` in UTC microseconds."""

    number: str
    """`2026-10-0001`, without gaps within a month."""
    month: str
    tenant: str
    """'' is the house's own."""
    time_zone: str
    from_us: int
    until_us: int
    currency: str
    total_nanos: int
    total_cents: int
    lines: int
    unknown_cost_events: int
    """Rows whose cost nobody knew: they are not in the total."""
    closed_us: int
    closed_by: str
    digest: str
    """SHA-256 over everything else here and all lines."""


@dataclass(frozen=True, slots=True)
class Statement:
    head: StatementHead
    lines: tuple[StatementLine, ...]

    @property
    def holds(self) -> bool:
        """Whether digest and sums are those of its lines."""
        totals = (
            sum(line.amount_nanos or 0 for line in self.lines),
            sum(line.cents or 0 for line in self.lines),
            len(self.lines),
        )
        head = self.head
        said = (head.total_nanos, head.total_cents, head.lines)
        return head.digest == digest_of(head, self.lines) and said == totals


HEAD_COLUMNS = tuple(field.name for field in fields(StatementHead))
LINE_COLUMNS = tuple(field.name for field in fields(StatementLine))


def digest_of(head: StatementHead, lines: Sequence[StatementLine]) -> str:
    """Hexadecimal, over a JSON array of the head without its digest and of all lines, keys sorted."""
    content = {name: value for name, value in asdict(head).items() if name != "digest"}
    text = json.dumps(
        [content, *map(asdict, lines)], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def charge_line(charge: ChargeLine) -> StatementLine:
    """Without number and cents."""
    return StatementLine(
        line=0,
        kind=CHARGE,
        entry_id="",
        **charge.key._asdict(),
        description=_occupied(charge),
        reference="",
        requests=charge.requests,
        **{name: getattr(charge, name) for name in TOKEN_COLUMNS},
        gpu_ns=charge.gpu_ns,
        list_nanos=charge.list_nanos,
        amount_nanos=charge.cost_nanos,
        cents=None,
        unknown_cost_events=charge.unknown_cost_events,
    )


def _occupied(charge: ChargeLine) -> str:
    """The quantity of a line that has no tokens and no GPU time."""
    return f"{charge.storage_byte_seconds} byte-seconds" if charge.storage_byte_seconds else ""


def entry_line(entry: Entry) -> StatementLine:
    """Without number and cents."""
    details = json.loads(entry.details)
    return StatementLine(
        line=0,
        kind=entry.kind,
        entry_id=entry.id,
        tenant=entry.tenant,
        cost_center=entry.cost_center,
        project=entry.project,
        model=str(details.get("model", "")),
        backend=str(details.get("backend", "")),
        category=entry.category,
        description=entry.description,
        reference=entry.reference,
        requests=0,
        **dict.fromkeys(TOKEN_COLUMNS, 0),
        gpu_ns=0,
        list_nanos=None,
        amount_nanos=entry.amount_nanos,
        cents=None,
        unknown_cost_events=0,
    )
