"""A replay for people (tables and sentences) and for programs (JSON)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gateway.commands.common import table
from gateway.replay.budgets import Breach
from gateway.replay.replay import Replay
from gateway.replay.tally import Sums
from metering.budgets.periods import iso
from metering.money import format_usd, places_to_show, round_to_places

SHOWN_TENANTS = 20
"""Of those whose cost changes, in the table; JSON has all of them."""
ASSUMPTIONS = (
    "A moved request is priced with the same tokens, in the same classes, at the new file's price of the "
    "other model at that moment; an answer of another model may be longer or shorter.",
    "Only first attempts move. Load, a conversation's last model and backends that failed are not replayed.",
    "Quality is the predicted gain, as recorded; its interval is of the traffic, not of the model's error.",
)


def as_json(replay: Replay, unseen: Sequence[str]) -> dict[str, Any]:
    """Money twice: `*_nanos` as integers, `*_usd` as exact decimal strings."""
    tally = replay.tally
    quality, interval = tally.quality, tally.quality.interval()
    return {
        "object": "replay",
        "first": None if replay.first_us is None else iso(replay.first_us),
        "last": None if replay.last_us is None else iso(replay.last_us),
        "totals": _sums(tally.total()),
        "routes": [
            {"tenant": tenant, "route": route, **_sums(sums)}
            for (tenant, route), sums in sorted(tally.sums.items())
        ],
        "tenants": [{"tenant": tenant, **_sums(sums)} for tenant, sums in affected(replay)],
        "quality": {
            "rows": quality.rows,
            "rows_beyond_the_model": quality.unknown,
            "before": quality.before,
            "after": quality.after,
            "change": quality.change,
            "change_95": None if interval is None else list(interval),
        },
        "budgets": {
            "before": [_breach(breach) for breach in replay.before.breaches],
            "after": [_breach(breach) for breach in replay.after.breaches],
        },
        "not_replayed": dict(sorted(tally.kept.items())),
        "comparable": tally.comparable,
        "repeated": tally.repeated,
        "assumptions": [*ASSUMPTIONS, *unseen],
    }


def affected(replay: Replay) -> list[tuple[str, Sums]]:
    """Tenants whose cost or models change, the largest change of cost first."""
    changed = [each for each in replay.tally.by_tenant().items() if each[1].moved or each[1].change_nanos]
    return sorted(changed, key=lambda each: (-abs(each[1].change_nanos), each[0]))


def in_words(replay: Replay, unseen: Sequence[str]) -> Iterator[str]:
    """Lines of text."""
    total = replay.tally.total()
    if replay.first_us is None or replay.last_us is None:
        yield "No traffic in this period."
        return
    yield f"{total.rows} rows from {iso(replay.first_us)} to {iso(replay.last_us)}"
    yield f"{total.decided} decided again, {total.moved} of them moved to another model"
    yield ""
    yield _costs(replay)
    yield from _quality(replay)
    yield from _tenants(replay)
    yield from _budgets(replay)
    yield from _limits(replay, unseen)


def _costs(replay: Replay) -> str:
    rows = [(tenant, route, sums) for (tenant, route), sums in sorted(replay.tally.sums.items())]
    shown = [*rows, ("total", "", replay.tally.total())]
    columns = [[sums.before_nanos for *_, sums in rows], [sums.after_nanos for *_, sums in rows]]
    places = places_to_show([amount for column in columns for amount in column])
    money = []
    for column in columns:
        parts, whole = round_to_places(column, places)
        money.append([*parts, whole])
    cells = [
        [
            tenant,
            route,
            f"{sums.rows}",
            f"{sums.decided}",
            f"{sums.moved}",
            _share(sums.large_before, sums.decided),
            _share(sums.large_after, sums.decided),
            *(format_usd(column[at], places) for column in money),
            _signed(money[1][at] - money[0][at], places),
            _notes(sums),
        ]
        for at, (tenant, route, sums) in enumerate(shown)
    ]
    titles = ("tenant", "route", "rows", "decided", "moved", "large was", "large is")
    return table((*titles, "cost was", "cost is", "change USD", "notes"), cells)


def _notes(sums: Sums) -> str:
    notes = []
    if sums.unknown_before:
        notes.append(f"{sums.unknown_before} of unknown cost")
    if sums.unknown_after != sums.unknown_before:
        notes.append(f"then {sums.unknown_after}")
    if sums.by_gpu_time:
        notes.append(f"{sums.by_gpu_time} at past GPU time per token")
    return ", ".join(notes)


def _quality(replay: Replay) -> Iterator[str]:
    quality = replay.tally.quality
    interval = quality.interval()
    if interval is None:
        return
    per = 1_000 / quality.rows
    low, high = (end * per for end in interval)
    yield (
        f"Expected quality: {quality.change * per:+.2f} good answers per 1,000 requests "
        f"(95 %: {low:+.2f} to {high:+.2f}), of {quality.rows} requests with a recorded gain"
    )
    if quality.unknown:
        yield f"  {quality.unknown} of them were beyond what the model knows: a prior spoke"
    yield ""


def _tenants(replay: Replay) -> Iterator[str]:
    changed = affected(replay)
    if not changed:
        yield "Nobody is affected."
        yield ""
        return
    yield f"Affected tenants: {len(changed)}"
    for tenant, sums in changed[:SHOWN_TENANTS]:
        share = f" ({sums.change_nanos / sums.before_nanos:+.1%})" if sums.before_nanos else ""
        yield f"  {tenant}: {_signed(sums.change_nanos)} USD{share}, {sums.moved} requests moved"
    if len(changed) > SHOWN_TENANTS:
        yield f"  and {len(changed) - SHOWN_TENANTS} more"
    yield ""


def _budgets(replay: Replay) -> Iterator[str]:
    for what, breaches in (("as charged", replay.before.breaches), ("as replayed", replay.after.breaches)):
        yield f"Budgets of the new file, {what}: {len(breaches)} spent" + (":" if breaches else "")
        for breach in breaches:
            yield (
                f"  {breach.budget} ({breach.whose}) on {iso(breach.at_us)}; {breach.rows_after} later rows "
                f"of {format_usd(breach.nanos_after)} USD would have been refused"
            )
    yield ""


def _limits(replay: Replay, unseen: Sequence[str]) -> Iterator[str]:
    tally = replay.tally
    if tally.kept:
        yield "Not replayed; these stay as they were:"
        for reason, rows in sorted(tally.kept.items(), key=lambda each: -each[1]):
            yield f"  {rows}: {reason}"
    if tally.comparable:
        repeated = tally.repeated / tally.comparable
        yield f"The present file, replayed in the same way, repeats {repeated:.1%} of what was chosen."
    for each in (*ASSUMPTIONS, *unseen):
        yield f"* {each}"


def _sums(sums: Sums) -> dict[str, Any]:
    plain = asdict(sums)
    return {
        **plain,
        "change_nanos": sums.change_nanos,
        **{f"{name}_usd": format_usd(plain[f"{name}_nanos"]) for name in ("before", "after")},
        "change_usd": format_usd(sums.change_nanos),
    }


def _breach(breach: Breach) -> dict[str, Any]:
    return {**asdict(breach), "at": iso(breach.at_us), "period_start": iso(breach.period_start_us)}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _signed(nanos: int, places: int | None = None) -> str:
    amount = format_usd(nanos) if places is None else format_usd(nanos, places)
    return f"+{amount}" if nanos > 0 else amount
