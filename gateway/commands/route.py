"""How much better the large model is expected to answer a prompt, and which tier a policy chooses for it.

A prompt is an argument, or each line of a file (--batch, `-` for stdin): a JSON object with `prompt` or
`messages` and whatever else a request has. For each line one comes out, with `gain`, `tier` and `reason`; a
line that cannot be read is named on stderr, the others are still done, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from gateway.commands.common import fail
from router.decision import RouteRequest
from router.features import CHAT, outline
from router.gain import Gain, GainModel
from router.model import ArtefactError, load
from router.policy import SHARES

HELP = "which tier a prompt would go to, and why"


class BadLine(Exception):
    """Not a prompt; the message says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("prompt", nargs="?", metavar="PROMPT", help="what a user asks")
    asked.add_argument("--batch", metavar="FILE", help="one JSON object per line; - for stdin")
    parser.add_argument("--explain", action="store_true", help="with everything the gain was made from")
    parser.add_argument("--artefact", type=Path, metavar="FILE", help="instead of the shipped one")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--policy", choices=tuple(SHARES), default="balanced", help="(default: balanced)")
    chosen.add_argument(
        "--large-share", type=_share, metavar="SHARE", help="of the conversations calibrated on, 0 to 1"
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        model = load(arguments.artefact)
    except ArtefactError as error:
        return fail("route", error)
    share = SHARES[arguments.policy] if arguments.large_share is None else arguments.large_share
    threshold = model.threshold(share)
    if arguments.batch is None:
        answer = _routed({"prompt": arguments.prompt}, model, threshold, explain=arguments.explain)
        _print(answer, indented=True)
        return 0
    try:
        with _opened(arguments.batch) as lines:
            return _batch(lines, model, threshold, explain=arguments.explain)
    except OSError as error:
        return fail("route", f"{arguments.batch}: {error.strerror}")


def _opened(name: str) -> Any:
    return nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb")


def _batch(lines: BinaryIO, model: GainModel, threshold: float, *, explain: bool) -> int:
    failed = 0
    for number, line in _numbered(lines):
        try:
            answer = _routed(_parsed(line), model, threshold, explain=explain)
        except BadLine as error:
            failed += 1
            fail("route", f"line {number}: {error}")
        else:
            _print(answer)
    return 1 if failed else 0


def _numbered(lines: BinaryIO) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadLine("not an object with `prompt` or `messages`")
    return fields


def request_of(fields: Mapping[str, Any], *, explain: bool) -> RouteRequest:
    """Raises BadLine."""
    messages = fields.get("messages")
    if messages is None:
        prompt = fields.get("prompt")
        if not isinstance(prompt, str):
            raise BadLine("neither `messages` nor a `prompt` that is text")
        messages = [{"role": "user", "content": prompt}]
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise BadLine("`messages` is not a list of objects")
    whole = {**{name: value for name, value in fields.items() if name != "prompt"}, "messages": messages}
    seen = outline(whole, CHAT)
    return RouteRequest(CHAT, whole, seen.prompt_tokens, seen.needs, "", "", {}, explain)


def _routed(
    fields: Mapping[str, Any], model: GainModel, threshold: float, *, explain: bool
) -> dict[str, Any]:
    found = model.gain(request_of(fields, explain=explain))
    answer: dict[str, Any] = {} if "id" not in fields else {"id": fields["id"]}
    large = found.gain >= threshold
    answer |= {
        "gain": round(found.gain, 6),
        "tier": "large" if large else "small",
        "reason": reason(found, threshold),
    }
    if explain:
        answer |= {
            "threshold": round(threshold, 6),
            "known": found.known,
            "novelty": round(found.novelty, 3),
            "family": found.family,
            "details": found.details,
        }
    return answer


def reason(found: Gain, threshold: float) -> str:
    sign = ">=" if found.gain >= threshold else "<"
    return f"{'gain' if found.known else 'prior'}:{found.gain:.3f}{sign}{threshold:.3f}"


def _print(answer: Mapping[str, Any], *, indented: bool = False) -> None:
    option = orjson.OPT_INDENT_2 if indented else 0
    sys.stdout.write(orjson.dumps(answer, option=option).decode() + "\n")


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1")
    return share
