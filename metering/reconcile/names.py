"""One name per model, whichever of its names a vendor or a configuration writes."""

from __future__ import annotations

import re
from collections.abc import Mapping

ALL_MODELS = "(all models)"
"""What lines that name no model are about."""
NO_MODEL = "(no model)"
"""Taxes, credits and other charges that belong to none."""

_SNAPSHOT = re.compile(r"(?:[-@ ](?:20\d\d-\d\d-\d\d|20\d\d[01]\d[0-3]\d))?(?:-latest)?(?:-v\d+(?::\d+)?)?$")
_HOST = re.compile(
    r"^(?:models/|openai/|anthropic/|google/|(?:(?:us|eu|apac|global)\.)?(?:anthropic|amazon|meta)\.)"
)


def canonical(name: str) -> str:
    """`gpt-5-mini-2025-08-07`, `GPT 5 mini` and `openai/gpt-5-mini` -> `gpt-5-mini`.

    A snapshot and its alias are one model: a vendor bills the snapshot that the alias meant that day.
    """
    plain = re.sub(r"\s+", "-", name.strip().lower())
    plain = _HOST.sub("", plain)
    return _SNAPSHOT.sub("", plain) or plain


class ModelNames:
    """Names as written -> names as compared. `overrides` (vendor's name: ours) comes first."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        given = overrides or {}
        self._overrides = {name.strip().lower(): canonical(ours) for name, ours in given.items()}

    def of(self, name: str) -> str:
        return self._overrides.get(name.strip().lower()) or self._by_canonical(canonical(name))

    def _by_canonical(self, name: str) -> str:
        return self._overrides.get(name, name)
