"""One connection, many commands under way: answers come in the order of the questions.

Making the connection, TLS, passwords and sentinels are the client's own; what it costs per command beyond
packing and reading is left out here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from hashlib import sha1
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError

from metering.redis_address import Client

Word = bytes | str | int
MAX_UNDER_WAY = 10_000


class Broken(Exception):
    """No answer will come: the connection is gone, or too much waits for one."""


class Late(Exception):
    """No answer came in time. It may have been done all the same."""


class Refused(Exception):
    """The server answered with an error."""


class Lane:
    def __init__(self, client: Client, connection: AbstractConnection) -> None:
        self._client = client
        self._connection = connection
        self._under_way: deque[asyncio.Future[Any]] = deque()
        self._reading = asyncio.create_task(self._read())
        self.broken = ""
        """Why, once it is."""

    @classmethod
    async def open(cls, client: Client, within_s: float) -> Lane:
        """Raises Broken."""
        try:
            async with asyncio.timeout(within_s):
                connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
                return cls(client, connection)
        except TimeoutError:
            raise Broken(f"no connection within {within_s:g} s") from None
        except (RedisError, OSError) as error:
            raise Broken(f"{type(error).__name__}: {error}") from error

    async def call(self, *words: Word, within_s: float | None) -> Any:
        """Raises Broken, Late, Refused."""
        if not self._connection.is_connected:
            self._break("the connection was closed")
        if self.broken or len(self._under_way) >= MAX_UNDER_WAY:
            raise Broken(self.broken or "too many commands under way")
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(within_s):
                self._under_way.append(answer)
                await self._connection.send_packed_command(
                    self._connection.pack_command(*words), check_health=False
                )
                found = await answer
        except TimeoutError:
            raise Late(f"no answer within {within_s:g} s") from None
        except (RedisError, OSError) as error:
            self._break(f"{type(error).__name__}: {error}")
            raise Broken(self.broken) from error
        finally:
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, whether or not somebody was still there to hear of it
        if isinstance(found, ResponseError):
            raise Refused(str(found)) from found
        return found

    async def run(self, script: Script, *arguments: Word, within_s: float | None) -> Any:
        """Raises Broken, Late, Refused."""
        try:
            return await self.call("EVALSHA", script.digest, *arguments, within_s=within_s)
        except Refused as refused:
            if not isinstance(refused.__cause__, NoScriptError):
                raise
        return await self.call("EVAL", script.text, *arguments, within_s=within_s)

    async def aclose(self) -> None:
        self._break("closed")
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        with suppress(RedisError, OSError):
            await self._connection.disconnect(nowait=True)
        with suppress(RedisError, OSError, KeyError):
            await self._client.connection_pool.release(self._connection)

    async def _read(self) -> None:
        try:
            while True:
                try:
                    found = await self._connection.read_response(disable_decoding=True)
                except ResponseError as error:
                    found = error
                answer = self._under_way.popleft()
                if not answer.done():
                    answer.set_result(found)
        except IndexError:
            self._break("the server answers what was not asked")
        except (RedisError, OSError) as error:
            self._break(f"{type(error).__name__}: {error}")

    def _break(self, cause: str) -> None:
        self.broken = self.broken or cause
        while self._under_way:
            answer = self._under_way.popleft()
            if not answer.done():
                answer.set_exception(ConnectionError(self.broken))


class Script:
    """Runs inside the server as one atomic step."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()
