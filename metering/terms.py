"""What each tenant pays of a list price: markup, and discount on what the markup makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal

from metering.money import apply_markup

_EXACT = Context(prec=400)


class Terms:
    """Per tenant one factor: markup times (1 - discount), exactly.

    Raises ValueError for a markup below 0 and a discount outside 0 to 1.
    """

    def __init__(
        self,
        markup: Decimal = Decimal(1),
        discount: Decimal = Decimal(0),
        tenant_markup: Mapping[str, Decimal] | None = None,
        tenant_discount: Mapping[str, Decimal] | None = None,
    ) -> None:
        markups, discounts = dict(tenant_markup or {}), dict(tenant_discount or {})
        self._default = factor(markup, discount)
        self._of_tenant = {
            tenant: factor(markups.get(tenant, markup), discounts.get(tenant, discount))
            for tenant in {*markups, *discounts}
        }

    def factor(self, tenant: str) -> Decimal:
        return self._of_tenant.get(tenant, self._default)

    def charge(self, list_nanos: int, tenant: str) -> int:
        """What the tenant pays for something of this list price, rounded once, half to even."""
        return apply_markup(list_nanos, self.factor(tenant))


def factor(markup: Decimal, discount: Decimal) -> Decimal:
    """Raises ValueError as `Terms` does."""
    if not (markup.is_finite() and markup >= 0):
        raise ValueError(f"markup must be a finite number of at least 0, not {markup}")
    if not (discount.is_finite() and 0 <= discount <= 1):
        raise ValueError(f"discount must be between 0 and 1, not {discount}")
    if discount == 0:
        return markup
    return _EXACT.multiply(markup, _EXACT.subtract(Decimal(1), discount)).normalize(_EXACT)
