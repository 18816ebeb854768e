"""`weir demo`: a gateway with a real engine on this machine, from nothing.

Two tiers stand behind the model `auto`: a small llama.cpp engine that the gateway starts itself, and OpenAI's
model if OPENAI_API_KEY is set. Without one, a second local engine stands in for it, and is called that.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
from pathlib import Path

from gateway.commands.common import fail
from gateway.commands.demo_files import LARGE_MODEL, SMALL_MODEL, STAND_IN_MODEL, DemoFiles, prepare
from gateway.commands.serve import port

HELP = "start a gateway with a local engine, keys and a configuration of its own"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path(".weir"), help="keys, configuration and ledger")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=port, default=8080)


def run(arguments: argparse.Namespace) -> int:
    from gateway import server  # slow: not before the command line is known to be right

    openai = bool(os.environ.get("OPENAI_API_KEY"))
    try:
        files = prepare(arguments.folder, host=arguments.host, port=arguments.port, openai=openai)
    except OSError as error:
        return fail("demo", f"{arguments.folder}: {error.strerror or error}")
    sys.stdout.write("Starting the local engine; the first answer waits for it.\n")
    sys.stdout.flush()  # before the request log, which does not go through this buffer
    return server.run(files.config, on_ready=lambda: _announce(files, arguments, openai))


def _announce(files: DemoFiles, arguments: argparse.Namespace, openai: bool) -> None:
    base_url = f"http://{arguments.host}:{arguments.port}/v1"
    sys.stdout.write(announcement(files, base_url, _command(), openai=openai))
    sys.stdout.flush()


def announcement(files: DemoFiles, base_url: str, command: str, *, openai: bool) -> str:
    """What to try, ready to paste."""
    large = LARGE_MODEL if openai else f"{STAND_IN_MODEL} (a stand-in; set OPENAI_API_KEY for the real one)"
    return _ANNOUNCEMENT.format(
        base_url=base_url,
        key=files.tenant_key,
        small=SMALL_MODEL,
        large=large,
        python=_python(),
        command=command,
        config=shlex.quote(_shown(files.config)),
        admin_key_file=_shown(files.admin_key_file),
    )


def _command() -> str:
    """How this process was called, for the commands to paste."""
    name = Path(sys.argv[0])
    return shlex.quote(_shown(name)) if name.name == "weir" and name.exists() else "weir"


def _python() -> str:
    if importlib.util.find_spec("openai") is None:
        return "Python, after `pip install openai`"
    return f"Python ({shlex.quote(_shown(Path(sys.executable)))} has the openai package)"


def _shown(path: Path) -> str:
    """Relative where that is shorter."""
    relative = os.path.relpath(path.absolute())
    return relative if not relative.startswith("..") else str(path.absolute())


_ANNOUNCEMENT = """
Weir is ready.

  base URL    {base_url}
  tenant key  {key}
  models      auto, {small}, {large}

Shell:

curl -s {base_url}/chat/completions -H 'authorization: Bearer {key}' -H 'content-type: application/json' \
-d '{{"model": "auto", "messages": [{{"role": "user", "content": "Say hello."}}]}}'

{python}:

from openai import OpenAI
client = OpenAI(base_url="{base_url}", api_key="{key}")
answer = client.chat.completions.create(model="auto", messages=[{{"role": "user", "content": "Say hello."}}])
print(answer.choices[0].message.content)

What it cost:  {command} report --config {config}
Admin key:     in {admin_key_file}, for /admin and /docs
Stop:          Ctrl-C
"""
