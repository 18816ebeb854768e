"""The prices of a configuration as the meter takes them."""

from __future__ import annotations

from gateway.config import GatewaySettings, TokenRateSettings
from metering.model_price import LongContextTier
from metering.rate_card import Rate
from metering.token_rates import CLASSES, TokenRates


def rates_of(settings: GatewaySettings) -> tuple[Rate, ...]:
    return tuple(
        Rate(
            model=rate.model,
            backend=rate.backend,
            input=rate.input,
            output=rate.output,
            cache_read=rate.cache_read,
            cache_write=rate.cache_write,
            per_request=rate.per_request,
            from_date=rate.from_,
            reasoning=rate.reasoning,
            cache_write_1h=rate.cache_write_1h,
            per_second=rate.per_second,
            tiers=tuple(LongContextTier(step.input_tokens, token_rates(step)) for step in rate.over),
            service_factors=tuple(sorted(rate.service.items())),
        )
        for rate in settings.rates
    )


def token_rates(settings: TokenRateSettings) -> TokenRates:
    return TokenRates(**{name: getattr(settings, name) for name in CLASSES})
