"""A command's question to the running gateway.

The address is the one that the configuration file listens on, unless --url names another; the key is the
file's admin_key, unless WEIR_KEY holds one with a role.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import orjson

from gateway.commands.common import PLACEHOLDER, CommandFailed
from gateway.config import GatewaySettings

TIMEOUT_S = 10.0
KEY_VARIABLE = "WEIR_KEY"


def add_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", metavar="URL", help="the gateway, such as http://127.0.0.1:8080")


def address_of(settings: GatewaySettings) -> str:
    host = settings.server.host
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return (
        f"http://[{host}]:{settings.server.port}" if ":" in host else f"http://{host}:{settings.server.port}"
    )


def key_of(settings: GatewaySettings) -> str:
    """Raises CommandFailed."""
    key = os.environ.get(KEY_VARIABLE)
    if not key and settings.admin_key is not None:
        key = settings.admin_key.get_secret_value()
    if not key or key == PLACEHOLDER:
        raise CommandFailed(f"no key: set the file's admin_key, or put a key with a role into {KEY_VARIABLE}")
    return key


def ask(
    settings: GatewaySettings, url: str | None, path: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """GET, or POST with a body. Raises CommandFailed with what the gateway said."""
    at = (url or address_of(settings)).rstrip("/")
    headers = {"authorization": f"Bearer {key_of(settings)}", "content-type": "application/json"}
    asked = Request(f"{at}{path}", None if body is None else orjson.dumps(body), headers)
    try:
        with urlopen(asked, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
    except HTTPError as error:
        raise CommandFailed(f"{at} answered {error.code}: {_said(error.read())}") from error
    except (URLError, TimeoutError, ValueError) as error:
        raise CommandFailed(f"no gateway answers at {at}: {error}") from error
    return found


def _said(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return repr(body[:200])
