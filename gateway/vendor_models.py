"""Which rows of the ledger are a vendor's, what the vendor calls their models, and what they cost here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction

from gateway.config import BackendSettings, GatewaySettings
from gateway.snapshot import compile_snapshot
from metering.catalogue import GenaiCatalogue
from metering.reconcile.line import CLASSES
from metering.reconcile.names import ModelNames
from metering.token_rates import nanos_per_token


class VendorModels:
    """The configuration, asked from a vendor's side."""

    def __init__(
        self,
        settings: GatewaySettings,
        vendors: Sequence[str],
        backends: Sequence[str],
        names: Mapping[str, str],
    ) -> None:
        """`backends` are those that were named; none: those whose price provider is one of `vendors`. `names`
        are models' names at the vendor, with those that the file has for them."""
        self._settings = settings
        self._vendor_of, self.problem = _vendors_of(settings, vendors, backends)
        self._snapshot = compile_snapshot(settings, 1, GenaiCatalogue(), datetime.now(UTC).date())
        upstream = {public: self._upstream(backend, public) for backend, public in self._served()}
        self.names = ModelNames({theirs: upstream.get(ours, ours) for theirs, ours in names.items()})
        self._places = self._by_name()

    def named(self, backend: str, model: str) -> tuple[str, str] | None:
        """See metering.reconcile.ledger_side.Named."""
        vendor = self._vendor_of.get(backend)
        return None if vendor is None else (vendor, self.names.of(self._upstream(backend, model)))

    def rates(self, vendor: str, model: str, day: date) -> Mapping[str, Fraction] | None:
        """See metering.reconcile.cells.Rates. Of several backends, the first that has a price."""
        for backend, public in self._places.get((vendor, model), ()):
            price = self._snapshot.price(public, backend, day)
            if price is not None:
                uncached, read, write, output, *_ = nanos_per_token(price.rates)
                return dict(zip(CLASSES, (uncached, read, write, output), strict=True))
        return None

    def _upstream(self, backend: str, public: str) -> str:
        """What the vendor knows the model as; a model that the file no longer has keeps its public name."""
        settings = self._settings.backends.get(backend)
        model = None if settings is None else settings.models.get(public)
        return public if model is None else model.upstream

    def _served(self) -> list[tuple[str, str]]:
        backends = self._settings.backends.items()
        return [(name, public) for name, backend in backends for public in backend.models]

    def _by_name(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for backend, public in self._served():
            if (named := self.named(backend, public)) is not None:
                found.setdefault(named, []).append((backend, public))
        return found


def provider_of(backend: BackendSettings) -> str | None:
    """Whose prices a backend has: a provider's id."""
    return backend.price_provider or ("openai" if backend.kind == "openai" else None)


def _vendors_of(
    settings: GatewaySettings, vendors: Sequence[str], backends: Sequence[str]
) -> tuple[dict[str, str], str]:
    """(backend -> vendor, what is wrong)."""
    if unknown := [name for name in backends if name not in settings.backends]:
        return {}, f"--backend: the configuration has no backend {unknown[0]!r}"
    if backends and len(vendors) > 1:
        return {}, f"--backend: the file has charges of {', '.join(vendors)}: choose one with --provider"
    if backends:
        return (dict.fromkeys(backends, vendors[0]) if vendors else {}), ""
    found = {
        name: provider
        for name, backend in settings.backends.items()
        if (provider := provider_of(backend)) is not None and provider in vendors
    }
    if missing := [vendor for vendor in vendors if vendor not in found.values()]:
        return {}, f"no backend has the price_provider {missing[0]!r}: name those that use it with --backend"
    return found, ""
