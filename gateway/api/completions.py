"""POST /v1/completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.read import Resource, optional, required
from gateway.call import Api


def check(fields: Mapping[str, Any]) -> None:
    required(fields, "prompt", (str, list))
    for name in ("max_tokens", "n", "best_of"):
        optional(fields, name, int)


COMPLETIONS = Resource(Api.COMPLETIONS, "/completions", check)
