"""Rows for calibration: what was asked, and how well the small and the large model answered.

JSONL, or CSV with a first line of names: `prompt` or `messages` (JSON in CSV), and the two verdicts. A
verdict is a number from 0 to 1, true or false, or a word.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from router.features import CHAT
from router.model.reading import asked

SMALL = ("small", "small_good", "small_ok", "small_score", "weak", "weak_good", "weak_ok", "weak_score")
LARGE = (
    "large",
    "large_good",
    "large_ok",
    "large_score",
    "strong",
    "strong_good",
    "strong_ok",
    "strong_score",
)
GROUP = "group"
"""Optional: rows with the same value are never divided between fitting and testing."""
WORDS: Mapping[str, float] = {
    **dict.fromkeys(("good", "yes", "true", "pass", "passed", "correct", "right", "ok", "1"), 1.0),
    **dict.fromkeys(("bad", "no", "false", "fail", "failed", "incorrect", "wrong", "0"), 0.0),
    **dict.fromkeys(("partly", "partial", "half", "tie"), 0.5),
}


class BadRows(Exception):
    """The file cannot be used; the message names it and each line."""


class Labelled(NamedTuple):
    line: int
    text: str
    """What a gain model reads of the conversation."""
    small: float
    large: float
    group: str | None


def read_labels(path: Path) -> list[Labelled]:
    """Every row, in the file's order. Raises BadRows with every line that has a mistake."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadRows(f"{path}: {error.strerror}") from error
    rows, mistakes = [], []
    for line, fields in (_csv if path.suffix.lower() == ".csv" else _jsonl)(path, data):
        try:
            rows.append(_labelled(line, fields))
        except ValueError as error:
            mistakes.append(f"{path}:{line}: {error}")
    if mistakes:
        shown = mistakes[:20]
        more = [f"... and {len(mistakes) - 20} more"] if len(mistakes) > 20 else []
        raise BadRows("\n".join([*shown, *more]))
    if not rows:
        raise BadRows(f"{path}: no rows")
    return rows


def _jsonl(path: Path, data: bytes) -> Iterator[tuple[int, object]]:
    for line, text in enumerate(data.splitlines(), 1):
        if text.strip():
            try:
                yield line, orjson.loads(text)
            except orjson.JSONDecodeError as error:
                yield line, error


def _csv(path: Path, data: bytes) -> Iterator[tuple[int, object]]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if value not in (None, "")}
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRows(f"{path}: not a CSV file in UTF-8 ({error})") from error


def _labelled(line: int, fields: object) -> Labelled:
    """Raises ValueError."""
    if isinstance(fields, orjson.JSONDecodeError):
        raise ValueError(f"no JSON: {fields}")
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    group = fields.get(GROUP)
    return Labelled(
        line,
        _text(fields),
        _verdict(fields, SMALL),
        _verdict(fields, LARGE),
        None if group is None else str(group),
    )


def _text(fields: Mapping[str, Any]) -> str:
    messages = fields.get("messages")
    if messages is None:
        prompt = fields.get("prompt")
        if not isinstance(prompt, str):
            raise ValueError("neither `messages` nor a `prompt` that is text")
        return prompt
    if isinstance(messages, str):
        try:
            messages = orjson.loads(messages)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"`messages` is no JSON: {error}") from error
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise ValueError("`messages` is not a list of objects")
    return asked({"messages": messages}, CHAT)


def _verdict(fields: Mapping[str, Any], names: Sequence[str]) -> float:
    given = [name for name in names if name in fields]
    if len(given) != 1:
        found = "none of" if not given else f"both {given[0]} and {given[1]} of"
        raise ValueError(f"{found} {', '.join(names)}")
    value = fields[given[0]]
    score = WORDS.get(value.strip().lower()) if isinstance(value, str) else value
    if score is None and isinstance(value, str):
        try:
            score = float(value)
        except ValueError:
            score = None
    if not isinstance(score, int | float) or not 0.0 <= score <= 1.0:
        raise ValueError(
            f"{given[0]} is {value!r}: a number from 0 to 1, true, false, or a word such as good, bad"
        )
    return float(score)


class Merged(NamedTuple):
    """One conversation, however often it was judged."""

    text: str
    small: float
    large: float
    group: str | None


def merged(rows: Sequence[Labelled]) -> list[Merged]:
    """Rows with the same text become one, with the means of their verdicts; in the order of the first."""
    same: dict[str, list[Labelled]] = {}
    for row in rows:
        same.setdefault(row.text, []).append(row)
    return [
        Merged(
            text,
            sum(row.small for row in each) / len(each),
            sum(row.large for row in each) / len(each),
            each[0].group,
        )
        for text, each in same.items()
    ]
