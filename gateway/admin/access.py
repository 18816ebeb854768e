"""Who manages, and what they may: the admin key and keys with a role."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest

from gateway.clock import Clock
from gateway.config import Role
from gateway.errors import Forbidden, Unauthorized
from gateway.tenants import Caller, key_from_headers
from metering.audit.entry import Author

ADMIN_KEY_NAME = "admin_key"
REQUEST_ID: ContextVar[str] = ContextVar("weir_management_request_id", default="")
"""Of the management request under way, so that a change and its answer can be brought together."""


@dataclass(frozen=True, slots=True)
class Principal:
    role: Role
    tenant: str
    """'' for the admin key."""
    name: str
    """`tenant/key`, or `admin_key`."""

    def scope(self, asked: str | None) -> str | None:
        """The one tenant whose data may be read, or None for all. It comes from the key: a query can narrow
        it, never widen it. Raises Forbidden."""
        if self.role != "tenant":
            return asked
        if asked not in (None, self.tenant):
            raise Forbidden(f"This key reads only what belongs to tenant {self.tenant}.", param="tenant")
        return self.tenant


def author_of(principal: Principal, clock: Clock) -> Author:
    """For the audit log: who asks, now."""
    return Author(principal.name, clock.wall_ns() // 1000, REQUEST_ID.get())


def authenticate(
    authorization: bytes | None,
    x_api_key: bytes | None,
    *,
    admin_key: str | None,
    identify: Callable[[bytes | None, bytes | None], Caller],
) -> Principal:
    """Raises Unauthorized, Forbidden, Unavailable."""
    presented = key_from_headers(authorization, x_api_key)
    if presented and admin_key and _same(presented, admin_key.encode()):
        return Principal("admin", "", ADMIN_KEY_NAME)
    try:
        caller = identify(authorization, x_api_key)
    except Unauthorized as error:
        if admin_key is not None:
            raise
        raise Forbidden(
            "No admin_key is configured. Set it in the configuration file (`weir keys new-admin` makes one), "
            "or use a key whose role is admin.",
            code="no_admin_key",
        ) from error
    return Principal(caller.role, caller.tenant, f"{caller.tenant}/{caller.key}")


def demand(principal: Principal, roles: frozenset[Role]) -> None:
    """Raises Forbidden."""
    if principal.role not in roles:
        raise Forbidden(
            f"This takes the role {' or '.join(sorted(roles))}; this key's role is {principal.role}."
        )


def _same(presented: bytes, expected: bytes) -> bool:
    """In constant time whatever the lengths."""
    return compare_digest(sha256(presented).digest(), sha256(expected).digest())
