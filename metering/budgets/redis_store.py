"""The shared state in Redis or Valkey (6.2 and newer, no modules): one script per exchange.

It needs `EVAL`, and a server that evicts nothing (`maxmemory-policy noeviction`): what is evicted is lost,
and comes back from the desks and the ledger.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from metering.budgets.account import SLICE_SHARE
from metering.budgets.periods import FOREVER_US, US_PER_S, Span
from metering.budgets.redis_scripts import CLOSED, EXCHANGE, SEED, SEED_PLAN
from metering.budgets.store import (
    CORRECTIONS,
    KEPT_S,
    Ask,
    Entry,
    Reply,
    Request,
    SeedPlan,
    SeedWrite,
    StateAway,
)
from metering.redis_address import Client, open_clients

PATIENCE_S = 0.1
"""For one exchange, connecting included."""
CONNECT_S = 1.0
"""For a connection that is made beside the road."""
SETTLE_IN_US = 1_250_000
"""How old a new state must be before the ledger's sums are taken for the whole truth: by then every process
that was away has looked for it and said what it has itself."""
_CHUNK = 500
"""Counters in one call of `seed` and `closed`."""
_TAG = "{weir}"


class RedisStore:
    """Opens nothing yet. Raises ValueError for an address it does not understand."""

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "budgets",
        patience_s: float = PATIENCE_S,
        settle_in_us: int = SETTLE_IN_US,
    ) -> None:
        self._clients = open_clients(url, patience_s)
        self._client: Client = self._clients[0]
        self._patience_s = patience_s
        self._settle_in_us = settle_in_us
        self._prefix = f"{_TAG}:{prefix}"
        self._common = [f"{self._prefix}:{name}" for name in ("procs", "born", "seeded", "cuts")]
        self._by_digest = True
        """Until a server says that it knows no EVALSHA."""

    async def exchange(self, request: Request) -> Reply:
        keys = [self._bucket(ask.counter, start) for ask in request.asks for start in ask.window]
        found = await self._run(EXCHANGE, keys, _payload(request))
        if found[0] == 0:
            return Reply(known=False, replicas=0)
        groups = len(request.groups)
        flat = found[2 : 2 + 2 * groups]
        verdicts = list(zip(flat[::2], flat[1::2], strict=True))
        return Reply(True, found[1] + 1, verdicts, [_entry(text) for text in found[2 + 2 * groups :]])

    async def seed_plan(self, families: Sequence[str]) -> SeedPlan:
        ready, cuts = await self._run(SEED_PLAN, (), str(self._settle_in_us))
        by_family: dict[str, list[tuple[str, int]]] = {}
        for field, since in zip(cuts[::2], cuts[1::2], strict=True):
            family, _, process = field.decode().partition(" ")
            by_family.setdefault(family, []).append((process, int(since)))
        return SeedPlan(ready == 1, {family: tuple(by_family.get(family, ())) for family in families})

    async def seed(self, writes: Sequence[SeedWrite]) -> None:
        for write in writes:
            for keys, chunk, last in self._chunks(write):
                sums = [[[name, *amount] for name, amount in by_name.items()] for by_name in chunk]
                said = {
                    "family": write.family,
                    "start": str(write.bucket.start_us),
                    "expire_s": _expire_s(write.bucket),
                    "corrections": CORRECTIONS,
                    "sums": sums,
                    "last": last,
                }
                await self._run(SEED, keys, json.dumps(said))

    async def closed(self, process: str, writes: Sequence[SeedWrite]) -> None:
        keys, sums = [], []
        for write in writes:
            for counter, by_name in write.amounts.items():
                keys.append(self._bucket(counter, write.bucket.start_us))
                sums.append(list(by_name[process]))
        for start in range(0, max(1, len(keys)), _CHUNK):
            end = start + _CHUNK
            said = {"process": process, "sums": sums[start:end], "last": end >= len(keys)}
            await self._run(CLOSED, keys[start:end], json.dumps(said))

    async def connect(self) -> None:
        """Make the connection anew, with more patience than there is on the road."""
        try:
            async with asyncio.timeout(CONNECT_S):
                with suppress(RedisError, OSError):
                    await self._client.connection_pool.disconnect()
                await self._client.eval("return 1", 0)
        except TimeoutError:
            raise StateAway(f"no answer within {CONNECT_S:g} s") from None
        except (RedisError, OSError) as error:
            raise StateAway(_cause(error)) from error

    async def questions(self) -> list[str]:
        """What is wrong with the server though it answers. Raises StateAway, and says so if scripts are
        forbidden."""
        await self.connect()
        try:
            memory = await self._client.info("memory")
        except (RedisError, OSError):
            return []  # INFO may be forbidden; nothing hangs on it
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy == "noeviction":
            return []
        return [f"maxmemory-policy is {policy}: a full server would evict counters; set it to noeviction"]

    async def aclose(self) -> None:
        for client in self._clients:
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await client.aclose()

    def _bucket(self, counter: str, start_us: int) -> str:
        return f"{self._prefix}:c:{counter}:{start_us}"

    def _chunks(self, write: SeedWrite) -> Iterator[tuple[list[str], list[Any], bool]]:
        counters = list(write.amounts)
        for start in range(0, max(1, len(counters)), _CHUNK):
            chunk = counters[start : start + _CHUNK]
            keys = [self._bucket(counter, write.bucket.start_us) for counter in chunk]
            yield keys, [write.amounts[counter] for counter in chunk], start + _CHUNK >= len(counters)

    async def _run(self, script: str, keys: Sequence[str], said: str) -> Any:
        try:
            async with asyncio.timeout(self._patience_s):
                return await self._evaluate(script, [*self._common, *keys], said)
        except TimeoutError:
            raise StateAway(f"no answer within {self._patience_s:g} s") from None
        except (RedisError, OSError) as error:
            raise StateAway(_cause(error)) from error

    async def _evaluate(self, script: str, keys: Sequence[str], said: str) -> Any:
        if self._by_digest:
            try:
                return await self._client.evalsha(_digest_of(script), len(keys), *keys, said)
            except NoScriptError:
                pass
            except NoPermissionError:
                self._by_digest = False
            except ResponseError as error:
                if not str(error).lower().startswith("unknown command"):
                    raise
                self._by_digest = False
        return await self._client.eval(script, len(keys), *keys, said)


def _payload(request: Request) -> str:
    return json.dumps(
        {
            "process": request.process,
            "number": request.number,
            "previous": request.previous,
            "ttl_ms": int(request.ttl_s * 1000),
            "keep_s": KEPT_S,
            "share": SLICE_SHARE,
            "asks": [_said(ask) for ask in request.asks],
            "groups": request.groups,
        },
        separators=(",", ":"),
    )


def _said(ask: Ask) -> dict[str, Any]:
    return {
        "family": ask.family,
        "expire_s": _expire_s(ask.bucket),
        "window": [str(start) for start in ask.window],
        "limit": -1 if ask.limit is None else ask.limit,
        "base": ask.base,
        "rungs": ask.rungs,
        "cap": ask.slice_cap,
        "seeds": ask.seeds,
        "cut": ask.cut_us,
        "push": ask.push,
    }


def _entry(text: bytes) -> Entry:
    spent, reserved, slice_, seeded, rungs_from, rungs_to, unknown = (int(word) for word in text.split())
    return Entry(spent, reserved, slice_, seeded == 1, rungs_from, rungs_to, unknown)


def _expire_s(bucket: Span) -> int:
    """0 for what has no end: kept as long as anybody speaks of it."""
    return 0 if bucket.end_us == FOREVER_US else bucket.end_us // US_PER_S + KEPT_S


def _digest_of(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


def _cause(error: Exception) -> str:
    """`READONLY You can't write against a read only replica`: Redis's own words, and the kind of error."""
    if isinstance(error, NoPermissionError) or "unknown command" in str(error).lower():
        return f"Redis does not allow what budgets need (EVAL): {error}"
    return f"{type(error).__name__}: {error}"
