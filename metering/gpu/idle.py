"""Who pays for a backend that stands ready and unused: a policy, stated, and conserved to the nanosecond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from metering.money import split_by_largest_remainder


class Payer(NamedTuple):
    """Who a line of GPU time is charged to."""

    tenant: str
    cost_center: str


NOBODY = Payer("", "")
"""The house itself: a line of its own in every report."""


class IdleKind(StrEnum):
    SEPARATE = "separate"
    """A line of its own, nobody's."""
    SHARED_BY_USE = "shared_by_use"
    """Over those who used the backend, in proportion to their use."""
    SHARED_EVENLY = "shared_evenly"
    """Over the tenants that used it, the same for each; within a tenant by use."""
    OWNER = "owner"
    """A tenant for whom the capacity is held."""


@dataclass(frozen=True, slots=True)
class IdlePolicy:
    """Raises ValueError unless an owner is named exactly where one pays."""

    kind: IdleKind = IdleKind.SEPARATE
    owner: Payer | None = None

    def __post_init__(self) -> None:
        if (self.kind is IdleKind.OWNER) != (self.owner is not None):
            raise ValueError("an owner of idle time is named with the policy 'owner', and only with it")


def share_idle(idle_ns: int, policy: IdlePolicy, use_ns: Mapping[Payer, int]) -> dict[Payer, int]:
    """Idle nanoseconds per payer, adding up to `idle_ns`; nobody pays where nobody used the backend.

    `use_ns` is GPU time used, over the window or over a longer time (a day) that the caller looked at.
    """
    users = {payer: use_ns[payer] for payer in sorted(use_ns) if use_ns[payer] > 0}
    if policy.owner is not None:
        return {policy.owner: idle_ns}
    if policy.kind is IdleKind.SEPARATE or not users:
        return {NOBODY: idle_ns}
    if policy.kind is IdleKind.SHARED_BY_USE:
        return _split(idle_ns, users)
    return _split_evenly(idle_ns, users)


def _split_evenly(idle_ns: int, users: Mapping[Payer, int]) -> dict[Payer, int]:
    tenants = sorted({payer.tenant for payer in users})
    per_tenant = zip(tenants, split_by_largest_remainder(idle_ns, [1] * len(tenants)), strict=True)
    shares: dict[Payer, int] = {}
    for tenant, share_ns in per_tenant:
        shares |= _split(share_ns, {payer: ns for payer, ns in users.items() if payer.tenant == tenant})
    return shares


def _split(total_ns: int, users: Mapping[Payer, int]) -> dict[Payer, int]:
    return dict(zip(users, split_by_largest_remainder(total_ns, list(users.values())), strict=True))
