"""One understood request: who asks what, under which configuration, on which road."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.backends.target import Target
from gateway.call import Api, Call
from gateway.front.client import Client
from gateway.gpu_time import GpuMeter
from gateway.journey import Journey
from gateway.services import Services
from gateway.snapshot import Served, Snapshot
from gateway.tenants import Caller
from metering.budgets import Hold
from router.decision import Candidate, Decision


class Exchange(NamedTuple):
    services: Services
    client: Client
    snapshot: Snapshot
    caller: Caller
    call: Call
    journey: Journey


@dataclass(slots=True)
class Tried:
    """One upstream attempt under way. Ends in exactly one settlement."""

    exchange: Exchange
    decision: Decision
    candidate: Candidate
    served: Served
    target: Target
    number: int
    event_id: str
    """Of its row to be: named before it is sent, so that the journal has it."""
    began_s: float
    waited_before_s: float
    gpu: GpuMeter | None
    """Where the backend is paid by the hour."""
    hold: Hold | None = None
    """What budgets keep free for it; None where there are none."""
    gpu_begun: int = 0
    gpu_even_ns: int = 0
    first_byte_s: float | None = None
    status: int = 0
    added: Mapping[str, Any] | None = None
    """What the gateway asks the upstream for beside what the client did."""
    opened: bool = False
    """The journal has it."""
    settled: bool = False

    @property
    def started_us(self) -> int:
        """UTC microseconds, by the request's start and the monotonic clock since."""
        journey = self.exchange.journey
        return journey.started_us + int((self.began_s - journey.started_s) * 1e6)

    @property
    def folds(self) -> bool:
        """The upstream streams, though the client wants a plain answer."""
        api = self.exchange.call.api
        return self.target.adapter.streams_plain_calls and api is not Api.EMBEDDINGS
