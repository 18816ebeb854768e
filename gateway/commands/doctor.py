"""Looks whether everything that a gateway needs is there and works: backends, state, ledger, key store,
clock, disk, port. Changes nothing. Exits with 1 if a check fails."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

from gateway.clock import SystemClock
from gateway.config_file import load
from gateway.doctor import Check, examine
from gateway.keydirectory import tenants_in_store
from gateway.problems import ConfigError

HELP = "look whether everything that a gateway needs is there and works"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load(arguments.config, os.environ, tenants_in_store=tenants_in_store).settings
    except ConfigError as error:
        count = len(error.problems)
        checks = [
            Check("configuration", False, f"{count} mistakes; `weir check` names them: {error.problems[0]}")
        ]
    else:
        checks = [Check("configuration", True, arguments.config), *examine(settings, SystemClock())]
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(check) for check in checks], indent=2) + "\n")
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            sys.stdout.write(f"{'OK  ' if check.ok else 'FAIL'}  {check.name:<{width}}  {check.detail}\n")
    return 0 if all(check.ok for check in checks) else 1
