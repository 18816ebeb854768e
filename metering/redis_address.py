"""From an address to a Redis client that never retries by itself and never waits long.

`redis://` and `rediss://` as everywhere; `redis+sentinel://host:port,host:port/service/db` asks sentinels who
the master is.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

Client = Redis

SCHEMES = ("redis", "rediss", "redis+sentinel")
_SENTINEL_PORT = 26379


def open_clients(url: str, patience_s: float, what: str = "state") -> list[Client]:
    """The one to use, and those of the sentinels, which want closing too. They connect on first use.
    Raises ValueError, which begins with `what` the address is of."""
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ValueError(
            f"{what}: an address begins with redis://, rediss:// or redis+sentinel://, not {scheme}:"
        )
    settings: dict[str, Any] = {
        # No timeout of the client's own: it wraps every write in `asyncio.wait_for`, which in Python 3.11
        # loses a cancellation that arrives with the result. The store has a deadline around it all.
        "socket_timeout": None,
        "socket_connect_timeout": patience_s,
        "retry": Retry(NoBackoff(), 0),  # a command that was sent may have been done: whoever sent it decides
        "protocol": 2,
        "client_name": "weir",
    }
    if scheme == "redis+sentinel":
        return _master(url, settings, what)
    return [Redis.from_url(url, **settings)]


def _master(url: str, settings: dict[str, Any], what: str) -> list[Client]:
    parts = urlsplit(url)
    who, _, hosts = parts.netloc.rpartition("@")
    service, _, database = parts.path.lstrip("/").partition("/")
    if not hosts or not service or not (database or "0").isdigit():
        raise ValueError(f"{what}: write sentinels as redis+sentinel://host:port,host:port/service/db")
    if who:
        user, _, password = who.partition(":")
        settings |= {"username": unquote(user) or None, "password": unquote(password) or None}
    waits = ("socket_timeout", "socket_connect_timeout", "retry")
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        [_host(each, what) for each in hosts.split(",")],
        sentinel_kwargs={name: settings[name] for name in waits},
        db=int(database or 0),
        **settings,
    )
    master: Client = sentinels.master_for(service)
    return [master, *sentinels.sentinels]


def _host(text: str, what: str) -> tuple[str, int]:
    """Raises ValueError."""
    host, _, port = text.rpartition(":")
    if not host:
        return port, _SENTINEL_PORT
    if not port.isdigit():
        raise ValueError(f"{what}: {text!r} is no host:port")
    return host.strip("[]"), int(port)
