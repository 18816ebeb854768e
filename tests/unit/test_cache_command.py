"""`weir cache replay`: one line in, one line out, and nobody served from another's questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

ASKED = "How do I learn chess?"


def replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[Any], *options: str
) -> tuple[int, list[dict[str, Any]], list[str]]:
    file = tmp_path / "in.jsonl"
    file.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    code = main(["cache", "replay", str(file), *options])
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err.splitlines()


def test_every_tier_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {"tenant": "a", "prompt": ASKED, "class": "1"},
        {"tenant": "a", "prompt": ASKED, "class": "1", "id": 7},
        {"tenant": "a", "prompt": "how can I learn chess", "class": "1"},
        {"tenant": "a", "prompt": "What should I do to learn chess?", "class": "2"},
        {"tenant": "a", "prompt": "How do I learn piano?", "class": "3"},
    ]
    code, told, summary = replay(tmp_path, capsys, lines)
    assert code == 0
    assert [each["tier"] for each in told] == [None, "exact", "canonical", "semantic", None]
    assert [each["hit"] for each in told] == [False, True, True, True, False]
    assert told[1] == {"id": 7, "hit": True, "tier": "exact", "matched": ASKED, "score": 1.0}
    assert told[3]["matched"] == ASKED
    assert 0.0 < told[3]["score"] < 1.0
    assert told[4] == {"hit": False, "tier": None, "matched": None, "score": 0.0}
    assert summary == [
        "5 requests, 3 hits (60.00 %): exact 1 (20.00 %), canonical 1 (20.00 %), semantic 1 (20.00 %); "
        "of 3 hits with a class 1 wrong (33.33 %)"
    ]


def test_tenants_and_conversations_share_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = [{"role": "system", "content": "Be brief."}]
    last = [{"role": "user", "content": ASKED}]
    lines = [
        {"tenant": "a", "prompt": ASKED},
        {"tenant": "b", "prompt": ASKED},
        {"tenant": "", "prompt": ASKED},
        {"prompt": ASKED},
        {"tenant": "a", "messages": before + last},
        {"tenant": "a", "messages": last},
        {"tenant": "a", "messages": [*before, {"role": "user", "content": "how can I learn chess"}]},
        {"tenant": "b", "messages": [*before, {"role": "user", "content": "how can I learn chess"}]},
    ]
    _, told, _ = replay(tmp_path, capsys, lines)
    assert [each["tier"] for each in told] == [None, None, None, "exact", None, None, "canonical", None]


def test_bad_lines_are_named_and_the_others_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "{broken",
        {"tenant": "a", "prompt": 3},
        "",
        ["hi"],
        {"tenant": 1, "prompt": "hi"},
        {"prompt": "hi", "class": [1]},
        {"messages": "hi"},
        {"messages": [{"role": "system", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"tenant": "a", "prompt": ASKED},
    ]
    code, told, said = replay(tmp_path, capsys, lines)
    assert code == 1
    assert len(told) == 1
    named = [line.split(":")[1].strip() for line in said[:-1]]
    assert named == [f"line {number}" for number in (1, 2, 4, 5, 6, 7, 8, 9)]
    assert said[-1].startswith("1 requests, 0 hits")


def test_a_threshold_above_all_scores_serves_only_what_is_certain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{"prompt": ASKED}, {"prompt": "What should I do to learn chess?"}, {"prompt": ASKED + "?"}]
    _, told, _ = replay(tmp_path, capsys, lines, "--threshold", "1")
    assert [each["tier"] for each in told] == [None, None, "canonical"]


def test_intents_share_an_answer_that_near_questions_agree_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["my card has not arrived yet", "my new card did not arrive", "the card has still not arrived"]
    lines = [{"prompt": text, "class": "card"} for text in asked]
    lines.append({"prompt": "when will my card arrive, it has not come", "class": "card"})
    _, strict, _ = replay(tmp_path, capsys, lines)
    _, loose, _ = replay(tmp_path, capsys, lines, "--regime", "intent", "--threshold", "0.6")
    assert strict[3]["tier"] is None
    assert loose[3]["tier"] == "semantic"


def test_mistakes_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "replay", str(tmp_path / "no.jsonl")]) == 1
    assert "no.jsonl: No such file" in capsys.readouterr().err
    for threshold in ("2", "x", "nan"):
        with pytest.raises(SystemExit):
            main(["cache", "replay", "-", "--threshold", threshold])
        assert "not a score from 0 to 1" in capsys.readouterr().err
