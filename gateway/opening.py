"""What the journal keeps of an attempt before it is sent, and the row made of that if nobody saw its end."""

from __future__ import annotations

from typing import Any

from gateway.exchange import Tried
from gateway.settle import UNKNOWN, charge, tags_text
from gateway.snapshot import Snapshot
from metering.dialects.reported import Reported
from metering.event import Event, Routing
from metering.ledger import Row
from metering.outcome import Outcome
from metering.rows import to_row
from metering.usage import Provenance, TokenUsage
from router.cost import DEFAULT_OUTPUT_TOKENS
from router.features import requested_output_tokens


def open_payload(tried: Tried) -> list[Any]:
    """In the order that `interrupted_row` reads."""
    exchange, candidate = tried.exchange, tried.candidate
    call, caller, journey = exchange.call, exchange.caller, exchange.journey
    return [
        journey.request_id,
        tried.number,
        tried.started_us,
        caller.tenant,
        caller.cost_center,
        caller.project,
        caller.key,
        tags_text(call.tags),
        call.api_name,
        call.model,
        tried.decision.route,
        candidate.tier,
        tried.decision.reason,
        candidate.backend,
        candidate.model,
        call.stream,
        tried.served.stand_in,
        tried.decision.prompt_tokens,
        requested_output_tokens(call.fields),
        journey.cache_status,
        *(journey.routing or ()),
    ]


def interrupted_row(snapshot: Snapshot, process: str, event_id: str, payload: Any) -> Row:
    """The attempt reached its upstream, and then the gateway, `process`, died: what it cost is estimated from
    the size of the prompt and the output that was expected. Its time of death is not known, so it lasts no
    time. A journal of an older release has no routing."""
    (
        request_id, attempt, started_us, tenant, cost_center, project, key, tags, api, requested_model, route,
        tier, reason, backend, served_model, stream, stand_in, prompt_tokens, output_tokens, cache_status,
        *routing,
    ) = payload  # fmt: skip
    expected = min(output_tokens or DEFAULT_OUTPUT_TOKENS, DEFAULT_OUTPUT_TOKENS)
    usage = TokenUsage(
        prompt_tokens, output=0 if api == "embeddings" else expected, provenance=Provenance.ESTIMATED
    )
    known = (served_model, backend) in snapshot.served
    money = (
        charge(snapshot, tenant, route, served_model, backend, started_us, Reported(usage), 0)
        if known
        else UNKNOWN
    )
    return to_row(
        Event(
            id=event_id,
            request_id=request_id,
            attempt=attempt,
            started_us=started_us,
            finished_us=started_us,
            tenant=tenant,
            cost_center=cost_center,
            project=project,
            key=key,
            tags=tags,
            api=api,
            requested_model=requested_model,
            route=route,
            tier=tier,
            reason=reason,
            backend=backend,
            served_model=served_model,
            outcome=Outcome.INTERRUPTED,
            status=0,
            error="gateway_died",
            stream=stream,
            usage=usage,
            price_version=money.price_version,
            list_nanos=money.list_nanos,
            cost_nanos=money.cost_nanos,
            baseline_nanos=money.baseline_nanos,
            cache_status=cache_status,
            queue_us=0,
            first_token_us=None,
            total_us=0,
            overhead_us=0,
            stand_in=stand_in,
            process=process,
            kind="attempt",
            routing=Routing(*routing) if routing else None,
        )
    )
