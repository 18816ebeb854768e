"""POST /v1/completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.read import Resource, check_types, required
from gateway.call import Api


def check(fields: Mapping[str, Any]) -> None:
    required(fields, "prompt", (str, list))
    check_types(fields, (("max_tokens", int), ("n", int), ("best_of", int)))


COMPLETIONS = Resource(Api.COMPLETIONS, "/completions", Api.COMPLETIONS.value, check)
