"""What tenants' answers occupy, and for how long: exact, and given out so that it is booked once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from cache.answers import StorageUse

_US_PER_S = 1_000_000


def new_id() -> str:
    return "sto_" + secrets.token_hex(12)


class StorageMeter:
    """Bytes times microseconds in whole numbers. What is taken in whole byte-seconds leaves its remainder
    behind, so that everything taken and everything left is the sum of everything held."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        self._bytes: dict[str, int] = {}
        self._since_us: dict[str, int] = {}
        self._byte_us: dict[str, int] = {}
        self._taken: dict[str, StorageUse] = {}

    @property
    def tenant_bytes(self) -> dict[str, int]:
        return dict(self._bytes)

    def bytes_of(self, tenant: str) -> int:
        return self._bytes.get(tenant, 0)

    def change(self, tenant: str, by_bytes: int) -> None:
        self._accrue(tenant, self._now_us())
        size = self._bytes.get(tenant, 0) + by_bytes
        if size:
            self._bytes[tenant] = size
        else:
            self._bytes.pop(tenant, None)
            self._since_us.pop(tenant, None)

    def take(self) -> list[StorageUse]:
        now_us = self._now_us()
        for tenant in list(self._bytes):
            self._accrue(tenant, now_us)
        for tenant, byte_us in list(self._byte_us.items()):
            if byte_us >= _US_PER_S and tenant not in self._taken:
                seconds, self._byte_us[tenant] = divmod(byte_us, _US_PER_S)
                self._taken[tenant] = StorageUse(new_id(), tenant, seconds, now_us)
        return list(self._taken.values())

    def booked(self, ids: Sequence[str]) -> None:
        done = set(ids)
        self._taken = {tenant: use for tenant, use in self._taken.items() if use.id not in done}
        self._byte_us = {
            tenant: byte_us
            for tenant, byte_us in self._byte_us.items()
            if byte_us or tenant in self._bytes or tenant in self._taken
        }

    def _accrue(self, tenant: str, now_us: int) -> None:
        since_us = self._since_us.get(tenant, now_us)
        held = self._bytes.get(tenant, 0) * max(0, now_us - since_us)
        self._since_us[tenant] = max(since_us, now_us)
        if held:
            self._byte_us[tenant] = self._byte_us.get(tenant, 0) + held
