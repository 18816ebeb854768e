"""How an answer's head looks on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

Header = tuple[bytes, bytes]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
CLOSE = b"connection: close\r\n"
_CLOSE_HEADER = (b"connection", b"close")
_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


def head(status: int, common: bytes, headers: Sequence[Header], framing: bytes) -> bytes:
    """The status line, `common` and `framing` (whole lines both), and the headers, up to the empty line.
    Raises ValueError if a header holds a line break that would let its value pose as another header."""
    told = b"".join([b"%b: %b\r\n" % header for header in headers])
    if told.count(b"\n") != len(headers) or told.count(b"\r") != len(headers):
        raise ValueError("a header of an answer holds a line break")
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return b"%b%b%b%b\r\n" % (line, common, told, framing)


def closes(headers: Sequence[Header]) -> bool:
    """Whether the answer itself says that its connection ends with it."""
    return _CLOSE_HEADER in headers


def chunk(piece: bytes) -> bytes:
    """One piece of a body of unknown length."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)
