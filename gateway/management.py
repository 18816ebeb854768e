"""Management's view of a running gateway: what `admin/` may read and change, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.admin.access import REQUEST_ID
from gateway.admin.app import create_admin_app
from gateway.admin.services import AdminServices, ConfigInForce
from gateway.books_desk import keeper_of
from gateway.caching.desk import CacheDesk
from gateway.front.asgi import AsgiApp
from gateway.keydirectory import KeyDirectory
from gateway.quality.discounts import cache_discounts
from gateway.runtime import FLUSH_WITHIN_S, Runtime
from metering.audit.entry import Author, Entry
from metering.audit.read import audit_rows
from metering.audit.verify import verify
from metering.budgets import Standing
from metering.days import utc_day
from metering.event import Event
from metering.event_query import query_events
from metering.quality.report import QualityQuery, QualityReport, quality_report


def management_app(runtime: Runtime) -> AsgiApp:
    view = _View(runtime)
    return create_admin_app(
        AdminServices(
            clock=runtime.clock,
            admin_key=view.admin_key,
            identify=runtime.keys.identify,
            keys=KeyDirectory(
                runtime.key_store,
                lambda: runtime.loaded.settings,
                runtime.clock,
                on_change=runtime.audit.tell,
            ),
            refresh_keys=runtime.keys.refresh,
            report=runtime.report,
            quality=view.quality,
            events=view.events,
            standings=view.standings,
            backends=view.backends,
            config=view.config,
            reload=view.reload,
            audit=view.audit,
            audit_rows=partial(audit_rows, runtime.reader),
            verify_audit=partial(verify, runtime.reader),
            books=keeper_of(
                lambda: runtime.loaded.settings, runtime.reader, runtime.clock, view.audit, view.flush
            ),
            cache=CacheDesk(runtime.services),
            ledger=runtime.reader,
        )
    )


class _View:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def admin_key(self) -> str | None:
        key = self._runtime.loaded.settings.admin_key
        return None if key is None else key.get_secret_value()

    def quality(self, query: QualityQuery) -> QualityReport:
        self.flush()
        runtime = self._runtime
        day = utc_day(runtime.clock.wall_ns() // 1000)
        discounts = cache_discounts(runtime.services.live.snapshot, day)
        return quality_report(runtime.reader, replace(query, cache_discounts=discounts))

    def events(
        self,
        *,
        request_id: str | None,
        tenant: str | None,
        limit: int,
        after: str | None,
        newest_first: bool,
    ) -> Sequence[Event]:
        self.flush()
        return query_events(
            self._runtime.reader,
            request_id=request_id,
            tenant=tenant,
            limit=limit,
            after=after,
            newest_first=newest_first,
        )

    async def standings(self) -> Sequence[Standing]:
        return self._runtime.budgets.desk.standings(self._runtime.clock.wall_ns() // 1000)

    def flush(self) -> None:
        """What this process has metered, to the ledger."""
        self._runtime.meter.flush(FLUSH_WITHIN_S)

    def backends(self) -> Sequence[Mapping[str, Any]]:
        return self._runtime.fleet.snapshot()

    def config(self) -> ConfigInForce:
        loaded, live = self._runtime.loaded, self._runtime.services.live
        return ConfigInForce(
            settings=loaded.settings,
            version=live.snapshot.version,
            text_hash=loaded.text_hash,
            path=loaded.path,
            warnings=tuple(str(warning) for warning in loaded.warnings),
        )

    async def reload(self, by: Author) -> ConfigInForce:
        await self._runtime.reload(by)
        return self.config()

    def audit(
        self,
        who: str,
        action: str,
        subject: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None:
        desk = self._runtime.audit
        desk.write(desk.author(who, REQUEST_ID.get()), Entry(action, subject, before, after))
