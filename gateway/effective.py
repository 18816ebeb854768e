"""Settings as they are in force, defaults included and secrets masked."""

from __future__ import annotations

from typing import Any

from gateway.config import GatewaySettings
from metering.ledger_url import without_password

_HASH_SHOWN = len("sha256:") + 8


def effective(settings: GatewaySettings) -> dict[str, Any]:
    """JSON-ready. Of secrets nothing is shown but that they are there; of key hashes enough to tell them
    apart."""
    masked = settings.model_dump(mode="json", by_alias=True)
    masked["ledger"] = without_password(settings.ledger)
    masked["state"] = state_shown(settings.state)
    for tenant in masked["tenants"].values():
        for key in tenant["keys"]:
            key["hash"] = key["hash"][:_HASH_SHOWN] + "..."
    return masked


def state_shown(url: str) -> str:
    """The address of the shared state without user and password."""
    scheme, sign, rest = url.partition("://")
    return f"{scheme}{sign}{rest.rpartition('@')[2]}"
