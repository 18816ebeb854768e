"""`python -m gateway.engine.child`: one llama.cpp server in a process of its own.

Says `{"address": "http://..."}` on standard output once it serves, everything else on standard error. It ends
when its standard input does, so that it cannot outlive the gateway however that ended, and on SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gateway.engine.weights import WeightsError, resolve

EXIT_UNUSABLE = 78
"""sysexits' EX_CONFIG: starting again would fail the same way."""
EXIT_FAILED = 1
HOST = "127.0.0.1"
HTTP_THREADS_BESIDE_SLOTS = 256
"""llama.cpp keeps one thread per open connection, answering or idle; more connections wait."""
BATCH_TOKENS = 512
"""Tokens per decoding step. A prompt is only given up, and other answers only go on, between two steps."""
EMBEDDING_BATCH_TOKENS = 2048
"""An embedding's whole input must fit into one step."""
PROMPT_CACHE_MIB = 256


def main(argv: Sequence[str] | None = None) -> NoReturn:
    options = parse(argv)
    announce = _keep_stdout_clean()
    _end_with_stdin()
    try:
        server = serve(options, resolve(options.weights))
    except WeightsError as error:
        _fail(str(error), EXIT_UNUSABLE)
    announce.write(json.dumps({"address": server.listening_address}) + "\n")
    announce.flush()
    threading.Event().wait()
    raise AssertionError("nothing sets that event")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gateway.engine.child", description=__doc__)
    parser.add_argument("--weights", required=True, help="a GGUF file, or package:MODULE/FILE")
    parser.add_argument("--alias", required=True, help="the model's name in answers")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--context-tokens", type=int, default=8192)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument(
        "--answer-tokens", type=int, default=-1, help="at most, unless a request says; -1 is no end"
    )
    parser.add_argument("--threads", type=int, default=0, help="0 takes all cores")
    parser.add_argument("--gpu-layers", type=int, default=0, help="-1 is all")
    parser.add_argument("--embeddings", action="store_true")
    return parser.parse_args(argv)


def serve(options: argparse.Namespace, weights: Path) -> Any:
    """Loads the weights and returns the listening server, which must be kept. Does not return where the
    engine cannot be started."""
    try:
        import xllamacpp
    except ImportError as error:
        _fail(
            f"the engine needs the package xllamacpp: pip install 'weir-gateway[engine]' ({error})",
            EXIT_UNUSABLE,
        )
    if options.port and not _is_free(options.port):
        _fail(f"port {options.port} is taken", EXIT_FAILED)
    params = xllamacpp.CommonParams()
    _configure(params, options, weights)
    if options.embeddings:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        _fail(f"llama.cpp could not start with {weights}: {error}", EXIT_FAILED)


def _configure(params: Any, options: argparse.Namespace, weights: Path) -> None:
    params.model.path = str(weights)
    params.model_alias = {options.alias}
    params.hostnames = [HOST]
    params.port = options.port
    params.n_gpu_layers = options.gpu_layers
    params.n_ctx = options.context_tokens
    params.n_predict = options.answer_tokens
    params.n_parallel = options.slots
    # One pool of context: a lone request may use all of it instead of its slot's share.
    params.kv_unified = True
    step_tokens = EMBEDDING_BATCH_TOKENS if options.embeddings else BATCH_TOKENS
    params.n_batch = params.n_ubatch = min(step_tokens, options.context_tokens)
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.n_threads_http = options.slots + HTTP_THREADS_BESIDE_SLOTS
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = options.threads or os.cpu_count() or 1
        cpu.poll = 0  # waiting threads sleep: the cores are the gateway's too
    params.endpoint_metrics = params.endpoint_slots = params.endpoint_props = True
    params.ui = False
    params.cors_origins = ""
    params.verbosity = 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _keep_stdout_clean() -> Any:
    """The real standard output, for the one announcement; what the library prints goes to standard error."""
    announce = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    return announce


def _end_with_stdin() -> None:
    def wait_for_the_end() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)  # nothing is worth saving, and the library's destructors would wait for its requests

    threading.Thread(target=wait_for_the_end, daemon=True, name="parent-watch").start()


def _fail(message: str, code: int) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
