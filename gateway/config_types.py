"""The kinds of values that a configuration file may hold, and how they are written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from router.patterns import Pattern

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_SIZE_BYTES = {
    "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3,
    "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3,
}  # fmt: skip


def parse_duration(value: object) -> object:
    """`250ms`, `2s`, `10m`, `1h`, `7d`, or plain seconds -> seconds."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if not match:
            raise ValueError(f"{value!r} is not a duration; write 250ms, 2s, 10m, 1h or 7d")
        return float(match[1]) * _DURATION_S[match[2]]
    return value


def parse_size(value: object) -> object:
    """`512kB`, `20MB`, `1GiB`, or plain bytes -> bytes."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if not match:
            raise ValueError(f"{value!r} is not a size; write 512kB, 20MB or 1GiB")
        return int(float(match[1]) * _SIZE_BYTES[match[2]])
    return value


def parse_money(value: object) -> object:
    """YAML numbers arrive as floats; their shortest decimal text is what the author wrote."""
    return Decimal(str(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{value!r} is not an http:// or https:// URL")
    if parts.username or parts.password:
        raise ValueError("credentials in a URL end up in logs; use api_key instead")
    return value.rstrip("/")


def checked_pattern(text: str) -> str:
    """As it is, once RE2 has taken it."""
    try:
        Pattern(text)
    except ValueError as error:
        raise ValueError(f"no regular expression for RE2: {error}") from None
    return text


STATE_SCHEMES = ("memory", "redis", "rediss", "redis+sentinel")


def _state_url(value: str) -> str:
    scheme, sign, rest = value.partition("://")
    if scheme not in STATE_SCHEMES or not sign or (scheme == "memory") != (rest == ""):
        raise ValueError(
            f"{value!r} is no address of a state; write memory://, redis://host:6379/0, rediss://host:6379/0 "
            "or redis+sentinel://host:26379/service/0"
        )
    return value


Seconds = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
SecondsOrZero = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]
Usd = Annotated[Decimal, BeforeValidator(parse_money), Field(ge=0)]
Share = Annotated[Decimal, BeforeValidator(parse_money), Field(ge=0, le=1)]
StateUrl = Annotated[str, AfterValidator(_state_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
