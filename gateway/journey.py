"""What is known of one request so far: the source of its one log line and its metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gateway.call import Call
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.ids import ulid
from gateway.tenants import Caller
from metering.budgets import Left, Permit, Subject
from metering.days import utc_day
from metering.event import Event, Routing
from metering.outcome import Outcome
from router.decision import Candidate, Decision


@dataclass(slots=True)
class Journey:
    clock: Clock
    api_name: str
    ulid: str
    request_id: str
    started_s: float
    started_us: int
    day: date
    """UTC, for prices."""
    caller: Caller | None = None
    call: Call | None = None
    decision: Decision | None = None
    routing: Routing | None = None
    """The decision as rows hold it; None where nothing was routed."""
    served: Candidate | None = None
    stand_in: bool = False
    event: Event | None = None
    """Of the attempt, or the cache hit, that answered."""
    cache_status: str = "bypass"
    attempts: int = 0
    waited_s: float = 0.0
    """For upstreams and for the client: what is not the gateway's own doing."""
    ended_s: float = 0.0
    """Monotonic seconds when all was done that the client waits for."""
    outcome: Outcome = Outcome.REJECTED
    status: int = 0
    error: str = ""
    message: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    subject: Subject | None = None
    """Whose budgets and limits it falls under, None where there are none."""
    permit: Permit | None = None
    """Its place among the requests under way."""
    earlier_nanos: int | None = 0
    """What answers of the same request cost that were judged not good enough; None where that is unknown."""
    conversation: bytes | None = None
    """What it is remembered under, once that was computed."""
    limits: Callable[[], list[Left]] | None = None
    """What the limits leave, for the answer's head."""

    @classmethod
    def begin(cls, clock: Clock, api_name: str) -> Journey:
        wall_ns = clock.wall_ns()
        made = ulid(wall_ns)
        at_us = wall_ns // 1000
        return cls(clock, api_name, made, "req_" + made, clock.monotonic(), at_us, utc_day(at_us))

    def now_us(self) -> int:
        """UTC microseconds, advancing with the monotonic clock from the request's start."""
        return self.started_us + int((self.clock.monotonic() - self.started_s) * 1e6)

    def overhead_s(self) -> float:
        return max(0.0, self.clock.monotonic() - self.started_s - self.waited_s)

    def end(self) -> None:
        self.ended_s = self.clock.monotonic()

    def ended(self, outcome: Outcome, status: int) -> None:
        self.outcome, self.status = outcome, status

    def refused(self, error: GatewayError) -> None:
        """Ends the journey with that error, unless an attempt has already said how it ended."""
        self.status = error.http_status
        self.error = self.error or error.error_code or ""
        self.message = error.message

    def line(self) -> dict[str, Any]:
        """The log line. Names and numbers only: no prompt, no answer, no key."""
        caller, call, event = self.caller, self.call, self.event
        total_s = self.ended_s - self.started_s
        line: dict[str, Any] = {
            "at_us": self.started_us,
            "event": "request",
            "request_id": self.request_id,
            "api": self.api_name,
            "tenant": caller.tenant if caller else "",
            "project": caller.project if caller else "",
            "key": caller.key if caller else "",
            "model": call.model[:128] if call else "",
            "stream": call.stream if call else False,
            "outcome": self.outcome,
            "status": self.status,
            "error": self.error,
            "cache": self.cache_status,
            "attempts": self.attempts,
            "total_ms": round(total_s * 1000, 3),
            "overhead_ms": round(max(0.0, total_s - self.waited_s) * 1000, 3),
        }
        if self.message:
            line["message"] = self.message
        if self.decision is not None:
            line["reason"] = self.decision.reason
        if self.served is not None:
            line["served_model"] = self.served.model
            line["tier"] = self.served.tier
        if event is not None:
            line["backend"] = event.backend
            line["cost_nanos"] = event.cost_nanos
            if event.usage is not None:
                line["input_tokens"] = event.usage.input_total
                line["output_tokens"] = event.usage.output
                line["provenance"] = event.usage.provenance
        if self.stand_in:
            line["stand_in"] = True
        line.update(self.extra)
        return line
