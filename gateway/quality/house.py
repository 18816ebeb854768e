"""Models asked by the house itself: on the same road as a client's request, with holds and rows, and paid for
by the tenant `weir-quality`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from cache.control import CacheControl
from gateway.admission import admit
from gateway.call import Api, Call
from gateway.config_quality import QUALITY_TENANT
from gateway.errors import NothingFits, UpstreamError
from gateway.exchange import Exchange
from gateway.front.client import Client
from gateway.front.wire import Header
from gateway.journey import Journey
from gateway.sending import send
from gateway.services import Services
from gateway.snapshot import Snapshot
from gateway.tenants import Caller
from metering.house import CACHE_SECOND
from router.deciding import direct
from router.decision import Choice, Decision, NoCandidate, RouteRequest
from router.features import outline

_NOT_PASSED_ON = frozenset(
    {
        "stream",
        "stream_options",
        "logprobs",
        "top_logprobs",
        "store",
        "metadata",
        "n",
        "user",
        "safety_identifier",
    }
)
"""Of a client's request: how it is delivered, who asked, and what a vendor would keep of it."""


class HouseAnswer(NamedTuple):
    payload: Mapping[str, Any]
    cost_nanos: int | None
    """None where it is unknown."""


async def ask_again(
    services: Services,
    snapshot: Snapshot,
    fields: Mapping[str, Any],
    choices: Sequence[Choice],
    route: str,
    purpose: str = "shadow",
) -> HouseAnswer:
    """A client's chat, put to other candidates. Raises GatewayError."""
    asked = {name: value for name, value in fields.items() if name not in _NOT_PASSED_ON}
    decision = Decision("", _as_tier(choices, purpose), purpose, {}, outline(asked, Api.CHAT).prompt_tokens)
    return await _ask(services, snapshot, asked, decision, route, purpose)


async def ask_judge(
    services: Services,
    snapshot: Snapshot,
    model: str,
    messages: Sequence[Mapping[str, str]],
    route: str,
    purpose: str = "judge",
) -> HouseAnswer:
    """Raises GatewayError."""
    fields = {"model": model, "messages": messages}
    shape = outline(fields, Api.CHAT)
    request = RouteRequest(Api.CHAT, fields, shape.prompt_tokens, shape.needs, QUALITY_TENANT, route, {})
    try:
        found = direct(snapshot.direct[model], request)
    except NoCandidate as nothing:
        raise NothingFits(nothing.message) from None
    decision = found._replace(reason="judge", choices=_as_tier(found.choices, "judge"))
    return await _ask(services, snapshot, fields, decision, route, purpose)


async def ask_embeddings(
    services: Services, snapshot: Snapshot, model: str, texts: Sequence[str], route: str
) -> list[list[float]]:
    """One vector per text, all of one length. Raises GatewayError."""
    fields = {"model": model, "input": list(texts), "encoding_format": "float"}
    shape = outline(fields, Api.EMBEDDINGS)
    tokens, needs = shape.prompt_tokens, shape.needs
    request = RouteRequest(Api.EMBEDDINGS, fields, tokens, needs, QUALITY_TENANT, route, {})
    try:
        found = direct(snapshot.direct[model], request)
    except NoCandidate as nothing:
        raise NothingFits(nothing.message) from None
    decision = found._replace(reason=CACHE_SECOND, choices=_as_tier(found.choices, CACHE_SECOND))
    answer = await _ask(services, snapshot, fields, decision, route, CACHE_SECOND, Api.EMBEDDINGS)
    try:
        vectors = [[float(number) for number in row["embedding"]] for row in answer.payload["data"]]
    except (KeyError, TypeError, ValueError) as wrong:
        raise UpstreamError("the answer holds no embeddings") from wrong
    if len(vectors) != len(texts) or len(set(map(len, vectors))) != 1:
        raise UpstreamError("the answer holds other embeddings than were asked for")
    return vectors


async def _ask(
    services: Services,
    snapshot: Snapshot,
    fields: Mapping[str, Any],
    decision: Decision,
    route: str,
    purpose: str,
    api: Api = Api.CHAT,
) -> HouseAnswer:
    """`purpose` stands where a key's name would, the route where a project's would."""
    journey = Journey.begin(services.clock, api.value)
    tenant = snapshot.settings.tenants.get(QUALITY_TENANT)
    cost_center = "" if tenant is None else tenant.cost_center
    caller = journey.caller = Caller(QUALITY_TENANT, cost_center, route, purpose, "tenant", None)
    call = journey.call = _call(fields, decision.choices[0].candidate.model, journey, api)
    client = _House()
    exchange = Exchange(services, client, snapshot, caller, call, journey)
    journey.decision = decision
    try:
        if snapshot.budgets:
            await admit(exchange)
        await send(exchange, decision, None)
    finally:
        if journey.permit is not None:
            journey.permit.release()
    event = journey.event
    return HouseAnswer(_payload(client.body_given), None if event is None else event.cost_nanos)


def _call(fields: Mapping[str, Any], model: str, journey: Journey, api: Api) -> Call:
    named = {**fields, "model": model}
    return Call(
        request_id=journey.request_id,
        api=api,
        api_name=api.value,
        body=orjson.dumps(named),
        fields=named,
        model=model,
        stream=False,
        wants_usage=False,
        tags=(),
        cache_control=CacheControl(),
        explain=False,
        received_s=journey.started_s,
        received_us=journey.started_us,
    )


def _as_tier(choices: Sequence[Choice], tier: str) -> tuple[Choice, ...]:
    """So that rows show what they were for, and no report takes them for routed ones."""
    return tuple(choice._replace(candidate=replace(choice.candidate, tier=tier)) for choice in choices)


def _payload(body: bytes) -> Mapping[str, Any]:
    """Raises UpstreamError."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise UpstreamError("the answer is no JSON") from wrong
    if not isinstance(payload, dict):
        raise UpstreamError("the answer is no JSON object")
    return payload


class _NoLink:
    """Nothing goes out to anybody."""

    write_paused = False
    common = b""
    peer_host = ""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def want_body(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class _House(Client):
    """The asking side where nobody waits on a connection: it keeps the answer."""

    __slots__ = ("body_given",)

    def __init__(self) -> None:
        super().__init__(_NoLink(), "POST", "/v1/chat/completions", b"", ())
        self.body_given = b""

    def answer(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        self.body_given = body
        self.started = True
