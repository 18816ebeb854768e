"""One connection, many commands under way: answers come in the order of the questions.

Making the connection, TLS, passwords and sentinels are the client's own. From then on the lane has the socket
to itself: the client's layers around a command cost as much as the server's answer takes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from hashlib import sha1
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from metering.redis_address import Client

Word = bytes | str | int
MAX_UNDER_WAY = 10_000


class Broken(Exception):
    """No answer will come: the connection is gone, or too much waits for one."""


class Late(Exception):
    """No answer came in time. It may have been done all the same."""


class Refused(Exception):
    """The server answered with an error; its words begin with a code such as NOSCRIPT."""


class _Malformed(Exception):
    """What came is no answer."""


_NOTHING_YET = object()
_NO_ANSWER = ("LOADING", "MASTERDOWN")
"""Errors of a server that does not serve yet, or no longer: another connection may lead to one that does."""


class Lane(asyncio.Protocol):
    def __init__(self, client: Client, connection: AbstractConnection, transport: asyncio.Transport) -> None:
        self._client = client
        self._connection = connection
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[asyncio.Future[Any]] = deque()
        self._answers = hiredis.Reader(
            protocolError=_Malformed, replyError=Refused, notEnoughData=_NOTHING_YET
        )
        self.broken = ""
        """Why, once it is."""
        transport.set_protocol(self)

    @classmethod
    async def open(cls, client: Client, within_s: float) -> Lane:
        """Raises Broken."""
        try:
            async with asyncio.timeout(within_s):
                connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise Broken(f"no connection within {within_s:g} s") from None
        except (RedisError, OSError) as error:
            raise Broken(f"{type(error).__name__}: {error}") from error
        # The client has no public name for it; requirements/ pins the version, and every test of a real
        # server comes by here.
        return cls(client, connection, cast(asyncio.Transport, connection._writer.transport))

    async def call(self, *words: Word, within_s: float | None) -> Any:
        """Raises Broken, Late, Refused."""
        if self.broken or len(self._under_way) >= MAX_UNDER_WAY:
            raise Broken(self.broken or "too many commands under way")
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._under_way.append(answer)
        self._transport.write(hiredis.pack_command(words))  # type: ignore[arg-type]  # a stub of one word
        timer = None if within_s is None else self._loop.call_later(within_s, _late, answer, within_s)
        try:
            return await answer
        finally:
            if timer is not None:
                timer.cancel()
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, whether or not somebody was still there to hear of it

    async def run(self, script: Script, *arguments: Word, within_s: float | None) -> Any:
        """Raises Broken, Late, Refused."""
        try:
            return await self.call("EVALSHA", script.digest, *arguments, within_s=within_s)
        except Refused as refused:
            if not str(refused).startswith("NOSCRIPT"):
                raise
        return await self.call("EVAL", script.text, *arguments, within_s=within_s)

    async def aclose(self) -> None:
        self._break("closed")
        with suppress(RedisError, OSError):
            await self._connection.disconnect(nowait=True)
        with suppress(RedisError, OSError, KeyError):
            await self._client.connection_pool.release(self._connection)

    # ------------------------------------------------------------------ asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._answers.feed(data)
        try:
            while (found := self._answers.gets(False)) is not _NOTHING_YET:
                self._answer(found)
        except _Malformed as error:
            self._break(f"the server said what is no answer: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(f"{type(exc).__name__}: {exc}" if exc else "the connection was closed")

    # ------------------------------------------------------------------ what becomes of a question

    def _answer(self, found: Any) -> None:
        if not self._under_way:
            return self._break("the server answers what was not asked")
        answer = self._under_way.popleft()
        if isinstance(found, Refused):
            if str(found).startswith(_NO_ANSWER):
                self._under_way.appendleft(answer)
                return self._break(str(found))
            if not answer.done():
                answer.set_exception(found)
        elif not answer.done():
            answer.set_result(found)

    def _break(self, cause: str) -> None:
        self.broken = self.broken or cause
        self._transport.abort()
        while self._under_way:
            answer = self._under_way.popleft()
            if not answer.done():
                answer.set_exception(Broken(self.broken))


def _late(answer: asyncio.Future[Any], within_s: float) -> None:
    if not answer.done():
        answer.set_exception(Late(f"no answer within {within_s:g} s"))


class Script:
    """Runs inside the server as one atomic step."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
