"""Comparing kept answers with fresh ones, after their clients have them: what the promise on wrong hits rests
on.

    compare   a fresh answer is at hand, since the kept one was not served
    again     a served hit is answered afresh, as the tenant `weir-quality`

Whatever fails here fails here: the client has its answer. An audit that came to nothing counts as unknown
once a whole fresh answer was there, and not at all before.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from cache.base import Entry, EntryKey
from cache.bound.audit import Audit, BoundKey, Kind, Outcome, Promise
from cache.bound.book import MAX_PARTITIONS, AuditBook
from cache.bound.compare import Finding, compare, outcome_of
from cache.question import Question
from gateway.caching.lookup import Found, bound_key_of
from gateway.caching.place import Doubt, Place
from gateway.caching.plans import SemanticPlan
from gateway.errors import GatewayError
from gateway.exchange import Exchange
from gateway.quality.house import ask_again, ask_judge
from metering.house import CACHE_AUDIT, CACHE_JUDGE
from router.compare import Verdict, conversation_text, judge_messages, of_both_orders, said_by_judge, told
from router.decision import Choice

logger = logging.getLogger(__name__)

MAX_WAITING = 1_000
CONCURRENCY = 4
MAX_WRONG = 10_000
"""Pairs that were found different, and are not tried again."""


class Job(NamedTuple):
    exchange: Exchange
    place: Place
    semantic: SemanticPlan
    key: BoundKey
    kind: Kind
    kept: Entry
    fresh: Mapping[str, Any] | None
    """None: to be asked for."""
    choices: Sequence[Choice]


class Audits:
    """For the event loop's thread."""

    def __init__(self, process: str) -> None:
        """`process` is unique to this start of this process."""
        self.book = AuditBook(process)
        self._queue: deque[Job] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._wrong: OrderedDict[tuple[EntryKey, str], None] = OrderedDict()
        self._known: OrderedDict[BoundKey, tuple[str, str, Promise]] = OrderedDict()
        """Route, tenant (unless audits of several are counted together) and promise of those in use."""
        self._stopped = False

    def is_wrong(self, keys: Sequence[EntryKey], entry_id: str) -> bool:
        """An audit has found that this entry does not answer this question."""
        return any((key, entry_id) in self._wrong for key in keys)

    def armed(self, exchange: Exchange, key: BoundKey, semantic: SemanticPlan) -> bool:
        """Whether hits by meaning may be served here."""
        if key not in self._known:
            tenant = "" if semantic.level == "route" else exchange.caller.tenant
            self._known[key] = (exchange.call.model, tenant, semantic.promise)
            if len(self._known) > MAX_PARTITIONS:
                self._known.popitem(last=False)
        return self.book.armed(key, semantic.promise)

    def bounds(self) -> list[dict[str, Any]]:
        """JSON-ready, the latest met first."""
        return [
            {"route": route, "tenant": tenant or None, "promise": promise.rate, "key": key}
            | self.book.status(key, promise)._asdict()
            for key, (route, tenant, promise) in reversed(self._known.items())
        ]

    def compare(self, exchange: Exchange, place: Place, doubt: Doubt, fresh: Mapping[str, Any]) -> None:
        """The client has the fresh answer; the kept one would have been served, or nearly."""
        self._offer(exchange, place, doubt.kind, doubt.entry, fresh, ())

    def again(
        self, exchange: Exchange, place: Place, found: Found, choices: Callable[[], Sequence[Choice]]
    ) -> None:
        """The client has the kept answer. `choices`: who would have answered."""
        if who := choices():
            self._offer(exchange, place, Kind.SERVED, found.entry, None, who)
        else:
            exchange.services.metrics.cache_audited(Kind.SERVED, "failed")

    async def stop(self) -> None:
        """What waits is dropped, and what is under way is broken off; its attempts have their rows."""
        self._stopped = True
        self._queue.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _offer(
        self,
        exchange: Exchange,
        place: Place,
        kind: Kind,
        kept: Entry,
        fresh: Mapping[str, Any] | None,
        choices: Sequence[Choice],
    ) -> None:
        semantic = place.plan.semantic
        if semantic is None or self._stopped:
            return
        job = Job(
            exchange, place, semantic, bound_key_of(exchange, place, semantic), kind, kept, fresh, choices
        )
        if fresh is not None and (done := self._settled(job, told(fresh))) is not None:
            return self._observe(job, done)
        if len(self._queue) >= MAX_WAITING:
            return exchange.services.metrics.cache_audited(kind, "dropped")
        self._queue.append(job)
        self._fill()

    def _fill(self) -> None:
        while self._queue and len(self._running) < CONCURRENCY and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._take(self._queue.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._fill()

    async def _take(self, job: Job) -> None:
        try:
            fresh = told(job.fresh if job.fresh is not None else await self._ask(job))
        except GatewayError:
            return job.exchange.services.metrics.cache_audited(job.kind, "failed")
        outcome = self._settled(job, fresh)
        self._observe(job, await self._judged(job, fresh) if outcome is None else outcome)

    async def _ask(self, job: Job) -> Mapping[str, Any]:
        """Raises GatewayError."""
        exchange = job.exchange
        answer = await ask_again(
            exchange.services,
            exchange.snapshot,
            exchange.call.fields,
            job.choices,
            exchange.call.model,
            CACHE_AUDIT,
        )
        return answer.payload

    def _settled(self, job: Job, fresh: str) -> Outcome | None:
        """What the texts say by themselves; None where a judge is to be asked."""
        comparison = compare(_told_of(job.kept), fresh, _likeness(job, fresh), job.semantic.bands)
        if comparison.finding is Finding.UNSETTLED and job.semantic.judge is not None:
            return None
        return outcome_of(comparison)

    async def _judged(self, job: Job, fresh: str) -> Outcome:
        """Asked twice, with places swapped: two ties are the same answer, a preference is another one."""
        verdicts = []
        for kept_is_a in (True, False):
            try:
                verdicts.append(await self._ask_judge(job, fresh, kept_is_a))
            except GatewayError:
                return Outcome.UNKNOWN
        match of_both_orders(*verdicts):
            case Verdict.UNKNOWN:
                return Outcome.UNKNOWN
            case Verdict.TIE | Verdict.SERVED:
                return Outcome.SAME
            case _:
                return Outcome.DIFFERENT

    async def _ask_judge(self, job: Job, fresh: str, kept_is_a: bool) -> Verdict:
        exchange, judge = job.exchange, job.semantic.judge
        assert judge is not None
        kept = _told_of(job.kept)
        order = (kept, fresh) if kept_is_a else (fresh, kept)
        conversation = conversation_text(exchange.call.fields)
        messages = judge_messages(conversation, *order, seal=secrets.token_hex(4))
        answer = await ask_judge(
            exchange.services, exchange.snapshot, judge, messages, exchange.call.model, CACHE_JUDGE
        )
        return said_by_judge(told(answer.payload), served_is_a=kept_is_a)

    def _observe(self, job: Job, outcome: Outcome) -> None:
        services = job.exchange.services
        services.metrics.cache_audited(job.kind, outcome)
        self.book.observe(job.key, Audit(job.kind, outcome), job.semantic.promise)
        if outcome is Outcome.DIFFERENT:
            self._wrong[job.place.keys[-1], job.kept.id] = None
            if len(self._wrong) > MAX_WRONG:
                self._wrong.popitem(last=False)
        elif outcome is Outcome.SAME and job.kind is Kind.SERVED:
            services.cache.alias(job.place.partition, job.place.keys[-1], job.kept.id)


def _told_of(kept: Entry) -> str:
    return told(orjson.loads(kept.body))


def _likeness(job: Job, fresh: str) -> float | None:
    meaning, partition = job.exchange.services.meaning, job.place.partition
    first, second = (meaning.question(partition, text) for text in (_told_of(job.kept), fresh))
    return _cosine(first, second)


def _cosine(first: Question, second: Question) -> float | None:
    if first.partition != second.partition:
        return None
    return float(first.vector @ second.vector)
