"""The labels of a row: whose cost it is, and what the client said of it. Never secrets, never addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

OURS = ("cost_center", "project")
"""Set by the gateway: a client's label of that name is passed over."""
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SECRET = re.compile(
    r"(?i)\b(bearer\s|(weir-)?sk-|ghp_|xox[abp]-|AKIA[0-9A-Z]{12})|^[0-9a-f]{32,}$|^eyJ[\w-]{10,}\."
)


def must_not_leave(text: str) -> bool:
    """Whether it looks like somebody's mail address or a secret: a label is copied into every invoice."""
    return bool(_ADDRESS.search(text) or _SECRET.search(text))


@lru_cache(maxsize=4096)
def tags_of(cost_center: str, project: str, labels: str) -> Mapping[str, str]:
    """`labels` is the row's JSON object."""
    given = {str(name): str(value) for name, value in json.loads(labels or "{}").items()}
    found = {
        name: value
        for name, value in given.items()
        if name not in OURS and not must_not_leave(name) and not must_not_leave(value)
    }
    ours = {"cost_center": cost_center, "project": project}
    return MappingProxyType(dict(sorted({**found, **{k: v for k, v in ours.items() if v}}.items())))


def withheld(labels: str) -> int:
    """How many labels of a row stay behind because of what they look like."""
    given = json.loads(labels or "{}").items()
    return sum(must_not_leave(str(name)) or must_not_leave(str(value)) for name, value in given)
