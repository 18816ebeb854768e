"""One upstream URL of one backend, with everything that changes about it while the gateway runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from gateway.backends.base import Backend
from gateway.backends.breaker import Breaker, Circuit
from gateway.backends.registry import backend_for
from gateway.clock import Clock
from gateway.config import BackendSettings, TimeoutSettings
from gateway.transport.base import Header, Origin, Timeouts
from gateway.transport.url import parse_base_url
from gateway.version import __version__

LAUNCHED = "launched"
"""The label of an engine that the gateway starts itself: its address changes with every start."""
_NOWHERE = Origin("http", "127.0.0.1", 0)


class Target:
    """Where attempts go. `fleet.py` makes and chooses them; `health.py` and the supervisor move `healthy` and
    `starting`; whoever sends an attempt counts it in `in_flight` and tells the `breaker` how it went."""

    __slots__ = (
        "adapter",
        "backend",
        "base_path",
        "breaker",
        "detail",
        "headers",
        "healthy",
        "in_flight",
        "label",
        "origin",
        "settings",
        "starting",
        "timeouts",
    )

    def __init__(self, backend: str, settings: BackendSettings, url: str | None, clock: Clock) -> None:
        """Without a `url` it is an engine yet to be started: `came_up` tells where it is."""
        self.backend = backend
        self.adapter: Backend = backend_for(settings.kind)
        self.origin, self.base_path = parse_base_url(url) if url else (_NOWHERE, b"/v1")
        self.label = url or LAUNCHED
        self.breaker = Breaker(settings.breaker.failures, settings.breaker.open_for, clock)
        self.headers: tuple[Header, ...]
        self.timeouts: Timeouts
        self.use(settings)
        self.in_flight = 0
        self.healthy = True
        self.starting = url is None
        self.detail = ""
        """Why it is not healthy."""

    def use(self, settings: BackendSettings) -> None:
        """For the attempts to come."""
        self.settings = settings
        self.headers = request_headers(settings)
        self.timeouts = timeouts_of(settings.timeouts)
        self.breaker.use(settings.breaker.failures, settings.breaker.open_for)

    def __repr__(self) -> str:  # the headers hold the upstream key
        return f"Target({self.backend!r}, {self.url!r})"

    @property
    def url(self) -> str:
        """Where it is now; empty while an engine has no address."""
        if self.origin is _NOWHERE:
            return ""
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        return f"{self.origin.scheme}://{host}:{self.origin.port}{self.base_path.decode()}"

    @property
    def up(self) -> bool:
        """In rotation: an attempt sent now would be let through."""
        return self.healthy and not self.starting and self.breaker.state is not Circuit.OPEN

    def came_up(self, address: str) -> None:
        """The engine listens at `address` (http://host:port); what its predecessor did is forgotten."""
        parts = urlsplit(address)
        self.origin = Origin(parts.scheme, parts.hostname or "", parts.port or 0)
        self.breaker.reset()
        self.healthy, self.starting, self.detail = True, False, ""

    def went_down(self) -> None:
        self.starting = True

    def describe(self) -> dict[str, Any]:
        """For people; holds no secret."""
        return {
            "url": self.url or None,
            "label": self.label,
            "up": self.up,
            "healthy": self.healthy,
            "starting": self.starting,
            "detail": self.detail,
            "circuit": self.breaker.state.value,
            "in_flight": self.in_flight,
        }


def request_headers(settings: BackendSettings) -> tuple[Header, ...]:
    """Sent with every request: a JSON body, an answer to relay as it comes, the gateway's own key."""
    headers: list[Header] = [
        (b"content-type", b"application/json"),
        (b"accept-encoding", b"identity"),
        (b"user-agent", f"weir/{__version__}".encode()),
    ]
    if not backend_for(settings.kind).keeps_connections:
        headers.append((b"connection", b"close"))
    if settings.api_key is not None:
        headers.append((b"authorization", b"Bearer " + settings.api_key.get_secret_value().encode()))
    return tuple(headers)


def timeouts_of(settings: TimeoutSettings) -> Timeouts:
    return Timeouts(
        connect_s=settings.connect,
        first_byte_s=settings.first_byte,
        idle_s=settings.idle,
        total_s=settings.total,
    )
