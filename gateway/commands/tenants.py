"""Tenants of the key store, beside those of the configuration file. A running gateway follows within a
second."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

from gateway.commands.common import CommandFailed, add_config, author, fail, instant, model_list, table
from gateway.commands.keys import directory
from gateway.instants import show_instant
from gateway.keydirectory import expiry_us
from gateway.keystore import KeyStoreError

HELP = "make, list, expire and revoke tenants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a tenant in the key store")
    _add_name(create)
    create.add_argument("--cost-center", default="", help="carried to every row of the ledger")
    create.add_argument("--models", type=model_list, metavar="A,B", help="what it may use; all if left out")
    create.add_argument("--expires", type=instant, metavar="WHEN", help="such as 2026-12-31 (UTC)")
    listing = actions.add_parser("list", help="list tenants of the file and of the key store")
    listing.add_argument("--json", action="store_true")
    add_config(listing)
    expire = actions.add_parser("expire", help="set when a tenant's keys stop working")
    _add_name(expire)
    expire.add_argument("when", type=instant, metavar="WHEN", help="such as 2026-12-31 (UTC)")
    _add_name(actions.add_parser("revoke", help="make all keys of a tenant stop working now"))


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    try:
        _ACTIONS[arguments.action](arguments)
    except (CommandFailed, KeyStoreError) as error:
        return fail(f"tenants {arguments.action}", error)
    return 0


def _create(arguments: argparse.Namespace) -> None:
    view = directory(arguments.config).create_tenant(
        arguments.name,
        cost_center=arguments.cost_center,
        models=arguments.models,
        expires_us=expiry_us(arguments.expires),
        by=author(),
    )
    sys.stdout.write(f"tenant {view.name} is made; `weir keys create {view.name} NAME` gives it a key\n")


def _list(arguments: argparse.Namespace) -> None:
    views = directory(arguments.config).tenants()
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(view) for view in views], indent=2) + "\n")
        return
    rows = [
        (
            *(view.name, view.cost_center, view.source),
            "all" if view.models is None else ",".join(view.models),
            show_instant(view.expires_us) or "",
            show_instant(view.revoked_us) or "",
        )
        for view in views
    ]
    sys.stdout.write(table(("TENANT", "COST CENTER", "SOURCE", "MODELS", "EXPIRES", "REVOKED"), rows))


def _expire(arguments: argparse.Namespace) -> None:
    expires_us = expiry_us(arguments.when)
    directory(arguments.config).expire_tenant(arguments.name, expires_us, by=author())
    sys.stdout.write(f"{arguments.name} works until {show_instant(expires_us)}\n")


def _revoke(arguments: argparse.Namespace) -> None:
    directory(arguments.config).revoke_tenant(arguments.name, by=author())
    sys.stdout.write(f"{arguments.name} and all its keys are revoked\n")


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "create": _create,
    "list": _list,
    "expire": _expire,
    "revoke": _revoke,
}
