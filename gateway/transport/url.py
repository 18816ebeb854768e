"""From the base URL of a backend to where to connect and what to put before each path."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.transport.base import Origin

DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_base_url(url: str) -> tuple[Origin, bytes]:
    """`https://api.openai.com/v1/` -> its Origin and b"/v1" (b"" without a path). Raises ValueError saying
    which part is wrong; the message does not repeat the URL, which might hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("the URL must begin with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL must not hold a user name or password")
    if parts.query or parts.fragment:
        raise ValueError("the URL must end with its path: no query, no fragment")
    if not parts.hostname:
        raise ValueError("the URL names no host")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    return Origin(parts.scheme, _ascii_host(parts.hostname), port), _base_path(parts.path)


def authority(origin: Origin) -> bytes:
    """The value of the host header: brackets around IPv6, no port where it is the scheme's own."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != DEFAULT_PORTS.get(origin.scheme):
        host = f"{host}:{origin.port}"
    return host.encode("ascii")


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError("the URL's host is not a valid name") from error


def _base_path(path: str) -> bytes:
    if not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError("the URL's path must be percent-encoded ASCII")
    return path.rstrip("/").encode("ascii")
