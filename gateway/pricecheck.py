"""What the catalogue says of the configured models today: asked by `weir check`, by the start and by every
reload."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.config import GatewaySettings
from gateway.config_checks import ListPrice
from gateway.config_file import PriceCheck
from metering.catalogue import Catalogue
from metering.model_price import ModelPrice


def list_price(catalogue: Catalogue) -> ListPrice:
    """It compiles nothing: settings that are being checked may name models that do not exist."""
    today = datetime.now(UTC).date()

    def listed(settings: GatewaySettings, backend: str, model: str) -> ModelPrice | None:
        serving = settings.backends[backend]
        provider = serving.price_provider or ("openai" if serving.kind == "openai" else None)
        if provider is None:
            return None
        return catalogue.find(provider, serving.models[model].upstream, today)

    return listed


def price_check(catalogue: Catalogue) -> PriceCheck:
    """Whether a model has a price in the catalogue; the rate card is looked at by the caller."""
    listed = list_price(catalogue)

    def priced(settings: GatewaySettings, backend: str, model: str) -> bool:
        return listed(settings, backend, model) is not None

    return priced
