"""Where budgets and limits stand, asked of the running gateway: the numbers that it refuses by.

The address is the one that the configuration file listens on, unless --url names another; the key is the
file's admin_key, unless WEIR_KEY holds one with a role.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import orjson

from gateway.commands.common import PLACEHOLDER, CommandFailed, add_config, fail, load_for_books, table
from gateway.config import GatewaySettings

HELP = "where budgets and limits stand in the running gateway"
TIMEOUT_S = 10.0
KEY_VARIABLE = "WEIR_KEY"
_TITLES = ("budget", "terms", "spent", "reserved", "remaining", "resets", "state", "action")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument("--url", metavar="URL", help="the gateway, such as http://127.0.0.1:8080")
    parser.add_argument("--tenant", metavar="NAME", help="only this tenant's")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load_for_books(arguments.config).settings
        found = _ask(arguments.url or _address(settings), _key(settings), arguments.tenant)
    except CommandFailed as error:
        return fail("budgets", error)
    sys.stdout.write(_as_json(found) if arguments.json else as_text(found["data"]))
    return 0


def as_text(standings: Sequence[Mapping[str, Any]]) -> str:
    if not standings:
        return "There is no budget or limit here, or nobody has used it yet.\n"
    return table(_TITLES, [_row(standing) for standing in standings])


def _row(standing: Mapping[str, Any]) -> list[str]:
    amounts = [str(standing[name] or "") for name in ("spent", "reserved", "remaining")]
    unknown = standing["unknown_events"]
    state = standing["state"] + (f", {unknown} of unknown cost" if unknown else "")
    return [
        standing["counter"],
        standing["terms"],
        *amounts,
        standing["resets_at"] or "",
        state,
        standing["action"] or "",
    ]


def _as_json(found: Mapping[str, Any]) -> str:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"


def _address(settings: GatewaySettings) -> str:
    host = settings.server.host
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return (
        f"http://[{host}]:{settings.server.port}" if ":" in host else f"http://{host}:{settings.server.port}"
    )


def _key(settings: GatewaySettings) -> str:
    """Raises CommandFailed."""
    key = os.environ.get(KEY_VARIABLE)
    if not key and settings.admin_key is not None:
        key = settings.admin_key.get_secret_value()
    if not key or key == PLACEHOLDER:
        raise CommandFailed(f"no key: set the file's admin_key, or put a key with a role into {KEY_VARIABLE}")
    return key


def _ask(url: str, key: str, tenant: str | None) -> dict[str, Any]:
    """Raises CommandFailed."""
    query = f"?{urlencode({'tenant': tenant})}" if tenant else ""
    asked = Request(f"{url.rstrip('/')}/admin/budgets{query}", headers={"authorization": f"Bearer {key}"})
    try:
        with urlopen(asked, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
    except HTTPError as error:
        raise CommandFailed(f"{url} answered {error.code}: {_said(error.read())}") from error
    except (URLError, TimeoutError, ValueError) as error:
        raise CommandFailed(f"no gateway answers at {url}: {error}") from error
    return found


def _said(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return repr(body[:200])
