"""One row of the ledger: one upstream attempt, one cache hit, or one correction. Append-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from metering.outcome import Outcome
from metering.usage import TokenUsage

WAS_UNKNOWN = "was_unknown"
"""The `error` of a correction that prices what had no price: one unknown cost less."""
WAS_UNPRICED = "was_unpriced"
"""The `error` of a correction that prices a hit which nobody could price: one unpriced hit less."""
UNPRICED = "unknown"
"""The `price_version` of a cache hit of which nobody knows what buying its answer again would have cost."""


class Routing(NamedTuple):
    """What a router chose by, as rows hold it: enough to choose again under another policy."""

    gain: int | None
    """Predicted quality of the route's dearest tier minus the cheapest's, in millionths; None where no model
    was asked."""
    threshold: int | None
    """The gain from which the policy left the cheapest tier, in millionths; None where none was asked."""
    known: int | None
    """1: the model knows such conversations; 0: its prior spoke; None where it was not asked."""
    gain_model: str | None
    """The version of the model that predicted the gain."""
    prompt_tokens: int
    """The estimate that the router had, before anybody counted."""
    needs: str
    """What the request cannot do without beside its API, sorted: `json_schema,tools`, or ''."""


@dataclass(slots=True)
class Event:
    """Everything finance and operations need to know of one attempt.

    Times are UTC microseconds since the epoch; durations are microseconds; money is integer nano-dollars
    (1e-9 USD) and None where the price is unknown, never 0.

    Not frozen, only never changed: freezing adds half to the cost of making one on the hot path.
    """

    id: str
    """Our ULID, unique per event; never a vendor's id."""
    request_id: str
    attempt: int
    """1, 2, ... per upstream attempt of the request; 0 for a cache hit."""
    started_us: int
    finished_us: int

    tenant: str
    cost_center: str
    project: str
    key: str
    """The key's name, not its secret nor its hash."""
    tags: str
    """The client's labels as a JSON object with sorted keys; labels only, money never follows them."""

    api: str
    requested_model: str
    route: str
    """The virtual model that was routed, or '' when the client named a model itself."""
    tier: str
    reason: str
    backend: str
    served_model: str
    """The public name of the model that served."""

    outcome: Outcome
    status: int
    """The HTTP status the upstream gave, or 0 if it gave none."""
    error: str
    """A short code of the failure, '' if there was none."""
    stream: bool

    usage: TokenUsage | None
    """None when nothing is known of it (for example: refused before any work)."""

    price_version: str
    list_nanos: int | None
    """At the rate card or catalogue price, before markup."""
    cost_nanos: int | None
    """What the tenant is charged: list price times the tenant's markup. 0 for a cache hit."""
    baseline_nanos: int | None
    """What the tenant would have been charged for the same tokens at the route's dearest tier, unrouted and
    uncached: markup included, like `cost_nanos`."""

    cache_status: str
    """miss | exact | bypass"""
    queue_us: int
    first_token_us: int | None
    total_us: int
    overhead_us: int
    """Time spent in the gateway itself: total minus waiting for the upstream and for the client."""
    stand_in: bool
    """The backend stood in for another (a demo without a vendor key); shown wherever it served."""

    process: str = ""
    """The gateway process that wrote the row: a short id."""
    prefill_us: int | None = None
    """The engine's own measure of prompt processing; None if it does not say."""
    decode_us: int | None = None
    """The engine's own measure of generation; None if it does not say."""
    gpu_ns: int | None = None
    """Provisional GPU nanoseconds of an engine paid by the hour, None for vendors. The closed window's
    shares are final and stand in `gpu_shares`."""
    gpu_nanos: int | None = None
    """Provisional local dollars for `gpu_ns`."""
    kind: str = "attempt"
    """attempt | hit | correction

    A correction repeats the row it corrects, but for its own id, and holds differences: zero tokens of the
    same provenance, and list, cost and baseline to be added (None adds nothing). It counts as no attempt.
    """
    corrects: str = ""
    """The id of the event that a correction corrects, '' otherwise. A correction that gives a first price to
    an event whose cost was unknown has `error` WAS_UNKNOWN and full amounts."""
    routing: Routing | None = None
    """None where nothing was routed: the client named a model, the cache answered, or a row corrects one."""
    avoided_nanos: int | None = None
    """Of a cache hit: what the tenant would have been charged for buying the kept answer again, at the model
    and backend that gave it; `price_version` names the price. None of other rows, of a hit whose
    `price_version` is UNPRICED, and of hits of older releases, which are taken to have avoided their whole
    baseline."""
