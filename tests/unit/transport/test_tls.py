"""https, with a certificate made for the test by the openssl command (part of every Debian)."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from gateway.transport.base import ConnectFailed
from gateway.transport.http1 import Http1Transport
from tests.unit.transport.asking import ask, ask_whole, chunks
from tests.unit.transport.raw_upstream import (
    CHUNKED,
    OK,
    Peer,
    chunk,
    saying,
    saying_then_close,
    settle,
    upstream,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One PEM file with key and certificate for 127.0.0.1."""
    assert shutil.which("openssl"), "these tests need the openssl command"
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", "-"]
    made = subprocess.run(command, check=True, capture_output=True, timeout=30)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def test_an_exchange_over_tls_and_another_over_the_same(
    server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    transport = Http1Transport(tls=trusting)
    async with upstream(saying(OK), server_tls) as up:
        assert up.origin.scheme == "https"
        assert [await ask_whole(transport, up.origin) for _ in range(3)] == [b"ok"] * 3
        assert up.connections == 1
        await transport.aclose()
        await settle(lambda: up.gone == 1)


async def test_an_unknown_certificate_is_refused(
    transport: Http1Transport, server_tls: ssl.SSLContext
) -> None:
    async with upstream(saying(OK), server_tls) as up:
        with pytest.raises(ConnectFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await ask(transport, up.origin)


async def test_plain_http_is_not_tls(transport: Http1Transport) -> None:
    async def handler(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async with upstream(handler) as up:
        up.origin = type(up.origin)("https", up.origin.host, up.origin.port)
        with pytest.raises(ConnectFailed):
            await ask(transport, up.origin)


async def test_large_both_ways(server_tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    body = bytes(range(256)) * 8_000

    async def handler(peer: Peer) -> None:
        peer.send(CHUNKED, chunk((await peer.request()).body), b"0\r\n\r\n")
        await peer.gone()

    transport = Http1Transport(tls=trusting)
    async with upstream(handler, server_tls) as up:
        assert b"".join(await chunks(await ask(transport, up.origin, body=body))) == body
        await transport.aclose()


async def test_a_body_that_ends_with_its_connection(
    server_tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    transport = Http1Transport(tls=trusting)
    async with upstream(saying_then_close(b"HTTP/1.1 200 OK\r\n\r\n", b"the end"), server_tls) as up:
        assert await ask_whole(transport, up.origin) == b"the end"
        await transport.aclose()


async def test_abort_reaches_the_upstream(server_tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async def handler(peer: Peer) -> None:
        await peer.request()
        peer.send(CHUNKED, chunk(b"a"))
        await peer.gone()

    transport = Http1Transport(tls=trusting)
    async with upstream(handler, server_tls) as up:
        reply = await ask(transport, up.origin)
        assert await reply.chunk() == b"a"
        reply.abort()
        await settle(lambda: up.gone == 1 and transport.stats().open == 0)
