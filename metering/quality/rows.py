"""What is stored of a comparison and of a client's word, and how it gets into the ledger."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from metering.quality.tables import feedback, quality_verdicts
from metering.store.rollup import insert_into
from metering.store.sql import Session


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One comparison of two tiers' answers. Times are UTC microseconds, money is nano-dollars."""

    id: str
    """Our ULID."""
    at_us: int
    request_id: str
    event_id: str
    tenant: str
    route: str
    served: str
    """small | large: which of the two the client was answered by."""
    served_tier: str
    served_model: str
    other_tier: str
    other_model: str
    gain: float | None
    threshold: float | None
    known: int | None
    model_version: str
    verdict: str
    """served | other | tie | unknown"""
    small_good: float | None
    large_good: float | None
    method: str
    """judge, or the exact check that decided; '' where nothing did."""
    judge_model: str
    cost_nanos: int | None
    """Of the other tier's answer and the judge; None where a part is unknown."""
    reading: bytes | None


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    tenant: str
    key: str
    request_id: str
    at_us: int
    score: float
    """0 (bad) to 1 (good)."""
    comment: str


def put_verdict(session: Session, row: VerdictRow) -> None:
    """Unless it is there already."""
    session.run(insert_into(session, quality_verdicts).values(**asdict(row)).on_conflict_do_nothing())


def put_feedback(session: Session, row: FeedbackRow) -> None:
    """Replaces what the same key said earlier of the same request."""
    insert = insert_into(session, feedback).values(**asdict(row))
    said = {name: insert.excluded[name] for name in ("at_us", "score", "comment")}
    newer = feedback.c.at_us <= insert.excluded.at_us
    session.run(
        insert.on_conflict_do_update(index_elements=list(feedback.primary_key), set_=said, where=newer)
    )
