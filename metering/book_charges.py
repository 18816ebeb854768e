"""A price book and the tenants' terms, asked for rows that are already there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from metering.correction import Amounts
from metering.days import utc_day
from metering.event import UNPRICED, Event
from metering.model_price import ModelPrice, service_tier_of
from metering.prices import PriceBook, PricedModel
from metering.reprice import Charge
from metering.terms import Terms
from metering.usage import TokenUsage

Baseline = Callable[[str, str, str], tuple[str, str]]
"""(route, model, backend) -> the model and backend that would have served unrouted. Raises KeyError for a
route that is no more."""


class BookCharges:
    """The `Book` of a repricing. A row's service tier is read from its price version; its day and hour are
    those at which it began."""

    def __init__(
        self, book: PriceBook, terms: Terms, models: Mapping[tuple[str, str], PricedModel], baseline: Baseline
    ) -> None:
        """`models` by (public model, backend): those that the configuration serves."""
        self._book = book
        self._terms = terms
        self._models = models
        self._baseline = baseline

    def charge(self, event: Event) -> Charge | None:
        usage = event.usage
        if usage is None:
            return None
        if event.attempt == 0:
            return self._hit(event, usage)
        price = self._price(event.served_model, event.backend, event)
        if price is None:
            return None
        nanos = price.cost_nanos(usage, event.total_us)
        cost = self._terms.charge(nanos, event.tenant)
        # A row without a price has no baseline either; one that has a price and none is meant to have none.
        known = event.baseline_nanos is not None or event.cost_nanos is None
        baseline = self._unrouted(event, usage, event.total_us) if known else None
        return Charge(price.version, Amounts(nanos, cost, baseline))

    def _hit(self, event: Event, usage: TokenUsage) -> Charge:
        """What a hit saved may change; what it costs is nothing. How long buying its answer took stands in no
        row: prices by the second determine nothing of it."""
        costs = event.list_nanos, event.cost_nanos
        if event.avoided_nanos is None and event.price_version != UNPRICED:  # of an older release
            return Charge(event.price_version, Amounts(*costs, self._unrouted(event, usage, 0)))
        baseline = self._unrouted(event, usage, None)
        price = self._price(event.served_model, event.backend, event)
        if price is None or price.per_second:
            return Charge(event.price_version, Amounts(*costs, baseline))
        avoided = self._terms.charge(price.cost_nanos(usage), event.tenant)
        return Charge(price.version, Amounts(*costs, baseline, avoided))

    def _unrouted(self, event: Event, usage: TokenUsage, duration_us: int | None) -> int | None:
        """`duration_us`: None where nobody knows it."""
        try:
            model, backend = self._baseline(event.route, event.served_model, event.backend)
        except KeyError:
            return None
        price = self._price(model, backend, event)
        if price is None or (duration_us is None and price.per_second):
            return None
        return self._terms.charge(price.cost_nanos(usage, duration_us or 0), event.tenant)

    def _price(self, model: str, backend: str, event: Event) -> ModelPrice | None:
        served = self._models.get((model, backend))
        if served is None:
            return None
        day = utc_day(event.started_us)
        price = self._book.price(model, backend, served.catalogue_provider, served.upstream_model, day)
        if price is None:
            return None
        return price.for_request(event.started_us, service_tier_of(event.price_version))
