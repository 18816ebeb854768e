"""Serves inference on the address of the configuration file until SIGTERM or Ctrl-C, then lets running
requests finish. SIGHUP, or a change of the file, reloads it."""

from __future__ import annotations

import argparse
import os

HELP = "serve inference with a configuration file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.add_argument("--host", help="listen here instead of server.host")
    parser.add_argument("--port", type=port, help="listen here instead of server.port; 0 takes a free port")


def port(text: str) -> int:
    number = int(text) if text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return number


def run(arguments: argparse.Namespace) -> int:
    # Read when numpy is imported. From eight prompts on OpenBLAS would share the gain model's product among
    # all cores, whose waiting threads burn as much time again, and more where the machine is busy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gateway import server  # slow: not before the command line is known to be right

    return server.run(arguments.config, host=arguments.host, port=arguments.port)
