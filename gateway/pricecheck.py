"""Whether a configured model has a price today: asked by `weir check`, by the start and by every reload."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.config import GatewaySettings
from gateway.config_file import PriceCheck
from metering.catalogue import Catalogue


def price_check(catalogue: Catalogue) -> PriceCheck:
    """The rate card is looked at by the caller; this asks the catalogue. It compiles nothing: settings that
    are being checked may name models that do not exist."""
    today = datetime.now(UTC).date()

    def priced(settings: GatewaySettings, backend: str, model: str) -> bool:
        serving = settings.backends[backend]
        provider = serving.price_provider or ("openai" if serving.kind == "openai" else None)
        if provider is None:
            return False
        return catalogue.find(provider, serving.models[model].upstream, today) is not None

    return priced
