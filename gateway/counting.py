"""Tokens of an answer that nobody reported: asked of the engine that made it, or counted with OpenAI's
tokenizer in a thread."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson

from gateway import tokens
from gateway.backends.target import Target
from gateway.transport.base import Timeouts, Transport, TransportError
from metering.usage import Provenance, TokenUsage

ASK_TIMEOUTS = Timeouts(connect_s=1.0, first_byte_s=5.0, idle_s=5.0, total_s=10.0)
MAX_COUNT_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class TokenCounter:
    transport: Transport

    async def usage(self, target: Target, upstream_model: str, prompt: str, output: str) -> TokenUsage:
        """Provenance `counted`. Never fails: an engine that cannot be asked is replaced by a tokenizer."""
        return TokenUsage(
            input_uncached=await self._count(target, upstream_model, prompt),
            output=await self._count(target, upstream_model, output),
            provenance=Provenance.COUNTED,
        )

    async def _count(self, target: Target, upstream_model: str, text: str) -> int:
        if not text:
            return 0
        asked = await self._ask(target, upstream_model, text)
        return asked if asked is not None else await asyncio.to_thread(tokens.count, text)

    async def _ask(self, target: Target, upstream_model: str, text: str) -> int | None:
        request = target.adapter.token_count_request(text, upstream_model)
        if request is None:
            return None
        path, body = request
        try:
            reply = await self.transport.send(
                target.origin, b"POST", path.encode(), target.headers, body, ASK_TIMEOUTS
            )
            answer = await reply.read(MAX_COUNT_BYTES * 4)
            return target.adapter.token_count(orjson.loads(answer)) if reply.status == 200 else None
        except (TransportError, ValueError):
            return None
