"""The audits that several gateways share, in one Redis or Valkey (6.2 and newer, no modules).

Each process writes absolute figures of its own, and only larger ones: what arrives twice, late or out of
order changes nothing. See audit_script.py for what lies where.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any

from redis.exceptions import RedisError

from cache.bound.audit import BoundKey
from cache.bound.book import AuditsAway
from cache.bound.state import GONE, RESET, PartitionState, Tally, summed
from cache.stores.audit_script import EXCHANGE
from cache.stores.lane import Broken, Lane, Late, Refused, Word
from cache.stores.shared import PREFIX
from metering.redis_address import open_clients

logger = logging.getLogger(__name__)

WITHIN_S = 0.5
"""For one call, and for a connection."""
KEYS_PER_CALL = 10
"""So that neither the server nor this process's loop is held up for long."""
MAX_STRANGE = 1_000
_MAX_DIGITS = 15
_NAMED, _SHOWN = 3, 80
"""Fields in a log line, and characters of each."""


class RedisAuditStore:
    """An AuditStore. Opens nothing yet. Raises ValueError for an address that makes no sense."""

    def __init__(self, url: str, *, prefix: str = PREFIX, within_s: float = WITHIN_S) -> None:
        self._clients = open_clients(url, within_s, "cache")
        self._prefix, self._within_s = prefix, within_s
        self._lane: Lane | None = None
        self._spoke = False
        self._forgot = False
        self._strange: set[BoundKey] = set()

    async def exchange(
        self, process: str, own: Mapping[BoundKey, PartitionState]
    ) -> Mapping[BoundKey, PartitionState]:
        """Tells also with nothing to tell that the process is there. Of many keys, as many calls as it takes,
        one after the other: whoever else uses the server gets a turn. Raises AuditsAway; ValueError for a
        process by the name of those that are no more."""
        if process == GONE:
            raise ValueError(f"{GONE!r} is the name of processes that are no more")
        heard: dict[BoundKey, PartitionState] = {}
        waiting = iter(own.items())
        chunk = dict(islice(waiting, KEYS_PER_CALL))
        try:
            while True:
                heard |= self._read(process, list(chunk), await self._call(process, chunk))
                chunk = dict(islice(waiting, KEYS_PER_CALL))
                if not chunk:
                    return heard
        except (Broken, Late, Refused) as error:
            await self._drop_lane()  # sentinels may name another master; what is late is not waited for
            raise AuditsAway(str(error)) from error

    def forgot(self) -> bool:
        """Whether, since this was last asked, the store turned out not to know this process any more: it was
        emptied, or took it for gone. Then it is to be told everything again."""
        forgot, self._forgot = self._forgot, False
        return forgot

    async def aclose(self) -> None:
        await self._drop_lane()
        for client in self._clients:
            with suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(self._within_s):
                    await client.aclose()

    async def _call(self, process: str, own: Mapping[BoundKey, PartitionState]) -> Sequence[Any]:
        """Raises Broken, Late, Refused."""
        if self._lane is None:
            self._lane = await Lane.open(self._clients[0], self._within_s)
        words: list[Word] = [process]
        for key, state in own.items():
            words += key, _packed(state.own(process))
        found: Sequence[Any] = await self._lane.run(
            EXCHANGE, 1, self._prefix, *words, within_s=self._within_s
        )
        return found

    def _read(
        self, process: str, keys: Sequence[BoundKey], found: Sequence[Any]
    ) -> dict[BoundKey, PartitionState]:
        self._forgot |= self._spoke and not found[0]
        self._spoke = True
        heard, strange = {}, {}
        for key, mark, flat in zip(keys, found[1::2], found[2::2], strict=True):
            heard[key], odd = read_hash([] if flat == 0 else flat)
            heard[key] = _with_return(heard[key], process, _unpacked(mark))
            if odd or flat == 0:
                strange[key] = odd or ["no hash"]
        self._tell(strange, keys)
        return heard

    def _tell(self, strange: Mapping[BoundKey, Sequence[str]], keys: Collection[BoundKey]) -> None:
        """One line when something is found that no gateway writes, and one when all of it is gone."""
        new = [key for key in strange if key not in self._strange]
        known = bool(self._strange)
        self._strange.difference_update(key for key in keys if key not in strange)
        self._strange.update(islice(new, MAX_STRANGE - len(self._strange)))
        if new and not known:
            fields = ", ".join(repr(name[:_SHOWN]) for name in strange[new[0]][:_NAMED])
            logger.warning(
                "cache audits: passed over what makes no sense: %s in %r, %d keys in all",
                fields,
                new[0],
                len(new),
            )
        elif known and not self._strange:
            logger.info("cache audits: all that is stored makes sense again")

    async def _drop_lane(self) -> None:
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.aclose()


def read_hash(flat: Sequence[bytes]) -> tuple[PartitionState, list[str]]:
    """What a hash says, and the fields that say nothing. Of a tally that makes no sense nothing is known."""
    counts: dict[str, list[int]] = {}
    odd: list[str] = []
    broken: set[str] = set()
    for field, said in zip(flat[::2], flat[1::2], strict=True):
        process, place = _place(field)
        value = _number(said)
        if place < 0 or value is None:
            odd.append(field.decode(errors="backslashreplace"))
            broken.update([process] if place >= 0 else [])
            continue
        tally = counts.get(process)
        if tally is None:
            tally = counts[process] = list(Tally())
        tally[place] = value
    tallies: list[tuple[str, Tally]] = []
    for process, each in counts.items():
        if process in broken:
            continue
        if makes_sense(told := Tally._make(each)):
            tallies.append((process, told))
        else:
            odd.append(f"{process}/*")
    return PartitionState(tuple(sorted(tallies))), odd


@lru_cache(maxsize=4_096)
def _place(field: bytes) -> tuple[str, int]:
    """The process, and which of a tally's counts; -1 for what is none."""
    process, _, count = field.decode(errors="backslashreplace").rpartition("/")
    return process, Tally._fields.index(count) if process and count in Tally._fields else -1


def makes_sense(tally: Tally) -> bool:
    """Whether audits can come to this."""
    counts = (tally.audited, tally.different, tally.unknown, tally.grey_audited, tally.grey_same)
    return (
        tally.epoch >= 1
        and min(counts) >= 0
        and tally.wrong <= tally.audited
        and tally.grey_same <= tally.grey_audited
        and tally.low <= 0
        and tally.armed in (0, 1)
        and 0 <= tally.cause <= RESET
    )


def _number(said: bytes) -> int | None:
    if len(said) > _MAX_DIGITS or not said.removeprefix(b"-").isdigit():
        return None
    return int(said)


def _with_return(state: PartitionState, process: str, was: Tally | None) -> PartitionState:
    """Of a process that was taken for gone: what `gone` has of it counts as its own again."""
    if was is None:
        return state
    tallies = dict(state.tallies)
    own, gone = tallies.get(process), tallies.get(GONE)
    tallies[process] = was if own is None else summed([was, own])
    if gone is not None and gone.epoch == was.epoch:
        tallies[GONE] = gone._replace(
            audited=max(0, gone.audited - was.audited),
            different=max(0, gone.different - was.different),
            unknown=max(0, gone.unknown - was.unknown),
            grey_audited=max(0, gone.grey_audited - was.grey_audited),
            grey_same=max(0, gone.grey_same - was.grey_same),
        )
    return PartitionState(tuple(sorted(tallies.items())))


def _packed(tally: Tally | None) -> str:
    return "" if tally is None else " ".join(map(str, tally))


def _unpacked(packed: bytes) -> Tally | None:
    numbers = [_number(word) for word in packed.split()]
    known = [number for number in numbers if number is not None]
    return Tally(*known) if len(known) == len(Tally._fields) == len(numbers) else None
