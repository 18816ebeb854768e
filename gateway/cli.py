"""The `weir` command: one table of commands, each in a module of its own, imported when it is called.

A command module has HELP, `add_arguments(parser)` and `run(arguments) -> exit code`. Exit codes: 0 for
success, 1 for a failure or a mistake that was found, 2 for a wrong command line.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from gateway.version import __version__

# The summaries stand here too, so that `weir --help` imports no command.
COMMANDS: dict[str, str] = {
    "serve": "serve inference with a configuration file",
    "demo": "start a gateway with a local engine, keys and a configuration of its own",
    "check": "say what a configuration file means, or every mistake in it",
    "doctor": "look whether everything that a gateway needs is there and works",
    "keys": "make, list, expire and revoke API keys",
    "tenants": "make, list, expire and revoke tenants",
    "budgets": "where budgets and limits stand in the running gateway",
    "route": "which tier a prompt would go to, and why",
    "cache": "the answer cache: status, purge, seed; replay of recorded requests",
    "calibrate": "fit the router to your own pair of models",
    "report": "what was used and what it cost",
    "simulate": "recorded traffic under another policy: cost, tiers, quality, budgets",
    "quality": "whether cheap answers were good enough, and what was saved",
    "reprice": "price an open period again, and correct what changes",
    "audit": "who changed what, and whether the log of it is whole",
    "journal": "what lies in the journal between the gateway and its ledger",
    "gpu": "whose the GPU time of closed windows was",
    "books": "close months, and write credits and statements",
    "reconcile": "hold a vendor's invoice against the ledger, and book what differs",
    "export": "the ledger's costs as FOCUS data, and checks of such a file",
}


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = _overview().parse_args(arguments[:1])
    command = _load(options.command)
    parser = argparse.ArgumentParser(
        prog=f"weir {options.command}",
        description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    try:
        code: int = command.run(parser.parse_args(arguments[1:]))
        sys.stdout.flush()
    except BrokenPipeError:
        # `weir report | head`: nobody reads any more. Point stdout elsewhere, or its flush at exit fails.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _overview() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:<10}{summary}" for name, summary in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="weir",
        description="An inference gateway that routes by cost and meters every token per tenant.",
        epilog=f"commands:\n{commands}\n\n`weir COMMAND --help` tells more of each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"weir {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=tuple(COMMANDS))
    return parser


def _load(name: str) -> ModuleType:
    return importlib.import_module(f"gateway.commands.{name}")


if __name__ == "__main__":
    sys.exit(main())
