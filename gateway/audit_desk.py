"""The gateway's hand on the audit log: rows are written, and told in the request log with their number and
hash, so that wherever that log goes, the audit log's head is noted outside of the database."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from gateway.clock import Clock
from metering.audit.entry import AuditRow, AuditUnavailable, Author, Entry
from metering.audit.log import AuditLog, in_two_steps
from metering.audit.read import AuditQuery, audit_rows
from metering.ledger import LedgerError, LedgerReader

T = TypeVar("T")
MOST_PROBLEMS = 20
STARTED, RELOADED = "config.start", "config.reload"


class AuditDesk:
    """For any thread, but for `two_steps`, which is for the event loop's."""

    def __init__(self, log: AuditLog, clock: Clock, news: Callable[..., None]) -> None:
        self._log = log
        self._clock = clock
        self._news = news
        self._ok = True

    def author(self, who: str, request_id: str = "") -> Author:
        """Now."""
        return Author(who, self._clock.wall_ns() // 1000, request_id)

    def write(self, author: Author, entry: Entry) -> AuditRow:
        """Blocks. Raises AuditUnavailable; the request log says so once, and once that it is over."""
        try:
            row = self._log.write(author, entry)
        except AuditUnavailable as error:
            self._tell_state(ok=False, detail=str(error))
            raise
        self._tell_state(ok=True, detail="")
        self.tell(row)
        return row

    def tell(self, row: AuditRow) -> None:
        """A line of the request log for a row that is written."""
        self._news(
            "audit",
            who=row.who,
            action=row.action,
            subject=row.subject,
            request_id=row.request_id,
            seq=row.seq,
            hash=row.hash,
        )

    @asynccontextmanager
    async def two_steps(
        self,
        author: Author,
        action: str,
        subject: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> AsyncIterator[dict[str, Any]]:
        """See metering.audit.in_two_steps: written in threads. Raises AuditUnavailable."""
        write = partial(self.write, author)
        async with _in_threads(in_two_steps(write, action, subject, before, after)) as outcome:
            yield outcome

    def record_refusal(self, author: Author, path: str, version: int, problems: Sequence[str]) -> None:
        """Of a configuration that was not taken. Nothing was changed, so that a log that cannot be written is
        no reason to fail: the request log has it. Blocks."""
        after = {"version": version, "problems": list(problems[:MOST_PROBLEMS])}
        with contextlib.suppress(AuditUnavailable):
            self.write(author, Entry(f"{RELOADED}.refused", f"configuration {path}", None, after))

    def record_start(self, reader: LedgerReader, path: str, text_hash: str) -> bool:
        """That a gateway began with this file, unless the log knows it as the one in force: a file that was
        changed while no gateway ran. Blocks. False: it must be tried again."""
        subject = f"configuration {path}"
        try:
            if _known_hash(reader, subject) != text_hash:
                self.write(self.author("gateway:start"), Entry(STARTED, subject, None, {"sha256": text_hash}))
        except LedgerError:
            return False
        return True

    def _tell_state(self, *, ok: bool, detail: str) -> None:
        if ok != self._ok:
            self._ok = ok
            self._news("audit_log", ok=ok, detail=detail)


def _newest(action: str, subject: str) -> AuditQuery:
    return AuditQuery(action=action, subject=subject, limit=1, newest_first=True)


def _known_hash(reader: LedgerReader, subject: str) -> str | None:
    """Raises LedgerError."""
    newest = [
        row
        for action in (STARTED, f"{RELOADED}.done")
        for row in audit_rows(reader, _newest(action, subject))
    ]
    if not newest:
        return None
    try:
        known = json.loads(max(newest, key=lambda row: row.seq).after or "{}")
    except ValueError:  # somebody changed it by hand: `weir audit verify` says so
        return None
    found = known.get("sha256") if isinstance(known, dict) else None
    return found if isinstance(found, str) else None


@asynccontextmanager
async def _in_threads(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enters and leaves a context manager that blocks."""
    value = await asyncio.to_thread(manager.__enter__)
    try:
        yield value
    except BaseException as error:
        await asyncio.to_thread(manager.__exit__, type(error), error, error.__traceback__)
        raise
    else:
        await asyncio.to_thread(manager.__exit__, None, None, None)
