"""The shared cache behind a Sentinel that fails over on its own judgement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing

from cache.answers import Purge
from cache.stores.shared import SharedCache
from tests import redis_server
from tests.fakes.shared_caches import Pair, find, finds, kept, until


def purged(it: SharedCache, entry_id: str) -> Callable[[], Awaitable[bool]]:
    """Asked again while a replica lags behind, as whoever purges is told to."""

    async def acknowledged() -> bool:
        return (await it.purge(Purge(entry_id=entry_id))).acknowledged

    return acknowledged


async def test_a_sentinel_names_the_new_master() -> None:
    with redis_server.server() as master, redis_server.server() as replica:
        replica.follow(master)
        with redis_server.sentinel(master) as watching:
            pair = Pair(f"redis+sentinel://127.0.0.1:{watching.port},127.0.0.1:1/weir/0")
            one, other = await pair.more(), await pair.more()
            for words, entry_id in (("a", "hit_1"), ("b", "hit_2")):
                one.keep(kept(words, entry_id))
                await until(finds(other, words, entry_id))
            await until(purged(one, "hit_1"), 20)
            with closing(watching.client()) as client:
                await until(lambda: bool(client.execute_command("SENTINEL", "REPLICAS", "weir")), 20)
            master.kill()
            await until(lambda: all(it.status().away for it in (one, other)), 20)
            assert await find(one, "b") is None
            for it in (one, other):
                await until(finds(it, "b", "hit_2"), 20)
                assert await find(it, "a") is None
            causes = [cause is None for cause in pair.states]
            assert sorted(causes) == [False, False, True, True]
            for it in (one, other):
                await it.aclose()
