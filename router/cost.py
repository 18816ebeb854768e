"""What an answer is expected to cost, for ranking and for the record; billing knows better afterwards."""

from __future__ import annotations

from collections.abc import Iterable

from router.decision import Candidate, Choice, RouteRequest
from router.features import requested_output_tokens
from router.load import marginal_share

DEFAULT_OUTPUT_TOKENS = 256
"""Expected of an answer whose length the client does not limit and nobody has predicted."""


def with_costs(candidates: Iterable[Candidate], request: RouteRequest) -> tuple[Choice, ...]:
    """In the same order. The cost is None where a price is unknown."""
    output_tokens, prompt_tokens = expected_output_tokens(request), request.prompt_tokens
    return tuple([Choice(each, expected_nanos(each, prompt_tokens, output_tokens)) for each in candidates])


def expected_output_tokens(request: RouteRequest) -> int:
    """What was predicted, within what the client allows; else what it allows, or the default; nothing for
    embeddings."""
    if request.api == "embeddings":
        return 0
    allowed, predicted = requested_output_tokens(request.fields), request.expected_output_tokens
    if predicted is not None:
        return min(predicted, allowed) if allowed else predicted
    return allowed or DEFAULT_OUTPUT_TOKENS


def expected_nanos(candidate: Candidate, prompt_tokens: int, output_tokens: int) -> int | None:
    """Nano-dollars at list price; None if a price that matters is unknown."""
    per_input, per_output = candidate.input_nanos_per_token, candidate.output_nanos_per_token
    if per_input is None or (per_output is None and output_tokens):
        return None
    return round(prompt_tokens * per_input + output_tokens * (per_output or 0.0))


def marginal_nanos(candidate: Candidate, request: RouteRequest) -> int | None:
    """What this request adds to what is paid anyway: less than the list price on an engine that is paid by
    the hour and has room, as much elsewhere. None if a price that matters is unknown."""
    nanos = expected_nanos(candidate, request.prompt_tokens, expected_output_tokens(request))
    load = request.loads.get(candidate.backend)
    return nanos if nanos is None or load is None else round(nanos * marginal_share(load))
