"""One upstream attempt: sent, judged, delivered, settled. Its end is exactly one event.

The upstream's first byte decides. Until then a failure raises `AttemptFailed` and the pipeline may try again;
after it the answer can only be finished, or broken off with an error that the client can see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.api import embeddings
from gateway.attempts import Verdict, judge, parse_retry_after
from gateway.caching.place import Place
from gateway.call import Api
from gateway.delivery import Censor, Delivery
from gateway.errors import GatewayError, Unavailable, UpstreamError, UpstreamTimeout
from gateway.exchange import Tried
from gateway.opening import open_payload
from gateway.rewrite import upstream_body
from gateway.settle import settle
from gateway.transport.base import FirstByteTimeout, IdleTimeout, Reply, TotalTimeout, TransportError
from gateway.upstream_errors import AttemptFailed, failure_code, status_error
from metering.journal import JournalFull
from metering.outcome import Outcome

MAX_ERROR_BYTES = 100_000
"""Of an upstream's error answer; more is not read."""


class Attempt:
    __slots__ = ("_delivery", "_tried")

    def __init__(self, tried: Tried, place: Place | None, censor: Censor | None = None) -> None:
        """A whole answer is kept at `place`, if there is one; a `censor` sees it before the client does."""
        self._tried = tried
        self._delivery = Delivery(tried, place, censor)

    async def run(self) -> None:
        """Returns when the client has its answer, whole or broken off, or when the censor holds it back.
        Raises AttemptFailed before that, and
        UpstreamError where a non-streamed answer broke off."""
        target = self._tried.target
        target.in_flight += 1
        try:
            await self._send_and_deliver()
        except TransportError as failure:
            target.breaker.failed()
            raise self._no_answer(failure) from failure
        except asyncio.CancelledError:
            target.breaker.released()
            if not self._tried.settled:
                self._delivery.left(output="")
            raise
        except GatewayError:
            if not self._tried.settled:  # refused here, before anything was sent
                target.breaker.released()
            raise
        finally:
            target.in_flight -= 1
            self._owe_nothing()

    def _owe_nothing(self) -> None:
        """A defect of ours: the row is owed all the same. What was never sent gives its hold back."""
        tried = self._tried
        if tried.settled:
            return
        if tried.opened:
            settle(tried, Outcome.FAILED, error="defect")
        elif tried.hold is not None:
            tried.hold.release()

    async def _send_and_deliver(self) -> None:
        reply = await self._send()
        try:
            verdict = judge(reply.status)
            if verdict is not Verdict.ANSWER:
                raise await self._refused(reply, verdict)
            if self._tried.exchange.call.stream:
                await self._delivery.stream(reply)
            elif self._tried.folds:
                await self._delivery.folded(reply)
            else:
                await self._delivery.whole(reply)
        finally:
            reply.abort()

    async def _send(self) -> Reply:
        tried = self._tried
        exchange, call = tried.exchange, tried.exchange.call
        fields: Mapping[str, Any] = call.fields
        target = tried.target
        if call.api is Api.EMBEDDINGS and tried.served.token_ids != "engine":
            fields = await embeddings.engine_fields(fields, tried.served.token_ids)
            body = orjson.dumps({**fields, "model": tried.served.upstream_model})
        else:
            stream = call.stream or tried.folds
            body = upstream_body(
                call.body,
                fields,
                model=tried.served.upstream_model,
                stream=stream,
                added=tried.added or {},
            )
        clock = exchange.services.clock
        self._open()
        from_s = clock.monotonic()
        try:
            reply = await exchange.services.transport.send(
                target.origin,
                b"POST",
                target.base_path + target.adapter.target(call.api).encode(),
                target.headers,
                body,
                target.timeouts,
                fresh=tried.number > 1,
            )
        finally:
            now_s = clock.monotonic()
            exchange.journey.waited_s += now_s - from_s
        tried.first_byte_s = now_s
        tried.status = reply.status
        return reply

    def _open(self) -> None:
        """On record before it is sent: whatever happens to this process, the attempt will have its row."""
        tried = self._tried
        try:
            tried.exchange.services.meter.open(tried.event_id, open_payload(tried))
        except JournalFull as full:
            raise Unavailable(
                "The journal is full; nothing is served unmetered.",
                code="journal_full",
                headers=((b"retry-after", b"5"),),
            ) from full
        tried.opened = True
        if tried.gpu is not None:
            tried.gpu_begun = tried.gpu.begin()

    def _no_answer(self, failure: TransportError) -> AttemptFailed:
        """Nothing came back."""
        timeout = isinstance(failure, (FirstByteTimeout, IdleTimeout, TotalTimeout))
        code = failure_code(failure)
        where = self._tried.target.backend
        if timeout:
            error: GatewayError = UpstreamTimeout(f"The backend {where} did not answer in time.", code=code)
        else:
            error = UpstreamError(f"The backend {where} could not be reached or gave no answer.", code=code)
        settle(
            self._tried,
            Outcome.UPSTREAM_TIMEOUT if timeout else Outcome.UPSTREAM_FAILED,
            error=code,
        )
        return AttemptFailed(error, Verdict.FALL_BACK if timeout else Verdict.RETRY)

    async def _refused(self, reply: Reply, verdict: Verdict) -> AttemptFailed:
        """A status that is no success."""
        body = await reply.read(MAX_ERROR_BYTES)
        status, breaker = reply.status, self._tried.target.breaker
        if status >= 500:
            breaker.failed()
        else:
            breaker.succeeded()
        outcome = Outcome.UPSTREAM_REFUSED if verdict is Verdict.PASS_ON else Outcome.UPSTREAM_FAILED
        settle(self._tried, outcome, error=f"status_{status}")
        return AttemptFailed(
            status_error(self._tried.target.backend, status, body, verdict),
            verdict,
            parse_retry_after(
                reply.header(b"retry-after"),
                reply.header(b"retry-after-ms"),
                self._tried.exchange.services.clock.wall_ns() / 1e9,
            ),
        )
