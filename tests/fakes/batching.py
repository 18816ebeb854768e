"""A small model of an engine that batches continuously, whose every step costs a known amount.

A step computes the next token of every running request and up to `chunk` tokens of waiting prompts, oldest
first. It takes `fixed` (the weights are read once, however many share them) and what each token adds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """A request as its client sends it."""

    name: str
    tenant: str
    arrives_ns: int
    prompt_tokens: int
    answer_tokens: int


@dataclass(slots=True)
class Served:
    """What was seen of it, from outside and by the engine."""

    job: Job
    left_to_read: int
    began_ns: int = 0
    first_token_ns: int = 0
    last_token_ns: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Engine:
    fixed_ns: int
    prefill_ns: int
    decode_ns: int
    context_ns: int
    """Per generated token and thousand tokens of context."""
    chunk: int = 512
    slots: int = 16

    def serve(self, jobs: Iterable[Job]) -> tuple[list[Served], int]:
        """All jobs as they were served, and for how long the engine was busy."""
        waiting = deque(Served(job, job.prompt_tokens) for job in sorted(jobs, key=lambda j: j.arrives_ns))
        running: list[Served] = []
        done: list[Served] = []
        now_ns = busy_ns = 0
        while waiting or running:
            if not running:
                now_ns = max(now_ns, waiting[0].job.arrives_ns)
            while waiting and waiting[0].job.arrives_ns <= now_ns and len(running) < self.slots:
                running.append(waiting.popleft())
                running[-1].began_ns = now_ns
            step_ns = self._step(running, now_ns)
            now_ns, busy_ns = now_ns + step_ns, busy_ns + step_ns
            done += [each for each in running if each.written == each.job.answer_tokens]
            running = [each for each in running if each.written < each.job.answer_tokens]
        return done, busy_ns

    def _step(self, running: list[Served], now_ns: int) -> int:
        """One step's time. A request whose prompt has been read writes a token in every step from then on."""
        budget, spent_ns = self.chunk, self.fixed_ns
        writing = []
        for each in running:
            if each.left_to_read:
                read = min(budget, each.left_to_read)
                budget -= read
                each.left_to_read -= read
                spent_ns += read * self.prefill_ns
            else:
                context = each.job.prompt_tokens + each.written
                spent_ns += self.decode_ns + context * self.context_ns // 1_000
            if not each.left_to_read:
                writing.append(each)
        for each in writing:
            each.written += 1
            each.last_token_ns = now_ns + spent_ns
            each.first_token_ns = each.first_token_ns or each.last_token_ns
        return spent_ns
