"""How much an attempt can use and cost at most, before it is sent: what budgets hold for it.

    input    a byte of the body is at most one token (byte-level tokenizers have no shorter ones), a chat
             template adds at most TEMPLATE_TOKENS; pictures, sounds and files count MEDIA_TOKENS each
    output   what the client allows, times the answers that it wants; else what the model can say, but no
             more than DEFAULT_OUTPUT_TOKENS: budgets would hold dollars for answers of a few words
    money    all of it at the dearest class, hour, context and service tier of the price, with markup

Only two things can cost more than was held: an answer beyond DEFAULT_OUTPUT_TOKENS that no `max_tokens`
bounds, and GPU time, whose shares are known when its window closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.call import Api, Call
from gateway.config_budgets import UNLIMITED_OUTPUT_TOKENS
from gateway.exchange import Exchange
from gateway.snapshot import Served
from metering.budgets import Bound
from metering.money import apply_markup
from router.cost import DEFAULT_OUTPUT_TOKENS as EXPECTED_OUTPUT_TOKENS
from router.decision import Candidate, Decision
from router.features import content_texts, prompt_text_parts, requested_output_tokens, utf8_bytes

TEMPLATE_TOKENS = 64
"""What a chat template puts before and around the messages: a default system prompt, today's date."""
MEDIA_TOKENS = 4096
DEFAULT_OUTPUT_TOKENS = UNLIMITED_OUTPUT_TOKENS
_MEDIA = (b'"image_url"', b'"input_audio"', b'"file"', b'"input_image"')
"""Types of parts that are no text."""


def bound_of(exchange: Exchange, decision: Decision, candidate: Candidate, served: Served) -> Bound:
    """Of one attempt on that candidate."""
    call = exchange.call
    prompt, output = prompt_bound_tokens(call), output_bound_tokens(call, served)
    expected_prompt = decision.prompt_tokens if decision.prompt_tokens < prompt else prompt
    expected_output = output if output < EXPECTED_OUTPUT_TOKENS else EXPECTED_OUTPUT_TOKENS
    _, factor, _, bound = exchange.snapshot.tariff(
        exchange.caller.tenant, decision.route, candidate.model, candidate.backend, exchange.journey.day
    )
    nanos: int | None = None
    expected_nanos = 0
    if bound is not None:
        nanos = bound.nanos(prompt, output, _longest_us(exchange, candidate) if bound.per_us else 0)
        expected_nanos = bound.nanos(expected_prompt, expected_output)
    elif (gpu := exchange.services.gpus.get(candidate.backend)) is not None:
        nanos = apply_markup(gpu.bound_nanos(expected_prompt, output), factor)
        expected_nanos = min(nanos, apply_markup(gpu.bound_nanos(expected_prompt, expected_output), factor))
    return Bound(nanos, prompt + output, expected_nanos, expected_prompt + expected_output)


def prompt_bound_tokens(call: Call) -> int:
    """An upper bound of all input tokens."""
    body = call.body
    if b'"type"' in body and call.api is Api.CHAT and any(kind in body for kind in _MEDIA):
        return _bound_beside_media(call.fields)
    return len(body) + TEMPLATE_TOKENS


def output_bound_tokens(call: Call, served: Served) -> int:
    """Of all answers together."""
    if call.api is Api.EMBEDDINGS:
        return 0
    fields, can, window = call.fields, served.settings.max_output_tokens, served.context_tokens
    each = requested_output_tokens(fields) or DEFAULT_OUTPUT_TOKENS
    if can is not None and can < each:
        each = can
    if window is not None and window < each:
        each = window
    alone = "n" not in fields and "best_of" not in fields and call.api is Api.CHAT
    return each if alone else each * _answers(fields)


def _answers(fields: Mapping[str, Any]) -> int:
    wanted = 1
    for name in ("n", "best_of"):
        value = fields.get(name)
        if type(value) is int and value > wanted:
            wanted = value
    prompts = fields.get("prompt")
    if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int):
        wanted *= len(prompts)
    return wanted


def _bound_beside_media(fields: Mapping[str, Any]) -> int:
    """Pictures in the body are thousands of bytes of text that no model reads as text."""
    tokens = TEMPLATE_TOKENS + sum(utf8_bytes(text) for text in prompt_text_parts(fields, Api.CHAT.value))
    for message in fields.get("messages") or ():
        content = message.get("content")
        parts = len(content) if isinstance(content, list) else 1
        tokens += 16 + MEDIA_TOKENS * max(0, parts - len(content_texts(content)))
    return tokens


def _longest_us(exchange: Exchange, candidate: Candidate) -> int:
    return int(exchange.snapshot.settings.backends[candidate.backend].timeouts.total * 1e6)
