"""Rows for what was used: tokens, requests and time at their prices, corrections, GPU time, idle GPUs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from metering.focus.labels import tags_of
from metering.focus.ledger_read import Correction, Found, GpuUse, HouseTime, Place, Stored, Usage
from metering.focus.meters import Metered, average_price, metered
from metering.focus.prices import Prices
from metering.focus.row import FocusRow, LedgerKind, Priced, Sku, Span
from metering.focus.values import decimal_of, seconds_of, unit_price
from metering.model_price import service_tier_of
from metering.storage_price import BYTES_PER_GB, usd_per_gb_second

GPU_SECONDS, GB_SECONDS = "GPU-Seconds", "GB-Seconds"
STORAGE_SKU = "cache-storage"
_LINES = {
    "idle": ("Idle GPU Time", "idle GPU time"),
    "warmup": ("GPU Warm-up Time", "GPU time of warming up"),
    "overhead": ("GPU Overhead Time", "GPU time held by attempts that did no work"),
}


class UsageRows:
    """Of one billing period."""

    def __init__(self, billing: Span, span: Span, bucket_us: int, prices: Prices) -> None:
        """`span` is the part of the billing period that is wanted: hours and days are cut off at its ends."""
        self._billing = billing
        self._span = span
        self._bucket_us = bucket_us
        self._prices = prices

    def rows(self, found: Found) -> Iterator[FocusRow]:
        for usage in found.usage:
            yield from self.of_usage(usage)
        for gpu in found.gpu:
            yield from self.of_gpu(gpu)
        for correction in found.corrections:
            yield from self.of_correction(correction)
        for house in found.house:
            yield from self.of_house(house)
        for stored in found.storage:
            yield self.of_storage(stored)

    def of_usage(self, usage: Usage) -> Iterator[FocusRow]:
        place, version = usage.place, usage.price_version
        price = self._prices.price(place.model, place.backend, usage.first_us, version)
        factor = self._prices.factor(place.tenant)
        for index, each in enumerate(metered(usage.sums, price, usage.over_tokens, factor)):
            yield self._row(
                place,
                "usage",
                description=f"{place.model} {each.meter.name.lower()} on {place.backend}",
                billed_nanos=each.billed_nanos,
                priced=each.priced,
                sku=_token_sku(place, each, version, usage.over_tokens),
                price_version=version,
                price_basis=each.basis,
                # Once per sum of attempts: whoever adds the column up must not count a request per meter.
                requests=usage.sums.attempts if index == 0 else 0,
            )

    def of_gpu(self, gpu: GpuUse) -> Iterator[FocusRow]:
        place = gpu.place
        if not (gpu.gpu_ns or gpu.list_nanos or gpu.cost_nanos):
            return
        factor = Fraction(self._prices.factor(place.tenant))
        priced, basis = self._gpu_price(place, gpu.gpu_ns, gpu.list_nanos, gpu.cost_nanos, gpu.parts, factor)
        yield self._row(
            place,
            "gpu",
            description=f"{place.model} GPU time on {place.backend}",
            billed_nanos=gpu.cost_nanos,
            priced=priced or average_price(Decimal(1), "Charges", gpu.list_nanos, gpu.cost_nanos),
            sku=_gpu_sku(place, "GPU Time", gpu.price_version),
            price_version=gpu.price_version,
            price_basis=basis,
            requests=gpu.attempts,
        )

    def of_house(self, house: HouseTime) -> Iterator[FocusRow]:
        """Nobody's markup: GPU hours cost what they cost."""
        place = house.place
        if not (house.gpu_ns or house.nanos):
            return
        nanos = house.nanos
        priced, basis = self._gpu_price(place, house.gpu_ns, nanos, nanos, house.parts, Fraction(1))
        meter, what = _LINES.get(house.line, (f"GPU {house.line} Time", f"GPU time: {house.line}"))
        yield self._row(
            place,
            "idle",
            description=f"{what} on {place.backend}",
            billed_nanos=nanos,
            priced=priced or average_price(Decimal(1), "Charges", nanos, nanos),
            sku=_gpu_sku(place, meter, ""),
            price_basis=basis,
            unused_capacity=True,
        )

    def of_storage(self, stored: Stored) -> FocusRow:
        """Without a price its cost is 0, and so is its price here."""
        place, version = stored.place, stored.price_version
        quantity = decimal_of(Fraction(stored.byte_seconds, BYTES_PER_GB), 9)
        priced, basis = self._storage_price(stored, quantity)
        return self._row(
            place,
            "storage",
            description="answers kept in the cache",
            billed_nanos=stored.cost_nanos,
            priced=priced,
            sku=Sku(STORAGE_SKU, "Cache Storage", f"{STORAGE_SKU}:{version}" if version else STORAGE_SKU),
            price_version=version,
            price_basis=basis,
        )

    def _storage_price(self, stored: Stored, quantity: Decimal) -> tuple[Priced, str]:
        """A dollar for a gigabyte-second is a nano-dollar for a byte-second."""
        if not quantity:
            return average_price(Decimal(1), "Charges", stored.list_nanos, stored.cost_nanos), "average"
        average = average_price(quantity, GB_SECONDS, stored.list_nanos, stored.cost_nanos)
        usd = usd_per_gb_second(stored.price_version)
        if usd is None or abs(usd * stored.byte_seconds - stored.list_nanos) > stored.parts:
            return average, "average"
        tenant = stored.place.tenant
        terms = Fraction(self._prices.factor(tenant)) if tenant else Fraction(1)
        if abs(usd * terms * stored.byte_seconds - stored.cost_nanos) > stored.parts * max(
            terms, Fraction(1)
        ):
            return replace(average, list_price=unit_price(usd)), "average-terms"
        return Priced(quantity, GB_SECONDS, unit_price(usd), unit_price(usd * terms)), "rates"

    def of_correction(self, correction: Correction) -> Iterator[FocusRow]:
        """What new prices changed in a period that was open: an adjustment without a price of its own."""
        if not (correction.list_nanos or correction.cost_nanos):
            return
        place = correction.place
        yield self._row(
            place,
            "correction",
            description=f"{place.model} on {place.backend}: priced again, {correction.rows} charges",
            billed_nanos=correction.cost_nanos,
            list_nanos=correction.list_nanos,
            contracted_nanos=correction.cost_nanos,
            price_version=correction.price_version,
        )

    def _gpu_price(
        self, place: Place, gpu_ns: int, list_nanos: int, cost_nanos: int, parts: int, factor: Fraction
    ) -> tuple[Priced | None, str]:
        """None where there is no quantity to price."""
        if not gpu_ns:
            return None, "average"
        quantity = seconds_of(gpu_ns)
        average = average_price(quantity, GPU_SECONDS, max(list_nanos, 0), max(cost_nanos, 0))
        usd = self._prices.gpu_usd_per_second(place.backend, place.bucket_us)
        exact = None if usd is None else usd * gpu_ns  # a dollar per second is a nano-dollar per nanosecond
        if usd is None or exact is None or abs(exact - list_nanos) > parts:
            return average, "average"
        if abs(exact * factor - cost_nanos) > parts * max(factor, Fraction(1)):
            return replace(average, list_price=unit_price(usd)), "average-terms"
        return Priced(quantity, GPU_SECONDS, unit_price(usd), unit_price(usd * factor)), "rates"

    def _row(
        self,
        place: Place,
        kind: LedgerKind,
        *,
        description: str,
        billed_nanos: int,
        priced: Priced | None = None,
        sku: Sku | None = None,
        list_nanos: int = 0,
        contracted_nanos: int = 0,
        price_version: str = "",
        price_basis: str = "",
        requests: int = 0,
        unused_capacity: bool = False,
    ) -> FocusRow:
        start_us = max(place.bucket_us, self._span.start_us)
        end_us = min(place.bucket_us + self._bucket_us, self._span.end_us)
        return FocusRow(
            billing=self._billing,
            charge=Span(start_us, end_us),
            category="Adjustment" if kind == "correction" else "Usage",
            kind=kind,
            description=description,
            tenant=place.tenant,
            billed_nanos=billed_nanos,
            tags=tags_of(place.cost_center, place.project, place.tags),
            priced=priced,
            list_nanos=list_nanos,
            contracted_nanos=contracted_nanos,
            backend=place.backend,
            model=place.model,
            sku=sku,
            requests=requests,
            price_version=price_version,
            price_basis=price_basis,
            unused_capacity=unused_capacity,
        )


def _token_sku(place: Place, each: Metered, version: str, over_tokens: int) -> Sku:
    details = {"x_ModelId": place.model}
    marks = [version]
    for name, value in (
        ("x_TokenType", each.meter.token_type),
        ("x_CacheTtl", each.meter.cache_ttl),
        ("x_ServiceTier", service_tier_of(version)),
        ("x_ContextTier", f"over-{over_tokens}" if over_tokens else ""),
    ):
        if value:
            details[name] = value
            marks += [value] if name in {"x_CacheTtl", "x_ContextTier"} else []
    id = _sku_id(place, each.meter.name)
    return Sku(id, each.meter.name, f"{id}:{';'.join(marks)}", details)


def _gpu_sku(place: Place, meter: str, version: str) -> Sku:
    id = _sku_id(place, meter)
    details = {"x_ModelId": place.model} if place.model else {}
    return Sku(id, meter, f"{id}:{version}" if version else id, details)


def _sku_id(place: Place, meter: str) -> str:
    parts = (place.backend, place.model, re.sub(r"[^a-z0-9]+", "-", meter.lower()))
    return "/".join(part for part in parts if part)
