"""How much better the large model is expected to answer a prompt, and which tier a policy chooses for it.

With --config the file decides: its virtual model, rules, policy, artefact and prices, for a first turn while
every engine is idle. Without, a policy sets the bound between two tiers.

A prompt is an argument, or each line of a file (--batch, `-` for stdin): a JSON object with `prompt` or
`messages` and whatever else a request has. For each line one comes out, with `gain`, `tier` and `reason`; a
line that cannot be read, or that nothing in the file can answer, is named on stderr, the others are still
done, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from gateway.commands.common import CommandFailed, fail
from gateway.json_lines import BadLine, line_object
from router.by_gain import reason_of
from router.decision import NoCandidate, RouteRequest
from router.features import CHAT, outline
from router.gain import Gain
from router.model import ArtefactError, load
from router.policy import SHARES

HELP = "which tier a prompt would go to, and why"
Decide = Callable[[RouteRequest], dict[str, Any]]
"""What is printed of a request, but for its id. Raises NoCandidate."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("prompt", nargs="?", metavar="PROMPT", help="what a user asks")
    asked.add_argument("--batch", metavar="FILE", help="one JSON object per line; - for stdin")
    parser.add_argument("--explain", action="store_true", help="the whole decision")
    parser.add_argument("--artefact", type=Path, metavar="FILE", help="instead of the shipped one")
    _add_asker(parser)
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--policy", choices=tuple(SHARES), help="(default: balanced)")
    chosen.add_argument(
        "--large-share", type=_share, metavar="SHARE", help="of the conversations calibrated on, 0 to 1"
    )


def _add_asker(parser: argparse.ArgumentParser) -> None:
    asker = parser.add_argument_group("by a configuration file")
    asker.add_argument("--config", metavar="FILE", help="its route, rules and policy decide")
    asker.add_argument("--model", metavar="NAME", help="what is asked for (default: the one virtual model)")
    asker.add_argument("--tenant", metavar="NAME", help="whose key asks")
    asker.add_argument("--project", metavar="NAME", help="of that key")
    asker.add_argument("--tag", action="append", type=_tag, metavar="NAME=VALUE", help="may be repeated")
    asker.add_argument(
        "--budget-used",
        type=_percentage,
        metavar="N%",
        help="how much of a budget is spent, for rules that ask (default: 0%%)",
    )


def run(arguments: argparse.Namespace) -> int:
    try:
        decide = _by_gain(arguments) if arguments.config is None else _by_config(arguments)
    except (ArtefactError, CommandFailed) as error:
        return fail("route", error)
    explain = arguments.explain
    if arguments.batch is None:
        try:
            answer = _routed({"prompt": arguments.prompt}, decide, explain=explain)
        except BadLine as error:
            return fail("route", error)
        _print(answer, indented=True)
        return 0
    try:
        with _opened(arguments.batch) as lines:
            return _batch(lines, decide, explain=explain)
    except OSError as error:
        return fail("route", f"{arguments.batch}: {error.strerror}")


def _by_gain(arguments: argparse.Namespace) -> Decide:
    """Between two tiers, by an artefact alone. Raises ArtefactError, CommandFailed."""
    if any((arguments.model, arguments.tenant, arguments.project, arguments.tag, arguments.budget_used)):
        raise CommandFailed("who asks, and for which model, matters to a file's rules: name it with --config")
    model = load(arguments.artefact)
    share = arguments.large_share
    if share is None:
        share = SHARES[arguments.policy or "balanced"]
    threshold = model.threshold(share)
    return lambda request: _gain_told(model.gain(request), threshold, explain=request.explain)


def _by_config(arguments: argparse.Namespace) -> Decide:
    """Raises CommandFailed."""
    from gateway.commands.route_by_config import by_config  # the gateway is loaded only where it is needed

    return by_config(arguments)


def _opened(name: str) -> Any:
    return nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb")


def _batch(lines: BinaryIO, decide: Decide, *, explain: bool) -> int:
    failed = 0
    for number, line in _numbered(lines):
        try:
            answer = _routed(line_object(line), decide, explain=explain)
        except BadLine as error:
            failed += 1
            fail("route", f"line {number}: {error}")
        else:
            _print(answer)
    return 1 if failed else 0


def _numbered(lines: BinaryIO) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


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


def _routed(fields: Mapping[str, Any], decide: Decide, *, explain: bool) -> dict[str, Any]:
    """Raises BadLine."""
    try:
        found = decide(request_of(fields, explain=explain))
    except NoCandidate as nothing:
        raise BadLine(nothing.message) from None
    return found if "id" not in fields else {"id": fields["id"], **found}


def _gain_told(found: Gain, threshold: float, *, explain: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "gain": round(found.gain, 6),
        "tier": "large" if found.gain >= threshold else "small",
        "reason": reason_of(found, threshold),
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


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    return name, value


def _percentage(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0.0 <= share < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a share, such as 92% or 0.92")
    return share
