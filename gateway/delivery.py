"""From an upstream's answer to the client's: whole, folded, or as a stream; and every way it can break off.

Each delivery settles its attempt exactly once, at the moment its end is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from gateway.answering import answer_headers
from gateway.api import embeddings
from gateway.attempts import Verdict
from gateway.caching.keeping import give
from gateway.caching.place import Place
from gateway.call import Api
from gateway.errors import GatewayError, UpstreamError, UpstreamTimeout, error_event
from gateway.exchange import Tried
from gateway.fold import folded_answer
from gateway.settle import money_of, settle, settle_later
from gateway.streams import MalformedStream, StreamRelay, UpstreamSaidError
from gateway.transport.base import IdleTimeout, Reply, TotalTimeout, TransportError
from gateway.upstream_errors import AttemptFailed, failure_code, rejected
from metering.dialects.reported import Reported
from metering.outcome import Outcome
from router.decision import Candidate
from router.features import prompt_text_parts

MAX_LOGGED_CHARACTERS = 10_000
"""Of a prompt, and of an answer, where the file asks for them in the log."""


class Censor(Protocol):
    """Looks at a whole answer before its client has it."""

    def adds(self, candidate: Candidate) -> Mapping[str, Any] | None:
        """What to ask this candidate for beside what the client did."""
        ...

    async def look(
        self, tried: Tried, body: bytes, payload: dict[str, Any], report: Reported | None
    ) -> tuple[bytes, dict[str, Any]] | None:
        """The answer as it may be given; None where it is held back, and its attempt settled."""
        ...


class Delivery:
    """Everything one delivery touches, so that its steps read as sentences."""

    __slots__ = ("_call", "_censor", "_client", "_journey", "_place", "_services", "_tried")

    def __init__(self, tried: Tried, place: Place | None, censor: Censor | None) -> None:
        """A whole answer is kept at `place`, if there is one. The censor sees answers that are no streams."""
        exchange = tried.exchange
        self._services = exchange.services
        self._client = exchange.client
        self._journey = exchange.journey
        self._call = exchange.call
        self._tried = tried
        self._place = place
        self._censor = censor

    async def whole(self, reply: Reply) -> None:
        from_s = self._services.clock.monotonic()
        try:
            body = await reply.read(self._tried.exchange.snapshot.settings.server.max_answer)
        except TransportError as failure:
            self._tried.target.breaker.failed()
            raise self._broken_whole(failure) from failure
        finally:
            self._journey.waited_s += self._services.clock.monotonic() - from_s
        try:
            payload = orjson.loads(body)
            report = self._report(payload)
        except (orjson.JSONDecodeError, AttributeError) as wrong:
            self._tried.target.breaker.failed()
            raise self._broken_whole(MalformedStream("the answer is not a JSON object")) from wrong
        self._tried.target.breaker.succeeded()
        await self._give_whole(body, payload, report)

    async def folded(self, reply: Reply) -> None:
        relay = self._relay_of(hide_usage=True, cost_usd=lambda report: None)
        await self._first_events(reply, relay)
        try:
            await self._fold(reply, relay)
        except asyncio.CancelledError:
            self.left(output=relay.fold.text)
            raise
        except (TransportError, MalformedStream) as failure:
            self._tried.target.breaker.failed()
            raise self._broken_whole(failure, output=relay.fold.text) from failure
        answer = folded_answer(self._call.api, relay.fold)
        if answer is None:
            raise self._broken_whole(MalformedStream("the stream was not whole"), output=relay.fold.text)
        self._tried.target.breaker.succeeded()
        await self._give_whole(orjson.dumps(answer), answer, self._reported(relay))

    async def _fold(self, reply: Reply, relay: StreamRelay) -> None:
        monotonic = self._services.clock.monotonic
        from_s = monotonic()
        try:
            while chunk := await reply.chunk():
                relay.feed(chunk)
                relay.check()
            relay.finish()
        finally:
            self._journey.waited_s += monotonic() - from_s

    async def _give_whole(self, body: bytes, payload: dict[str, Any], report: Reported | None) -> None:
        call, journey = self._call, self._journey
        if self._censor is not None:
            shown = await self._censor.look(self._tried, body, payload, report)
            if shown is None:
                return
            body, payload = shown
        self._client.unwatch()
        if call.api is Api.EMBEDDINGS and self._tried.served.token_ids != "engine":
            body = orjson.dumps(embeddings.as_asked(payload, call.fields.get("encoding_format")))
        if report is None:
            output = "".join(texts_of(payload))
            settle_later(self._tried, Outcome.COMPLETED, error="", output=output)
            cost_nanos = None
        else:
            cost_nanos = settle(self._tried, Outcome.COMPLETED, report=report).cost_nanos
        journey.status = self._tried.status
        self._client.answer(
            self._tried.status, answer_headers(journey, stream=False, cost_nanos=cost_nanos), body
        )
        # The client has its answer; what follows is for the next one.
        if self._place is not None:
            give(self._tried, self._place, body, payload, report)
        self._log_text(lambda: "".join(texts_of(payload)))
        if self._tried.exchange.snapshot.shadow is not None:
            self._services.shadow.offer(self._tried, lambda: payload)

    async def stream(self, reply: Reply) -> None:
        relay = self._relay_of(hide_usage=not self._call.wants_usage, cost_usd=self._cost_usd)
        first = await self._first_events(reply, relay)
        try:
            await self._relay(reply, relay, first)
        except asyncio.CancelledError:
            if not self._tried.settled:
                self.left(output=relay.fold.text, report=self._reported(relay))
            raise
        except (TransportError, MalformedStream) as failure:
            await self._broken_stream(relay, failure)
        else:
            self._stream_ended(relay)
            self._client.finish()

    async def _first_events(self, reply: Reply, relay: StreamRelay) -> bytes:
        """Until something can be shown, nothing is: a stream that fails here may still be retried."""
        clock = self._services.clock
        try:
            while True:
                from_s = clock.monotonic()
                chunk = await reply.chunk()
                self._journey.waited_s += clock.monotonic() - from_s
                if not chunk:
                    relay.finish()
                    return b""
                if out := relay.feed(chunk):
                    self._tried.first_byte_s = clock.monotonic()
                    return out
        except UpstreamSaidError as said:
            raise self._failed_early(rejected(502, said.payload), "upstream_error_event") from None
        except MalformedStream as wrong:
            error = UpstreamError(f"The backend answered with a malformed stream: {wrong}.")
            raise self._failed_early(error, "malformed_stream") from wrong

    async def _relay(self, reply: Reply, relay: StreamRelay, first: bytes) -> None:
        client, journey, monotonic = self._client, self._journey, self._services.clock.monotonic
        journey.status = self._tried.status
        client.limit(self._tried.target.timeouts.total_s)
        client.start(self._tried.status, answer_headers(journey, stream=True))
        if first:
            await client.send(first)
        feed, next_chunk, send = relay.feed, reply.chunk, client.send
        # The relay's own microseconds count as waiting: they overlap with the upstream's next token.
        from_s = monotonic()
        try:
            relay.check()
            while chunk := await next_chunk():
                if out := feed(chunk):
                    await send(out)
                relay.check()
            relay.finish()
        finally:
            journey.waited_s += monotonic() - from_s

    def _stream_ended(self, relay: StreamRelay) -> None:
        fold = relay.fold
        self._client.unwatch()
        self._log_text(lambda: fold.text)
        outcome = Outcome.UPSTREAM_CUT if fold.failed else Outcome.COMPLETED
        error = "upstream_error_event" if fold.failed else ""
        if fold.failed:
            self._tried.target.breaker.failed()
        else:
            self._tried.target.breaker.succeeded()
        report = self._reported(relay)
        if report is None:
            settle_later(self._tried, outcome, error=error, output=fold.text)
        else:
            settle(self._tried, outcome, error=error, report=report)
        if outcome is Outcome.COMPLETED and self._tried.exchange.snapshot.shadow is not None:
            self._services.shadow.offer(self._tried, lambda: folded_answer(self._call.api, fold))
        if self._place is not None and (answer := folded_answer(self._call.api, fold)) is not None:
            give(self._tried, self._place, orjson.dumps(answer), answer, report)

    # ------------------------------------------------------------------ break off

    def left(self, *, output: str, report: Reported | None = None) -> None:
        """The client has gone, or the gateway must stop: what was produced is metered."""
        outcome = Outcome.CLIENT_GONE if self._client.gone else Outcome.INTERRUPTED
        if report is not None:
            settle(self._tried, outcome, error=outcome.value, report=report)
        elif self._call.stream or self._tried.folds:
            settle_later(self._tried, outcome, error=outcome.value, output=output)
        else:  # how much of a plain answer was made, nobody here can know
            settle(self._tried, outcome, error=outcome.value)

    def _failed_early(self, error: GatewayError, code: str) -> AttemptFailed:
        self._tried.target.breaker.failed()
        settle(self._tried, Outcome.UPSTREAM_FAILED, error=code)
        return AttemptFailed(error, Verdict.RETRY)

    def _broken_whole(self, failure: Exception, output: str = "") -> GatewayError:
        """A non-streamed answer broke off: nothing has been shown, but work was done, known as far as there
        is output."""
        timeout = isinstance(failure, (IdleTimeout, TotalTimeout))
        code = failure_code(failure)
        outcome = Outcome.UPSTREAM_TIMEOUT if timeout else Outcome.UPSTREAM_CUT
        if output:
            settle_later(self._tried, outcome, error=code, output=output)
        else:
            settle(self._tried, outcome, error=code)
        kind = UpstreamTimeout if timeout else UpstreamError
        return kind(f"The answer of the backend {self._tried.target.backend} broke off ({code}).", code=code)

    async def _broken_stream(self, relay: StreamRelay, failure: Exception) -> None:
        """The client has part of the answer; it is told that the rest will not come."""
        self._tried.target.breaker.failed()
        self._client.unwatch()
        timeout = isinstance(failure, (IdleTimeout, TotalTimeout))
        outcome = Outcome.UPSTREAM_TIMEOUT if timeout else Outcome.UPSTREAM_CUT
        code = failure_code(failure)
        report = self._reported(relay)
        if report is not None:
            settle(self._tried, outcome, error=code, report=report)
        else:
            settle_later(self._tried, outcome, error=code, output=relay.fold.text)
        kind = UpstreamTimeout if timeout else UpstreamError
        where = self._tried.target.backend
        self._client.finish(
            error_event(kind(f"The answer of the backend {where} broke off ({code}).", code=code))
        )

    # ------------------------------------------------------------------ measure

    def _log_text(self, answer: Callable[[], str]) -> None:
        """Only where the file asks for prompts in the log."""
        if self._tried.exchange.snapshot.settings.server.log.prompts:
            prompt = "\n".join(prompt_text_parts(self._call.fields, self._call.api_name))
            self._journey.extra["prompt"] = prompt[:MAX_LOGGED_CHARACTERS]
            self._journey.extra["answer"] = answer()[:MAX_LOGGED_CHARACTERS]

    def _relay_of(
        self, *, hide_usage: bool, cost_usd: Callable[[Reported | None], float | None]
    ) -> StreamRelay:
        usage = self._tried.served.adapter.dialect.stream()
        return StreamRelay(self._call.api, usage, hide_usage=hide_usage, cost_usd=cost_usd)

    def _report(self, payload: Mapping[str, Any]) -> Reported | None:
        """None where the upstream reports nothing, or what does not add up."""
        try:
            return self._tried.served.adapter.dialect.whole(payload)
        except ValueError as nonsense:
            self._journey.extra["usage_problem"] = str(nonsense)
            return None

    def _reported(self, relay: StreamRelay) -> Reported | None:
        report = relay.fold.reported()
        if relay.fold.usage_problem:
            self._journey.extra["usage_problem"] = relay.fold.usage_problem
        return report

    def _cost_usd(self, report: Reported | None) -> float | None:
        if report is None:
            return None
        nanos = money_of(self._tried, report, self._journey.clock.monotonic()).cost_nanos
        return None if nanos is None else nanos / 1e9


def texts_of(payload: Mapping[str, Any]) -> list[str]:
    """What an answer says, for counting its tokens."""
    said: list[str] = []
    for choice in payload.get("choices") or ():
        message = choice.get("message") or {}
        for text in (choice.get("text"), message.get("content"), message.get("reasoning_content")):
            if isinstance(text, str):
                said.append(text)
        if message.get("tool_calls"):
            said.append(orjson.dumps(message["tool_calls"]).decode())
    return said
