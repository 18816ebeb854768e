"""Comparing a sample of answers with another tier's, after their clients have them.

    offer     after an answer: is it in the sample? A copy waits in a bounded queue, or is dropped and counted
    compare   a few at once: the other tier is asked, then exact checks or the judge, twice, places swapped
    store     one row per comparison; no text of prompt or answer

Whatever fails here fails here: the client has its answer, and its own request knows nothing of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

from gateway.call import Api, Call
from gateway.errors import BudgetExceeded, GatewayError, LimitReached
from gateway.exchange import Tried
from gateway.ids import ulid
from gateway.quality.house import HouseAnswer, ask_again, ask_judge
from gateway.quality.plans import ShadowPlan
from gateway.services import Services
from gateway.snapshot import Snapshot
from metering.ledger import LedgerError
from metering.quality.rows import VerdictRow
from router.compare import (
    Verdict,
    conversation_text,
    goodness,
    judge_messages,
    of_both_orders,
    of_exact,
    said_by_judge,
    same,
    told,
)
from router.decision import Candidate, Choice, Decision, RouteRequest
from router.features import outline
from router.gain import GainModel

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 256_000
"""Of a request that is kept for a comparison."""

Answer = Callable[[], Mapping[str, Any] | None]
Read = Callable[[GainModel, RouteRequest], bytes | None]
"""What the route's gain model reads of a request, packed, for calibration; None where it reads nothing."""


class Job(NamedTuple):
    """All that a comparison needs of a request that is over."""

    snapshot: Snapshot
    plan: ShadowPlan
    call: Call
    tenant: str
    project: str
    event_id: str
    decision: Decision
    served: Candidate
    others: tuple[Choice, ...]
    served_large: bool
    answer: Mapping[str, Any]


class Found(NamedTuple):
    """What a comparison came to."""

    verdict: Verdict
    method: str
    judge: str
    cost_nanos: int | None


class Shadow:
    """For the event loop's thread."""

    def __init__(self, write: Callable[[VerdictRow], Awaitable[None]], read: Read) -> None:
        """`write` raises LedgerError."""
        self._write = write
        self._read = read
        self._services: Services | None = None
        self._queue: deque[Job] = deque()
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, services: Services) -> None:
        """From now on it may ask models."""
        self._services = services

    def offer(self, tried: Tried, answer: Answer) -> None:
        """The client has this attempt's whole answer. Raises nothing."""
        plan, services = tried.exchange.snapshot.shadow, self._services
        if plan is None or services is None or not wanted(plan, tried):
            return
        route = tried.decision.route
        if len(tried.exchange.call.body) > MAX_BODY_BYTES:
            services.metrics.compared(route, "too_large")
        elif len(self._queue) >= plan.queue:
            services.metrics.compared(route, "dropped")
        elif (job := _job(tried, plan, answer)) is not None:
            self._queue.append(job)
            self._fill(plan)

    async def stop(self) -> None:
        """What waits is dropped, and what is under way is broken off; its attempts have their rows."""
        self._services = None
        self._queue.clear()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # ------------------------------------------------------------------ one after the other

    def _fill(self, plan: ShadowPlan) -> None:
        while self._services is not None and self._queue and len(self._running) < plan.concurrency:
            task = asyncio.get_running_loop().create_task(self._take(self._services, self._queue.popleft()))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self._queue:
            self._fill(self._queue[0].plan)

    async def _take(self, services: Services, job: Job) -> None:
        try:
            found = await _compare(services, job)
            how: str = found.verdict
            await self._write(self._row(services, job, found))
        except (BudgetExceeded, LimitReached):
            how = "refused"
        except GatewayError:
            how = "failed"
        except LedgerError:
            how = "unwritten"
        except Exception:
            logger.exception("a defect in a comparison; the others go on")
            how = "failed"
        services.metrics.compared(job.decision.route, how)

    def _row(self, services: Services, job: Job, found: Found) -> VerdictRow:
        decision, other = job.decision, job.others[0].candidate
        good = goodness(found.verdict, served_large=job.served_large)
        wall_ns = services.clock.wall_ns()
        return VerdictRow(
            id=ulid(wall_ns),
            at_us=wall_ns // 1000,
            request_id=job.call.request_id,
            event_id=job.event_id,
            tenant=job.tenant,
            route=decision.route,
            served="large" if job.served_large else "small",
            served_tier=job.served.tier,
            served_model=job.served.model,
            other_tier=other.tier,
            other_model=other.model,
            gain=decision.gain,
            threshold=decision.threshold,
            known=None if decision.known is None else int(decision.known),
            model_version=decision.model_version,
            verdict=found.verdict.value,
            small_good=good.small,
            large_good=good.large,
            method=found.method,
            judge_model=found.judge,
            cost_nanos=found.cost_nanos,
            reading=self._read(job.snapshot.routes[decision.route].model, _request(job)),
        )


# ---------------------------------------------------------------------- which


def sampled(request_id: str, share: float) -> bool:
    """The same for the same request, on any process."""
    return crc32(request_id.encode()) < share * 4_294_967_296


def wanted(plan: ShadowPlan, tried: Tried) -> bool:
    """Whether this request is one to compare: in the sample, and of a route with two tiers."""
    call, decision = tried.exchange.call, tried.decision
    return (
        sampled(call.request_id, plan.share)
        and call.api is Api.CHAT
        and decision.route != ""
        and (plan.routes is None or decision.route in plan.routes)
        and (plan.tenants is None or tried.exchange.caller.tenant in plan.tenants)
    )


def _job(tried: Tried, plan: ShadowPlan, answer: Answer) -> Job | None:
    """None where no other tier could have answered, or the answer was not whole."""
    exchange, decision = tried.exchange, tried.decision
    tiers = [tier[0].tier for tier in exchange.snapshot.routes[decision.route].tiers]
    if tried.candidate.tier not in tiers:
        return None
    served_large = tried.candidate.tier == tiers[-1]
    other = tiers[0] if served_large else tiers[-1]
    others = tuple(choice for choice in decision.choices if choice.candidate.tier == other)
    payload = answer() if others and len(tiers) > 1 else None
    if payload is None:
        return None
    caller = exchange.caller
    return Job(
        exchange.snapshot, plan, exchange.call, caller.tenant, caller.project, tried.event_id, decision,
        tried.candidate, others, served_large, payload,
    )  # fmt: skip


def _request(job: Job) -> RouteRequest:
    """As the router saw it."""
    call = job.call
    shape = outline(call.fields, call.api_name)
    return RouteRequest(
        call.api_name, call.fields, shape.prompt_tokens, shape.needs, job.tenant, job.project, dict(call.tags)
    )


# ---------------------------------------------------------------------- what it comes to


async def _compare(services: Services, job: Job) -> Found:
    """Raises GatewayError."""
    route, plan = job.decision.route, job.plan
    other = await ask_again(services, job.snapshot, job.call.fields, job.others, route)
    texts = told(job.answer), told(other.payload)
    exact = same(*texts, plan.exact)
    if exact is not None:
        verdict = of_exact(exact, served_large=job.served_large)
        return Found(verdict, exact.check, "", other.cost_nanos)
    if plan.judge is None:
        return Found(Verdict.UNKNOWN, "", "", other.cost_nanos)
    first = await _judged(services, job, plan.judge, *texts, served_is_a=True)
    costs, verdict = [other.cost_nanos, first[1]], first[0]
    if verdict is not Verdict.UNKNOWN:
        second = await _judged(services, job, plan.judge, *texts, served_is_a=False)
        verdict = of_both_orders(verdict, second[0])
        costs.append(second[1])
    known = [cost for cost in costs if cost is not None]
    return Found(verdict, "judge", plan.judge, sum(known) if len(known) == len(costs) else None)


async def _judged(
    services: Services, job: Job, judge: str, served: str, other: str, *, served_is_a: bool
) -> tuple[Verdict, int | None]:
    """(verdict, nano-dollars). Raises GatewayError."""
    conversation = conversation_text(job.call.fields)
    order = (served, other) if served_is_a else (other, served)
    messages = judge_messages(conversation, *order, seal=secrets.token_hex(4))
    answer: HouseAnswer = await ask_judge(services, job.snapshot, judge, messages, job.decision.route)
    return said_by_judge(told(answer.payload), served_is_a=served_is_a), answer.cost_nanos
