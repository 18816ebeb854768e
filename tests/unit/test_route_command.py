"""`weir route`: one line in, one line out, whatever else stands between them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli import main

QUESTION = "Prove that there are infinitely many primes congruent to 3 modulo 4."


def test_a_prompt_is_routed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["route", QUESTION, "--explain"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["tier"] == ("large" if answer["gain"] >= answer["threshold"] else "small")
    assert answer["reason"].startswith("gain:")
    assert answer["known"] is True
    assert answer["details"]["words"] > 5


def test_a_batch_answers_every_line_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        json.dumps({"id": 7, "prompt": QUESTION}),
        "{broken",
        "",
        json.dumps({"messages": [{"role": "user", "content": "hi"}], "temperature": 0}),
        json.dumps({"messages": "hi"}),
        json.dumps(["hi"]),
        json.dumps({"prompt": 3}),
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    assert main(["route", "--batch", str(tmp_path / "in.jsonl")]) == 1
    said = capsys.readouterr()
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert [set(answer) for answer in answers] == [
        {"id", "gain", "tier", "reason"},
        {"gain", "tier", "reason"},
    ]
    assert [line.split(":")[1].strip() for line in said.err.splitlines()] == [
        "line 2",
        "line 5",
        "line 6",
        "line 7",
    ]


def test_a_share_of_one_sends_everything_large(capsys: pytest.CaptureFixture[str]) -> None:
    tiers = []
    for share in ("0", "1"):
        assert main(["route", "hello there", "--large-share", share]) == 0
        tiers.append(json.loads(capsys.readouterr().out)["tier"])
    assert tiers == ["small", "large"]


def test_files_that_are_not_there_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["route", "--batch", str(tmp_path / "no.jsonl")]) == 1
    assert main(["route", "hi", "--artefact", str(tmp_path / "no.npz")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert "no.jsonl: No such file" in first
    assert "no.npz: no such file" in second


@pytest.mark.parametrize("share", ["2", "x", "nan"])
def test_a_share_is_between_none_and_all(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["route", "hi", "--large-share", share])
    assert "not a share from 0 to 1" in capsys.readouterr().err
