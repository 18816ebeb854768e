"""Rows and verdicts as JSON has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from metering.audit.entry import AuditRow
from metering.audit.verify import Verdict

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def row_json(row: AuditRow) -> dict[str, Any]:
    return {
        "object": "audit_row",
        "seq": row.seq,
        "at": instant(row.at_us),
        "at_us": row.at_us,
        "who": row.who,
        "action": row.action,
        "subject": row.subject,
        "before": _value(row.before),
        "after": _value(row.after),
        "request_id": row.request_id,
        "prev_hash": row.prev_hash,
        "hash": row.hash,
    }


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    finding = verdict.finding
    broken = None if finding is None else {"seq": finding.seq, "kind": finding.kind, "detail": finding.detail}
    return {
        "object": "audit_verdict",
        "ok": verdict.ok,
        "rows": verdict.rows,
        "head": str(verdict.head),
        "first_broken": broken,
    }


def _value(text: str | None) -> Any:
    """A text that somebody changed is shown as it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def instant(epoch_us: int) -> str | None:
    """None for a number that somebody made impossible."""
    try:
        moment = _EPOCH + timedelta(microseconds=epoch_us)
    except (OverflowError, TypeError):
        return None
    return moment.isoformat().replace("+00:00", "Z")
