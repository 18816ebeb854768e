"""The road of one inference request, top to bottom: identify, parse, admit, cache, route, hold, send, settle.

Each stage returns a value or raises a `GatewayError`; every request leaves one log line and ends in exactly
one `Outcome`. Who asks is settled before the body is read, so that a stranger cannot make the gateway read
twenty megabytes.
"""

from __future__ import annotations

import asyncio
import traceback

from gateway.admission import admit, wants_economy
from gateway.answering import error_headers
from gateway.api.read import Resource, check_content_type, read_call
from gateway.asking import budget_uses, demand, last_turn, loads, remember
from gateway.caching.lookup import Found, look_up
from gateway.caching.place import Place, place_of
from gateway.caching.serving import serve_kept
from gateway.caching.waiting import answered_meanwhile, waits_for_others
from gateway.call import Call
from gateway.conversations import has_earlier_turns
from gateway.errors import Forbidden, GatewayError, NotFound, NothingFits, Unavailable
from gateway.exchange import Exchange
from gateway.front.client import Client, ClientLeft
from gateway.journey import Journey
from gateway.metrics import OTHER
from gateway.quality.cascade import climb
from gateway.routing_row import routing_of
from gateway.sending import send
from gateway.services import Services
from gateway.snapshot import Snapshot
from gateway.tenants import Caller
from metering.outcome import Outcome
from router.deciding import asks_gain, direct
from router.decision import NO_LOADS, Choice, Decision, NoCandidate, RouteRequest
from router.features import outline
from router.rules import Rule, first_match


async def infer(services: Services, client: Client, resource: Resource) -> None:
    """One request to one of the OpenAI resources, from its headers to its last byte."""
    journey = Journey.begin(services.clock, resource.name)
    services.lifecycle.in_flight += 1
    try:
        await _travel(services, client, resource, journey)
    except GatewayError as error:
        journey.refused(error)
        client.unwatch()
        client.answer(error.http_status, error_headers(journey, error), error.body())
    except (asyncio.CancelledError, ClientLeft):
        _left(client, journey)
        if not client.gone:
            raise
    except Exception:  # noqa: BLE001  the one place where a defect of ours becomes an answer
        await _defect(client, journey)
    finally:
        client.unwatch()
        if journey.permit is not None:
            journey.permit.release()
        services.lifecycle.in_flight -= 1
        journey.end()
        services.afterwards.report(_report, services, journey)


async def _travel(services: Services, client: Client, resource: Resource, journey: Journey) -> None:
    _welcome(services)
    caller = journey.caller = _identify(services, client)
    snapshot = services.live.snapshot
    call = journey.call = _labelled(await _parse(snapshot, client, resource, journey), caller)
    _allow(snapshot, caller, call)
    exchange = Exchange(services, client, snapshot, caller, call, journey)
    client.watch()
    if snapshot.budgets:
        await admit(exchange)
    asked = _asked(exchange)
    rule = _rule(snapshot, asked, call.model)
    place = place_of(exchange, "" if rule is None else demand(rule))
    if (found := await look_up(exchange, place)) is not None:
        return await _serve_kept(exchange, place, found, asked, rule)
    if place is None or not waits_for_others(exchange, place):
        return await _buy(exchange, place, asked, rule)
    with services.flights.enter(place.partition, place.keys[0]) as place.turn:
        if (found := await answered_meanwhile(exchange, place)) is not None:
            return await _serve_kept(exchange, place, found, asked, rule)
        await _buy(exchange, place, asked, rule)


# ---------------------------------------------------------------------- stages


def _welcome(services: Services) -> None:
    """Raises Unavailable while new work could not be finished, or not be metered."""
    if services.lifecycle.draining:
        raise Unavailable(
            "This gateway is shutting down; ask another one.",
            code="draining",
            headers=((b"retry-after", b"1"), (b"connection", b"close")),
        )
    if services.meter.full:
        raise Unavailable(
            "The journal takes no new work; nothing is served unmetered.",
            code="journal_full",
            headers=((b"retry-after", b"5"),),
        )


def _identify(services: Services, client: Client) -> Caller:
    return services.identify(client.header(b"authorization"), client.header(b"x-api-key"))


async def _parse(snapshot: Snapshot, client: Client, resource: Resource, journey: Journey) -> Call:
    server = snapshot.settings.server
    check_content_type(client.header(b"content-type"), client.header(b"content-encoding"))
    from_s = journey.clock.monotonic()
    body = await client.body(server.max_body)
    journey.waited_s += journey.clock.monotonic() - from_s
    return read_call(
        resource,
        client,
        body,
        request_id=journey.request_id,
        max_depth=server.max_json_depth,
        now_s=journey.started_s,
        now_us=journey.started_us,
    )


def _labelled(call: Call, caller: Caller) -> Call:
    """The key's own labels, whatever the client says, and the client's beside them."""
    if not caller.tags:
        return call
    return call._replace(tags=tuple(sorted((dict(call.tags) | dict(caller.tags)).items())))


def _allow(snapshot: Snapshot, caller: Caller, call: Call) -> None:
    if call.model not in snapshot.routes and call.model not in snapshot.direct:
        raise NotFound(
            f"The model '{call.model[:128]}' does not exist here; GET /v1/models lists what does.",
            param="model",
            code="model_not_found",
        )
    if not caller.may_use(call.model):
        raise Forbidden(
            f"This key may not use the model '{call.model}'.", param="model", code="model_not_allowed"
        )


def _asked(exchange: Exchange) -> RouteRequest:
    """The request as the router sees it."""
    call, caller = exchange.call, exchange.caller
    prompt_tokens, needs, _ = outline(call.fields, call.api_name)
    return RouteRequest(
        call.api_name,
        call.fields,
        prompt_tokens,
        needs,
        caller.tenant,
        caller.project,
        dict(call.tags),
        call.explain,
        wants_economy(exchange),
        exchange.services.lengths.expected(call.model, caller.tenant, prompt_tokens),
        exchange.journey.started_us,
        budget_uses(exchange) if exchange.snapshot.spending else (),
        None,
        loads(exchange) if exchange.snapshot.engines else NO_LOADS,
    )


def _rule(snapshot: Snapshot, asked: RouteRequest, model: str) -> Rule | None:
    route = snapshot.routes.get(model)
    return first_match(route.rules, asked, route.name) if route is not None else None


async def _route(exchange: Exchange, asked: RouteRequest, rule: Rule | None) -> Decision:
    """A model that the client named is honoured; a virtual one is decided by rules, then by the router."""
    snapshot = exchange.snapshot
    route = snapshot.routes.get(exchange.call.model)
    try:
        if route is None:
            return direct(snapshot.direct[exchange.call.model], asked)
        if route.sticky and has_earlier_turns(asked.api, asked.fields):
            asked = asked._replace(previous=last_turn(exchange))
        if asks_gain(asked, route, rule):
            asked = asked._replace(gain=await exchange.services.weigher.gain(route.model, asked))
        decision = exchange.services.router.decide(asked, route, rule)
    except NoCandidate as nothing:
        raise NothingFits(nothing.message, param="model") from None
    exchange.journey.routing = routing_of(decision, asked)
    return decision


async def _buy(exchange: Exchange, place: Place | None, asked: RouteRequest, rule: Rule | None) -> None:
    """An answer from a model, kept at `place` if there is one."""
    decision = exchange.journey.decision = await _route(exchange, asked, rule)
    if exchange.snapshot.cascades:
        return await climb(exchange, decision, place)
    await send(exchange, decision, place)


async def _serve_kept(
    exchange: Exchange, place: Place | None, found: Found, asked: RouteRequest, rule: Rule | None
) -> None:
    await serve_kept(exchange, found)
    if found.audited and place is not None:
        exchange.services.audits.again(exchange, place, found, lambda: _who_would(exchange, asked, rule))


def _who_would(exchange: Exchange, asked: RouteRequest, rule: Rule | None) -> tuple[Choice, ...]:
    """Who would have answered, were nothing kept; empty where nobody could."""
    route = exchange.snapshot.routes.get(exchange.call.model)
    try:
        if route is None:
            return direct(exchange.snapshot.direct[exchange.call.model], asked).choices
        return exchange.services.router.decide(asked, route, rule).choices
    except NoCandidate:
        return ()


# ---------------------------------------------------------------------- ends


def _left(client: Client, journey: Journey) -> None:
    """The client left, or the gateway had to stop, before the answer was whole."""
    if journey.attempts == 0 or journey.outcome is Outcome.REJECTED:
        journey.outcome = Outcome.CLIENT_GONE if client.gone else Outcome.INTERRUPTED
    journey.error = journey.error or journey.outcome.value


async def _defect(client: Client, journey: Journey) -> None:
    journey.outcome = Outcome.FAILED
    journey.extra["traceback"] = traceback.format_exc()
    error = GatewayError(f"The gateway failed; its log has the cause under {journey.request_id}.")
    journey.refused(error)
    client.unwatch()
    if not client.started:
        client.answer(error.http_status, error_headers(journey, error), error.body())


def _report(services: Services, journey: Journey) -> None:
    caller, call, served = journey.caller, journey.call, journey.served
    snapshot = services.live.snapshot
    model = OTHER
    if call is not None and (call.model in snapshot.routes or call.model in snapshot.direct):
        model = call.model
    services.metrics.request(
        journey.api_name,
        model,
        caller.tenant if caller else "",
        journey.outcome,
        journey.status,
        journey.ended_s - journey.started_s,
        max(0.0, journey.ended_s - journey.started_s - journey.waited_s),
    )
    if journey.decision is not None and served is not None:
        services.metrics.route(journey.decision.route, served.tier, journey.decision.reason)
        remember(services, journey)
    services.log.line(journey.line())
