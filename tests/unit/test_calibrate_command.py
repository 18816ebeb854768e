"""`weir calibrate`: labelled conversations in; an artefact, and what it is worth, out."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from router.model import load
from router.model.calibration import TooFewRows, calibrate
from router.model.groups import groups
from router.model.labels import BadRows, read_labels
from router.model.reading import Reading, read_text

TOPICS = ("invoices", "holidays", "passwords", "parcels", "contracts", "printers", "recipes", "trains")


def conversations(count: int) -> list[dict[str, Any]]:
    """The small model fails at contracts, half the time at trains, and at nothing else."""
    chance = random.Random(3)
    rows = []
    for number in range(count):
        topic = TOPICS[number % len(TOPICS)]
        filler = " ".join(
            chance.choice(("please", "today", "again", "quickly", "there", "soon")) for _ in range(9)
        )
        small = topic != "contracts" and not (topic == "trains" and chance.random() < 0.5)
        rows.append({"prompt": f"Tell {filler} about {topic}", "small_good": small, "large_good": True})
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_calibration_learns_the_pair_and_says_what_it_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = conversations(400)
    file = write(tmp_path / "rows.jsonl", [*rows, rows[0]])
    out, report = tmp_path / "own.npz", tmp_path / "report.json"
    arguments = ["calibrate", str(file), "--out", str(out), "--report", str(report), "--quiet"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert not said.err
    assert "longer prompt first" in said.out
    found = json.loads(report.read_text())
    assert (found["file_rows"], found["duplicates"], found["rows"]) == (401, 1, 400)
    assert found["own"]["apgr"] > found["longer_prompt"]["apgr"] + 0.1
    assert found["beats"] == {"shipped": True, "longer_prompt": True}
    assert found["decile_error"] < 0.1
    assert main(["route", "--artefact", str(out), "Tell please soon about contracts"]) == 0
    assert main(["route", "--artefact", str(out), "Tell please soon about recipes"]) == 0
    hard, easy = (json.loads(each + "}") for each in capsys.readouterr().out.split("}\n")[:2])
    assert hard["gain"] > easy["gain"]
    again = tmp_path / "again.npz"
    assert main(["calibrate", str(file), "--out", str(again), "--quiet"]) == 0
    assert again.read_bytes() == out.read_bytes()


def test_few_rows_only_rescale_the_shipped_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", conversations(100))
    assert main(["calibrate", str(file), "--out", str(tmp_path / "own.npz")]) == 0
    assert "fewer than 200 rows" in capsys.readouterr().out


def test_too_few_rows_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "rows.jsonl", conversations(20))
    assert main(["calibrate", str(file), "--out", str(tmp_path / "own.npz")]) == 1
    assert "20 rows; it takes 50" in capsys.readouterr().err
    assert not (tmp_path / "own.npz").exists()


def test_readings_alone_are_enough() -> None:
    """As the ledger keeps them, without any text."""
    shipped = load()
    rows = conversations(240)
    kept = [read_text(row["prompt"], shipped.lexicon.vocabulary).to_bytes() for row in rows]
    small, large = [float(row["small_good"]) for row in rows], [1.0] * len(rows)
    done = calibrate(shipped, [Reading.from_bytes(each) for each in kept], small, large, name="ledger")
    assert done.model.version.startswith("ledger-240-")
    with pytest.raises(TooFewRows):
        calibrate(shipped, [], [], [])


def test_every_way_to_write_a_verdict(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["prompt", "messages", "small", "large", "group"])
        table.writerow(["a\nb", "", "good", "0.25", "one"])
        table.writerow(["", json.dumps([{"role": "user", "content": "c"}]), "false", "TRUE", ""])
    rows = read_labels(path)
    assert [(row.text, row.small, row.large, row.group) for row in rows] == [
        ("a\nb", 1.0, 0.25, "one"),
        ("c", 0.0, 1.0, None),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "no JSON"),
        ("[]", "not an object"),
        ('{"small_good": 1, "large_good": 1}', "neither `messages` nor a `prompt`"),
        ('{"prompt": "a", "small_good": 1}', "none of large, large_good"),
        ('{"prompt": "a", "small_good": 1, "weak": 1, "large_good": 1}', "both small_good and weak"),
        ('{"prompt": "a", "small_good": 2, "large_good": 1}', "small_good is 2: a number from 0 to 1"),
        ('{"prompt": "a", "small_good": "meh", "large_good": 1}', "small_good is 'meh'"),
        ('{"prompt": "a", "small_good": null, "large_good": 1}', "small_good is None"),
        ('{"messages": "a", "small_good": 1, "large_good": 1}', "`messages` is no JSON"),
        ('{"messages": [1], "small_good": 1, "large_good": 1}', "not a list of objects"),
    ],
)
def test_a_mistake_names_its_file_and_line(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(conversations(1)[0]) + "\n\n" + line + "\n")
    with pytest.raises(BadRows) as caught:
        read_labels(path)
    assert f"{path}:3: " in str(caught.value)
    assert words in str(caught.value)


def test_questions_about_one_passage_are_one_group() -> None:
    passage = "The committee met in the old town hall and voted for the new bridge by nine to four. "
    texts = [passage + "Who met?", passage + "How many voted against?", "Who wrote Faust?", "who wrote faust"]
    found = groups(texts).tolist()
    assert found[0] == found[1] != found[2]
    assert found[2] == found[3]
