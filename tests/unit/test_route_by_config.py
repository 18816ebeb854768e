"""`weir route --config`: what a file decides on a prompt, before anybody sends it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "routing.md").read_text()
HARD = "Write a Python program that proves this theorem step by step. " * 8
Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The docs' own example: legal large, batch classification small, economy at 90 %, else balanced."""
    found = re.search(r"```yaml\n# example: rules\n(.*?)```", DOCUMENT, re.DOTALL)
    assert found is not None
    folder = tmp_path_factory.mktemp("house")
    text = f"ledger: sqlite:///{folder}/weir.db\n{found[1]}"
    (folder / "weir.yaml").write_text(text)
    return str(folder / "weir.yaml")


def asked(said: Said, house: str, *more: str, prompt: str = "Summarise this.") -> dict[str, Any]:
    assert main(["route", prompt, "--config", house, *more]) == 0
    answer: dict[str, Any] = json.loads(said.readouterr().out)
    return answer


def refused(said: Said, house: str, *more: str) -> str:
    assert main(["route", "Hi", "--config", house, *more]) == 1
    return said.readouterr().err


@pytest.mark.parametrize("prompt", ["Hi", HARD])
@pytest.mark.parametrize(
    ("asker", "tier", "model", "reason"),
    [
        (["--tenant", "legal"], "large", "gpt-5", "rule:1"),
        (["--tenant", "legal", "--budget-used", "95%"], "large", "gpt-5", "rule:1"),
        (["--project", "batch", "--tag", "task=classification"], "small", "qwen3-8b", "rule:2"),
    ],
)
def test_the_docs_example_holds_for_any_prompt(
    capsys: Said, house: str, prompt: str, asker: list[str], tier: str, model: str, reason: str
) -> None:
    answer = asked(capsys, house, *asker, prompt=prompt)
    assert (answer["tier"], answer["model"], answer["reason"]) == (tier, model, reason)
    assert answer["gain"] is None


def test_everything_else_is_balanced_until_the_budget_is_nearly_gone(capsys: Said, house: str) -> None:
    bounds = {}
    for used in ("0%", "90%", "0.91"):
        answer = asked(capsys, house, "--tenant", "acme", "--budget-used", used, "--explain")
        bounds[used] = (answer["details"]["policy"], answer["reason"].partition(",")[2], answer["threshold"])
    assert [each[:2] for each in bounds.values()] == [
        ("balanced", ""),
        ("balanced", ""),
        ("economy", "rule:3"),
    ]
    assert bounds["0.91"][2] > bounds["0%"][2]
    for half in (["--project", "batch", "--tag", "task=translation"], ["--tag", "task=classification"]):
        assert asked(capsys, house, *half)["reason"].startswith(("gain:", "prior:"))


def test_the_whole_decision_is_told(capsys: Said, house: str) -> None:
    answer = asked(capsys, house, "--explain", prompt=HARD)
    assert list(answer)[:5] == ["gain", "tier", "model", "backend", "reason"]
    assert [each["model"] for each in answer["choices"]] in (["gpt-5", "qwen3-8b"], ["qwen3-8b", "gpt-5"])
    assert answer["details"]["prompt_tokens"] > 100
    assert answer["gain_model"].startswith("weir-")


def test_a_batch_is_decided_line_by_line(capsys: Said, house: str, tmp_path: Path) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    lines = [
        {"id": 1, "prompt": "Hi"},
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": "x" * 40_000_000}]},
        {"messages": [{"role": "user", "content": [image]}]},
    ]
    batch = tmp_path / "in.jsonl"
    batch.write_text("\n".join(map(json.dumps, lines)))
    assert main(["route", "--config", house, "--batch", str(batch), "--tenant", "legal"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(answer.get("id"), answer["reason"]) for answer in answers] == [
        (1, "rule:1"),
        (None, "rule:1"),
        (None, "fit:rule:1>small"),
        (None, "rule:1"),
    ]


def test_what_nothing_can_answer_is_named(capsys: Said, house: str, tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.yaml"
    text = Path(house).read_text().replace("{gpt-5: gpt-5}", "{gpt-5: {upstream: gpt-5, supports: [chat]}}")
    text = text.replace("Qwen/Qwen3-8B}", "{upstream: Qwen/Qwen3-8B, supports: [chat]}}")
    narrow.write_text(text)
    tools = [{"type": "function", "function": {"name": "f"}}]
    fields = {"messages": [{"role": "user", "content": "Hi"}], "tools": tools}
    batch = tmp_path / "in.jsonl"
    batch.write_text(json.dumps(fields) + "\n" + json.dumps({"prompt": "Hi"}))
    assert main(["route", "--config", str(narrow), "--batch", str(batch)]) == 1
    said = capsys.readouterr()
    assert "line 1:" in said.err
    assert "tools" in said.err
    assert len(said.out.splitlines()) == 1


def test_a_model_that_is_named_is_honoured(capsys: Said, house: str) -> None:
    answer = asked(capsys, house, "--model", "gpt-5", "--project", "batch", "--tag", "task=classification")
    assert (answer["model"], answer["reason"]) == ("gpt-5", "explicit")


def test_a_cascade_is_told_where_no_rule_comes_first(capsys: Said, house: str, tmp_path: Path) -> None:
    stairs = tmp_path / "stairs.yaml"
    stairs.write_text(Path(house).read_text().replace("policy: balanced}", "policy: balanced, cascade: {}}"))
    assert asked(capsys, str(stairs))["cascade"] is True
    assert "cascade" not in asked(capsys, str(stairs), "--tenant", "legal")
    assert "cascade" not in asked(capsys, str(stairs), "--budget-used", "99%")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--model", "aut"], "no model is named aut. Name one with --model: auto, "),
        (["--tenant", "leagl"], "no tenant is named leagl"),
        (["--policy", "economy"], "the file says policy and artefact"),
        (["--large-share", "0"], "the file says policy and artefact"),
    ],
)
def test_mistakes_are_named(capsys: Said, house: str, more: list[str], expected: str) -> None:
    assert expected in refused(capsys, house, *more)


def test_without_a_file_there_is_nobody_to_ask_as(capsys: Said) -> None:
    assert main(["route", "Hi", "--tenant", "legal"]) == 1
    assert "--config" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [("--tag", "task", "not name=value"), ("--budget-used", "much", "not a share, such as 92%")],
)
def test_options_are_checked(capsys: Said, house: str, option: str, text: str, expected: str) -> None:
    with pytest.raises(SystemExit):
        main(["route", "Hi", "--config", house, option, text])
    assert expected in capsys.readouterr().err
