"""API keys. `new-admin` and `hash` need no gateway; the others work on the key store of the ledger that the
configuration names, and a running gateway follows within a second."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from secrets import token_hex

from gateway.clock import SystemClock
from gateway.commands.common import (
    CommandFailed,
    add_config,
    author,
    fail,
    instant,
    load_for_books,
    model_list,
    table,
)
from gateway.instants import show_instant
from gateway.keydirectory import KeyDirectory, expiry_us
from gateway.keystore import KeyStoreError, open_key_store
from gateway.tenants import hash_key, make_key

HELP = "make, list, expire and revoke API keys"
MIN_KEY_LENGTH = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("new-admin", help="print a new admin key, for the environment and ${WEIR_ADMIN_KEY}")
    hashing = actions.add_parser("hash", help="print the hash of a key, for a configuration file")
    hashing.add_argument("--new", action="store_true", help="make the key, and print it too")
    create = actions.add_parser("create", help="make a key in the key store and print it, this once")
    _add_name(create)
    create.add_argument("--project", default="", help="where the key's spend is booked")
    create.add_argument("--role", choices=("tenant", "finance", "admin"), default="tenant")
    create.add_argument("--models", type=model_list, metavar="A,B", help="narrower than the tenant's list")
    create.add_argument("--expires", type=instant, metavar="WHEN", help="such as 2026-12-31 (UTC)")
    listing = actions.add_parser("list", help="list keys, without their secrets")
    listing.add_argument("--tenant")
    listing.add_argument("--json", action="store_true")
    add_config(listing)
    expire = actions.add_parser("expire", help="set when a key stops working")
    _add_name(expire)
    expire.add_argument("when", type=instant, metavar="WHEN", help="such as 2026-12-31 (UTC)")
    _add_name(actions.add_parser("revoke", help="make a key stop working now"))


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT")
    parser.add_argument("name", metavar="NAME")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        _ACTIONS[arguments.action](arguments)
    except (CommandFailed, KeyStoreError) as error:
        return fail(f"keys {arguments.action}", error)
    return 0


def directory(config: str) -> KeyDirectory:
    """Raises CommandFailed."""
    settings = load_for_books(config).settings
    store = open_key_store(settings.ledger)
    return KeyDirectory(store, lambda: settings, SystemClock(), missing_is_empty=True)


def _new_admin(arguments: argparse.Namespace) -> None:
    sys.stdout.write(f"{token_hex(32)}\n")


def _hash(arguments: argparse.Namespace) -> None:
    """A key never stands on the command line, where every user of the machine could read it."""
    if arguments.new:
        plain, key_hash = make_key()
        sys.stdout.write(f"key   {plain}\nhash  {key_hash}\n")
        return
    plain = getpass.getpass("Key: ") if sys.stdin.isatty() else sys.stdin.readline()
    plain = plain.strip()
    if len(plain) < MIN_KEY_LENGTH:
        raise CommandFailed(f"a key needs at least {MIN_KEY_LENGTH} characters; `--new` makes one")
    sys.stdout.write(f"{hash_key(plain)}\n")


def _create(arguments: argparse.Namespace) -> None:
    plain, _ = directory(arguments.config).create_key(
        arguments.tenant,
        arguments.name,
        project=arguments.project,
        role=arguments.role,
        models=arguments.models,
        expires_us=expiry_us(arguments.expires),
        by=author(),
    )
    sys.stderr.write("The key is shown this once:\n")
    sys.stdout.write(f"{plain}\n")


def _list(arguments: argparse.Namespace) -> None:
    views = directory(arguments.config).keys(arguments.tenant)
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(view) for view in views], indent=2) + "\n")
        return
    rows = [
        (
            *(view.tenant, view.name, view.project, view.role, view.source),
            "all of its tenant's" if view.models is None else ",".join(view.models),
            show_instant(view.expires_us) or "",
            show_instant(view.revoked_us) or "",
        )
        for view in views
    ]
    titles = ("TENANT", "KEY", "PROJECT", "ROLE", "SOURCE", "MODELS", "EXPIRES", "REVOKED")
    sys.stdout.write(table(titles, rows))


def _expire(arguments: argparse.Namespace) -> None:
    expires_us = expiry_us(arguments.when)
    directory(arguments.config).expire_key(arguments.tenant, arguments.name, expires_us, by=author())
    sys.stdout.write(f"{arguments.tenant}/{arguments.name} works until {show_instant(expires_us)}\n")


def _revoke(arguments: argparse.Namespace) -> None:
    directory(arguments.config).revoke_key(arguments.tenant, arguments.name, by=author())
    sys.stdout.write(f"{arguments.tenant}/{arguments.name} is revoked\n")


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "new-admin": _new_admin,
    "hash": _hash,
    "create": _create,
    "list": _list,
    "expire": _expire,
    "revoke": _revoke,
}
