"""What must hold after the storm: answers, events, outcomes, tokens, and what the upstream saw."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson

from tests.fakes.client import Answer
from tests.fakes.upstream import FakeUpstream
from tests.fault.mixed_cases import Case, numbered


@dataclass(frozen=True, slots=True)
class Result:
    marker: str
    case: Case | None
    """None: the real engine."""
    stream: bool
    answer: Answer


@dataclass(frozen=True, slots=True)
class Row:
    """What the test reads of an event."""

    marker: str
    attempt: int
    outcome: str
    id: str
    request_id: str
    input_tokens: int | None
    output_tokens: int | None
    provenance: str | None


def read_ledger(path: Path) -> list[Row]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM events").fetchall()
    return [_row(row) for row in rows]


def _row(row: sqlite3.Row) -> Row:
    inputs = [row[name] for name in ("input_uncached_tokens", "cache_read_tokens", "cache_write_tokens")]
    total = None if None in inputs else sum(inputs)
    return Row(
        marker=orjson.loads(row["tags"]).get("id", ""),
        attempt=row["attempt"],
        outcome=row["outcome"],
        id=row["id"],
        request_id=row["request_id"],
        input_tokens=total,
        output_tokens=row["output_tokens"],
        provenance=row["provenance"],
    )


def check_answers(results: list[Result]) -> None:
    wrong: list[str] = []
    for result in results:
        try:
            if result.case is None:
                check_engine_answer(result)
            else:
                result.case.check(result.answer, result.marker)
        except (AssertionError, KeyError, IndexError, TypeError, orjson.JSONDecodeError) as error:
            label = f"{result.case.model if result.case else 'engine'} stream={result.stream}"
            wrong.append(f"{label} [id:{result.marker}]: {type(error).__name__} {error}"[:600])
    assert not wrong, f"{len(wrong)} wrong answers:\n" + "\n".join(wrong[:20])


def check_engine_answer(result: Result) -> None:
    answer = result.answer
    assert answer.status == 200, answer
    assert answer.whole
    if result.stream:
        *events, last = answer.events()
        assert last == b"[DONE]"
        assert orjson.loads(events[-1])["choices"][0]["finish_reason"] in ("stop", "length")
    else:
        assert answer.json()["choices"][0]["finish_reason"] in ("stop", "length")


def check_every_attempt_has_one_event(
    rows: list[Row], upstream: FakeUpstream, cached: set[str], engine_requests: int
) -> None:
    unseen = {marker for marker, case in numbered() if not case.seen}
    engine = Counter((f"engine{number}", 1) for number in range(engine_requests))
    hits = Counter((marker, 0) for marker in cached)
    expected = Counter(upstream.witness.attempts()) + engine + hits
    held = Counter((row.marker, row.attempt) for row in rows if row.marker not in unseen)
    assert held - expected == Counter(), "events without an attempt, or two for one"
    assert expected - held == Counter(), "attempts without an event"
    assert len({row.id for row in rows}) == len(rows)
    assert len({(row.request_id, row.attempt) for row in rows}) == len(rows)


def check_outcomes(rows: list[Row], results: list[Result], cached: set[str]) -> None:
    found: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row.attempt):
        if row.attempt:
            found.setdefault(row.marker, []).append(row.outcome)
        else:
            assert (row.marker in cached, row.outcome) == (True, "cached")
    wrong = Counter[str]()
    for marker, case in numbered():
        if tuple(found.get(marker, [])) != case.outcomes:
            wrong[f"{case.model} stream={case.stream}: {found.get(marker)} instead of {case.outcomes}"] += 1
    assert not wrong, "\n".join(f"{count} x {text}" for text, count in wrong.items())
    assert all(found[result.marker] == ["completed"] for result in results if result.case is None)
    assert set(found) <= {result.marker for result in results}


def check_tokens(rows: list[Row], results: list[Result]) -> None:
    """What an upstream reported stands in the ledger; where it reported nothing, something was counted."""
    by_marker = {row.marker: row for row in rows if row.outcome == "completed"}
    for result in results:
        row = by_marker.get(result.marker)
        if row is None or result.answer.status != 200 or result.answer.headers["x-weir-cache"] == "exact":
            continue
        if result.case is not None and result.case.model == "fault/no-usage":
            assert row.provenance == "counted"
            assert row.output_tokens
        elif not result.stream:
            usage = result.answer.json()["usage"]
            told = (usage["prompt_tokens"], usage.get("completion_tokens", 0))
            assert (row.input_tokens, row.output_tokens) == told
            assert row.provenance == ("engine" if result.case is None else "vendor")


def check_what_the_upstream_saw(upstream: FakeUpstream, key: str) -> None:
    arrivals = upstream.witness.arrivals
    assert {arrival.authorization for arrival in arrivals} == {f"Bearer {key}"}
    left = {"slow-500-20", "stall-before", "stall-mid"}
    assert all(arrival.client_left for arrival in arrivals if arrival.mode in left), (
        "an upstream was left working"
    )


def check_log(log: str, secrets: tuple[str, ...]) -> None:
    for secret in secrets:
        assert secret not in log
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]
