"""What `weir doctor` asks of the state that budgets and limits share. Nothing is written."""

from __future__ import annotations

import asyncio

from gateway.effective import state_shown
from metering.budgets.redis_store import RedisStore
from metering.budgets.store import StateAway


def examine_state(url: str) -> tuple[bool, str]:
    """Whether a gateway can work with it, and why."""
    if url.startswith("memory:"):
        return True, f"{url} needs nothing"
    shown = state_shown(url)
    try:
        doubts = asyncio.run(_doubts(url))
    except (StateAway, ValueError) as error:
        return False, f"{shown}: {error}"
    return not doubts, "; ".join([shown, *doubts])


async def _doubts(url: str) -> list[str]:
    """Raises StateAway, and ValueError for an address that is none."""
    store = RedisStore(url)
    try:
        return await store.questions()
    finally:
        await store.aclose()
