"""A running gateway: its parts built from one configuration file, started, reloaded and stopped in order."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import Any

from cache.singleflight import SingleFlight
from gateway.afterwards import Afterwards
from gateway.audit_desk import RELOADED, AuditDesk
from gateway.backends.fleet import Fleet
from gateway.budget_office import BudgetOffice
from gateway.budget_settings import budgets_of
from gateway.caching.audits import Audits
from gateway.caching.meaning import Meaning
from gateway.caching.opening import cache_secret, open_cache, open_storage, share_audits
from gateway.clock import Clock, SystemClock
from gateway.config import LOOPBACK_HOSTS, GatewaySettings
from gateway.config_diff import config_change
from gateway.config_file import ConfigError, LoadedConfig
from gateway.conversations import Conversations
from gateway.counting import TokenCounter
from gateway.errors import Unauthorized, Unavailable
from gateway.gain_models import reading_of
from gateway.gauges import Gauges
from gateway.gpu_keeper import GpuKeeper
from gateway.gpu_time import GpuMeters
from gateway.journal_opening import open_journal
from gateway.keystore import open_key_store
from gateway.keywatch import KeyStatus, KeyWatcher
from gateway.lengths import metered_lengths
from gateway.metrics import Metrics
from gateway.opening import interrupted_row
from gateway.quality.desk import QualityDesk
from gateway.quality.shadow import Shadow
from gateway.reload import read_config, refuse_names_twice, refuse_what_needs_a_restart, stamp_of
from gateway.requestlog import RequestLog
from gateway.services import Background, Lifecycle, Live, Services
from gateway.snapshot import Snapshot, compile_snapshot
from gateway.transport.http1 import Http1Transport
from gateway.upkeep import LOOK_EVERY_S, Upkeep
from gateway.usage_desk import UsageDesk
from gateway.weighing import Weigher
from metering.audit.entry import AuditUnavailable, Author
from metering.audit.log import AuditLog
from metering.catalogue import Catalogue, GenaiCatalogue
from metering.days import utc_day
from metering.journal import Recovered, Shipper
from metering.journal.meter import JournalMeter
from metering.ledger import Books, LedgerError, Row
from metering.ledger_url import open_ledger, open_reader
from metering.quality.ledger import QualityLedger
from metering.reports import ReportQuery, UsageReport, usage_report
from metering.store.gpu_read import GpuView
from router.deciding import GainRouter
from router.output_length import OutputLengths

WATCH_FILE_EVERY_S = 1.0
TAKE_OVER_EVERY_S = 30.0
AUDIT_AGAIN_AFTER_S = 5.0
CLOSE_LEDGER_WITHIN_S = 30.0
FLUSH_WITHIN_S = 2.0


class Runtime:
    """Owns every lifetime of one gateway process. `services` is what requests see of it."""

    def __init__(self, loaded: LoadedConfig, clock: Clock | None = None, log_fd: int | None = None) -> None:
        """Opens the ledger; raises LedgerError if it cannot be used."""
        settings = loaded.settings
        self.loaded = loaded
        self.clock = clock or SystemClock()
        self.catalogue: Catalogue = GenaiCatalogue()
        self.ledger: Books = open_ledger(settings.ledger)
        self.reader = open_reader(settings.ledger)
        self.log = RequestLog(
            log_fd if log_fd is not None else sys.stdout.fileno(), settings.server.log.format
        )
        self.audit = AuditDesk(AuditLog(settings.ledger), self.clock, self.news)
        self._reloading = asyncio.Lock()
        self.key_store = open_key_store(settings.ledger)
        self.keys = KeyWatcher(self.key_store, settings, self.clock, on_change=self._keys_changed)
        self.transport = Http1Transport()
        self.fleet = Fleet(settings.backends, self.transport, self.clock, on_change=self._backend_changed)
        self._open_meter(settings)
        self._file_stamp = stamp_of(loaded.path)
        self._watching: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.meaning = Meaning()
        self.cache_secret = cache_secret(settings)
        self.cache = open_cache(settings, self.cache_secret, self.clock, self.journal.process, self.news)
        self.storage = open_storage(
            self.cache, self.ledger, lambda: self.loaded.settings, self.key_store, self.clock, self.news
        )
        self.services = self._make_services(settings)
        self.audit_keeper = share_audits(settings, self.services.audits.book)
        self.services.metrics.watch(Gauges(self))

    def _open_meter(self, settings: GatewaySettings) -> None:
        """From the journal to the books."""
        self.journal = open_journal(settings, self._journal_changed)
        shipper = Shipper(
            self.ledger, self.journal, on_state=self._ledger_changed, on_rejected=self._row_rejected
        )
        self.meter = JournalMeter(self.journal, shipper)
        self.gpus = GpuMeters(settings, self.clock)
        self.usage = UsageDesk(self.report)
        self.quality = QualityDesk(QualityLedger(settings.ledger))
        self.shadow = Shadow(self.quality.verdict, reading_of)
        self.budgets = BudgetOffice(
            settings.state,
            budgets_of(settings),
            self.clock,
            process=self.journal.process,
            reader=open_reader(settings.ledger),
            shipped=lambda process: not self.meter.shipper.waits_for(process),
            news=self.news,
        )
        self.upkeep = Upkeep(
            self.ledger,
            self.clock,
            backlog=lambda: self.meter.backlog,
            rows=lambda: self.journal.rows,
            retention=lambda: self.loaded.settings.retention,
            news=self.news,
        )
        self.gpu_keeper = GpuKeeper(
            self.ledger,
            GpuView(open_reader(settings.ledger)),
            self.fleet,
            self.gpus,
            lambda: self.loaded.settings,
            self.clock,
            self.journal.process,
            self._gpu_windows_changed,
            self.budgets.corrected,
        )

    def _make_services(self, settings: GatewaySettings) -> Services:
        return Services(
            clock=self.clock,
            live=Live(self._compile(settings, 1), self.clock.wall_ns() // 1_000_000_000),
            lifecycle=Lifecycle(),
            identify=self.keys.identify,
            cache=self.cache,
            cache_secret=self.cache_secret,
            meaning=self.meaning,
            audits=Audits(self.journal.process),
            flights=SingleFlight(),
            router=GainRouter(),
            weigher=Weigher(),
            conversations=Conversations(secrets.token_bytes(32), self.clock),
            fleet=self.fleet,
            transport=self.transport,
            counter=TokenCounter(self.transport),
            meter=self.meter,
            budgets=self.budgets.desk,
            gpus=self.gpus,
            lengths=OutputLengths(),
            metrics=Metrics(),
            usage=self.usage,
            quality=self.quality,
            shadow=self.shadow,
            log=self.log,
            background=Background(),
            afterwards=Afterwards(),
            not_ready=self.not_ready,
            may_scrape=self.may_scrape,
        )

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Ready to serve; engines may still be loading. Raises ConfigError for a name that stands both in the
        file and in the key store."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.keys.start)
        refuse_names_twice(self.keys, self.loaded)
        await asyncio.to_thread(self._take_over)
        self.meter.start()
        self.budgets.start()
        await self.fleet.start()
        await self.cache.start()
        self.storage.start()
        if self.audit_keeper is not None:
            await self.audit_keeper.start()
        self.shadow.begin(self.services)
        self.gpu_keeper.start()
        self._watching = [
            self._loop.create_task(self._watch_file()),
            self._loop.create_task(self._take_over_now_and_then()),
            self._loop.create_task(self._keep_up()),
            self._loop.create_task(self._seed_lengths()),
            self._loop.create_task(self._record_start()),
        ]
        self.news("started", version=1, config=self.loaded.path)

    async def stop(self) -> None:
        """Nothing that was metered is lost: background counting ends, then the ledger takes its rows."""
        for watching in self._watching:
            watching.cancel()
        await self.shadow.stop()
        await self.services.audits.stop()
        await self.services.background.finish()
        self.services.afterwards.finish()
        await self.budgets.stop()
        await self.gpu_keeper.stop()
        await self.fleet.stop()
        if self.audit_keeper is not None:
            await self.audit_keeper.aclose()
        await self.storage.stop()
        await self.cache.aclose()
        await self.transport.aclose()
        self.usage.close()
        self.quality.close()
        await asyncio.to_thread(self.keys.stop)
        left = await asyncio.to_thread(self.meter.close, CLOSE_LEDGER_WITHIN_S)
        self.news("stopped", rows_in_journal=left)
        self.ledger.close()
        await self.log.aclose()

    async def reload(self, by: Author) -> None:
        """Takes the file as it is now, whole or not at all. Raises ConfigError, and AuditUnavailable where it
        cannot be put into the audit log first; the old one then goes on."""
        async with self._reloading:
            version = self.services.live.snapshot.version
            try:
                loaded = await asyncio.to_thread(read_config, self.loaded.path, self.catalogue)
                refuse_what_needs_a_restart(self.loaded, loaded)
                refuse_names_twice(self.keys, loaded)
                snapshot = self._compile(loaded.settings, version + 1)
            except ConfigError as error:
                problems = [str(problem) for problem in error.problems]
                self.news("reload_refused", version=version, problems=problems)
                await asyncio.to_thread(self.audit.record_refusal, by, self.loaded.path, version, problems)
                raise
            subject = f"configuration {loaded.path}"
            change = config_change(self.loaded, loaded, version)
            async with self.audit.two_steps(by, RELOADED, subject, *change):
                await self._take(loaded, snapshot)
            self.news("reloaded", version=version + 1, hash=loaded.text_hash)

    async def _take(self, loaded: LoadedConfig, snapshot: Snapshot) -> None:
        await self.fleet.reconcile(loaded.settings.backends)
        self.loaded = loaded
        self.services.live.snapshot = snapshot
        self.keys.use(loaded.settings)
        self.gpus.use(loaded.settings)
        self.budgets.desk.use(snapshot.budgets)

    async def reload_on_signal(self) -> None:
        await self.reload_if_good("signal")

    async def reload_if_good(self, cause: str, *, again: bool = False) -> bool:
        """For a file that changed: what is wrong with it stands in the log. False if it must be tried
        `again`, since the audit log could not be written."""
        try:
            await self.reload(self.audit.author(f"gateway:{cause}"))
        except ConfigError:
            return True
        except AuditUnavailable as error:
            if not again:
                version = self.services.live.snapshot.version
                self.news("reload_refused", version=version, problems=[str(error)])
            return False
        return True

    def _take_over(self) -> None:
        """What dead processes left in the journal: their rows go to the ledger, and the attempts that they
        had under way are on record as interrupted."""
        for found in self.meter.recover(self._interrupted):
            self.budgets.recovered(found.process)
            self._tell_recovered(found)

    def _interrupted(self, process: str, event_id: str, payload: Any) -> Row:
        return interrupted_row(self.services.live.snapshot, process, event_id, payload)

    def _tell_recovered(self, found: Recovered) -> None:
        self.news(
            "journal_recovered",
            process=found.process,
            rows_waiting=found.rows_waiting,
            interrupted=len(found.interrupted),
            damages=[f"{d.file} at {d.offset}, {d.length} bytes: {d.what}" for d in found.damages],
            problem=found.problem,
        )

    async def _take_over_now_and_then(self) -> None:
        """Beside other processes on this journal: one of them may have died."""
        while True:
            await asyncio.sleep(TAKE_OVER_EVERY_S)
            await asyncio.to_thread(self._take_over)

    async def _keep_up(self) -> None:
        while True:
            await asyncio.to_thread(self.upkeep.look)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _watch_file(self) -> None:
        while True:
            await asyncio.sleep(WATCH_FILE_EVERY_S)
            stamp = await asyncio.to_thread(stamp_of, self.loaded.path)
            if stamp != self._file_stamp:
                self._file_stamp = stamp
                taken = await self.reload_if_good("file")
                while not taken:
                    await asyncio.sleep(AUDIT_AGAIN_AFTER_S)
                    taken = await self.reload_if_good("file", again=True)

    async def _record_start(self) -> None:
        """The ledger may be away at the start."""
        loaded, done = self.loaded, False
        while not done:
            done = await asyncio.to_thread(
                self.audit.record_start, self.reader, loaded.path, loaded.text_hash
            )
            await asyncio.sleep(0 if done else AUDIT_AGAIN_AFTER_S)

    async def _seed_lengths(self) -> None:
        """Nothing waits for it: until it is done, and where the ledger is away, lengths are learned anew."""
        try:
            metered = await asyncio.to_thread(metered_lengths, self.reader, self.clock.wall_ns() // 1000)
        except LedgerError:
            return
        self.services.lengths.seed(metered)

    def _compile(self, settings: GatewaySettings, version: int) -> Snapshot:
        snapshot = compile_snapshot(settings, version, self.catalogue, utc_day(self.clock.wall_ns() // 1000))
        self.meaning.load(snapshot.caches.regimes)
        return snapshot

    # ------------------------------------------------------------------ state

    def report(self, query: ReportQuery) -> UsageReport:
        """Including the rows of the last moments. Blocks. Raises LedgerError and ReportError."""
        self.meter.flush(FLUSH_WITHIN_S)
        return usage_report(self.reader, query)

    def not_ready(self) -> list[str]:
        reasons = []
        if self.services.lifecycle.draining:
            reasons.append("shutting down")
        if self.meter.full:
            reasons.append(f"the journal takes no new work: {self.journal.problem}")
        if not self.budgets.ready:
            reasons.append("what budgets have spent is being read from the ledger")
        if not self.keys.status.ever_read:
            reasons.append("API keys have not been read yet")
        return reasons

    def may_scrape(self, host: str, authorization: bytes | None) -> bool:
        if host in LOOPBACK_HOSTS:
            return True
        admin_key = self.services.live.snapshot.settings.admin_key
        presented = (authorization or b"").removeprefix(b"Bearer ")
        if admin_key is not None and secrets.compare_digest(presented, admin_key.get_secret_value().encode()):
            return True
        try:
            return self.keys.identify(authorization, None).role in ("admin", "finance")
        except (Unauthorized, Unavailable):
            return False

    # ------------------------------------------------------------------ news

    def news(self, event: str, **fields: object) -> None:
        """One line per change of state, from any thread."""
        line = {"at_us": self.clock.wall_ns() // 1000, "event": event, **fields}
        if self._loop is None:
            return
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            self.log.line(line)
        else:
            self._loop.call_soon_threadsafe(self.log.line, line)

    def _backend_changed(self, backend: str, url: str, state: str, detail: str) -> None:
        self.news("backend", backend=backend, url=url, state=state, detail=detail)

    def _keys_changed(self, status: KeyStatus) -> None:
        self.news("keys", readable=status.readable, problem=status.problem, keys=status.keys)

    def _ledger_changed(self, ok: bool, detail: str) -> None:
        self.news("ledger", ok=ok, detail=detail, backlog=self.meter.backlog)

    def _gpu_windows_changed(self, ok: bool, detail: str) -> None:
        self.news("gpu_windows", ok=ok, detail=detail)

    def _journal_changed(self, ok: bool, detail: str) -> None:
        self.news("journal", ok=ok, detail=detail, unmetered=self.journal.unmetered)

    def _row_rejected(self, row: Row, detail: str) -> None:
        """It lies in the journal's quarantine; the log says so, and what it holds."""
        self.news("row_rejected", detail=detail, row=repr(row))
