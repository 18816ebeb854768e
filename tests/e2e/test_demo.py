"""`weir demo`, as a person meets it: it starts, and what it prints works as printed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.road import Road
from tests.fakes.gateway_process import ROOT, free_port

READY_WITHIN_S = 120
ANSWER_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Demo:
    process: subprocess.Popen[str]
    said: str
    folder: Path

    def line(self, start: str) -> str:
        return next(line for line in self.said.splitlines() if line.startswith(start))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "state"
    environment = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", "demo", "--folder", str(folder), "--port", str(free_port())],
        cwd=ROOT,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = _until_announced(process)
        rest = threading.Thread(target=lambda: process.stdout and process.stdout.read(), daemon=True)
        rest.start()  # the request log goes on; a full pipe would stop it
        yield Demo(process, said, folder)
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0, "Ctrl-C is how a demonstration ends, not a failure"
        rest.join(10)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _until_announced(process: subprocess.Popen[str]) -> str:
    timer = threading.Timer(READY_WITHIN_S, process.kill)
    timer.start()
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("Stop:"):
            break
    timer.cancel()
    assert said, "the demonstration said nothing"
    assert said[-1].startswith("Stop:"), "".join(said)
    return "".join(said)


def _run(command: list[str]) -> str:
    ran = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ANSWER_WITHIN_S,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_printed_curl_line_answers(demo: Demo) -> None:
    """Through the shell, as pasted; without curl on this machine, the same request by other means."""
    line = demo.line("curl ")
    if shutil.which("curl"):
        answer = json.loads(_run(["sh", "-c", line]))
    else:
        answer = _as_curl_would(shlex.split(line))
    assert answer["choices"][0]["message"]["content"]


def _as_curl_would(words: list[str]) -> dict[str, object]:
    import urllib.request

    headers = dict(words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H")
    request = urllib.request.Request(words[2], words[words.index("-d") + 1].encode(), headers)
    with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as response:
        return dict(json.load(response))


def test_the_printed_snippet_answers(demo: Demo) -> None:
    snippet = demo.said[demo.said.index("from openai") : demo.said.index("What it cost")]
    assert _run([sys.executable, "-c", snippet]).strip()


def test_the_printed_report_shows_what_was_asked(demo: Demo) -> None:
    test_the_printed_snippet_answers(demo)
    command = re.search(r"What it cost: +\S+ (.+)", demo.said)
    assert command is not None
    arguments = shlex.split(command[1])
    report = json.loads(_run([sys.executable, "-m", "gateway.cli", *arguments, "--json"]))
    assert "demo" in json.dumps(report)
    text = _run([sys.executable, "-m", "gateway.cli", *arguments])
    assert "demo" in text


def test_the_stand_in_is_called_one(demo: Demo) -> None:
    assert "stand-in" in demo.line("  models")


def test_the_example_client_runs(road: Road) -> None:
    ran = subprocess.run(
        [sys.executable, "examples/openai_client.py", road.base_url],
        cwd=ROOT,
        env={**os.environ, "WEIR_API_KEY": road.key, "WEIR_EMBEDDING_MODEL": road.model},
        capture_output=True,
        text=True,
        timeout=ANSWER_WITHIN_S,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "x-weir-cost-usd:" in ran.stdout
    assert "embedding: 576 numbers" in ran.stdout
