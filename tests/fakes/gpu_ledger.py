"""A ledger with a backend that is paid by the hour, for tests that close its windows. Times are seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.config import GatewaySettings
from gateway.gpu_windows import Done, WindowCloser
from metering.event import Event
from metering.gpu_rates import GpuRate
from metering.ledger import Books, LedgerReader, Row
from metering.ledger_url import open_reader
from metering.money import apply_markup
from metering.store.gpu_read import GpuView
from metering.store.up_times import UpTime
from metering.usage import Provenance, TokenUsage
from tests.fakes.events import NEW_YEAR_2026_US, make_event
from tests.fakes.gpu_time import EVEN

US = 1_000_000
T0 = NEW_YEAR_2026_US
EVEN_FITS = 3
COLUMNS = {
    "gpu_shares": "window_start_us, line, event_id, tenant, cost_center, gpu_ns, nanos, mark, method",
    "gpu_windows": "backend, window_start_us, window_end_us, capacity_ns, capacity_nanos, digest",
}
PRICE = "gpu:gpu1:undated:00000000"


def settings(**changes: Any) -> GatewaySettings:
    """One GPU at a tenth of a cent a second (1,000,000 nano-dollars), windows of ten seconds."""
    gpus = {"usd_per_hour": "3.6", **changes.pop("gpus", {})}
    backend = {"kind": "vllm", "url": "http://gpu1:8000/v1", "models": {"qwen3-8b": "q"}, "gpus": gpus}
    gpu = {"window": 10, "close_after": 5, "late": 60, **changes.pop("gpu", {})}
    return GatewaySettings.model_validate({"backends": {"gpu1": backend}, "gpu": gpu, **changes})


def up(start_s: float, seen_s: float, *, process: str = "w1", down_s: float | None = None) -> UpTime:
    """Ready at once."""
    start_us, down_us = at(start_s), None if down_s is None else at(down_s)
    return UpTime("gpu1", process, start_us, start_us, at(seen_s), down_us)


def attempt(number: int, start_s: float, end_s: float, **changes: Any) -> Event:
    """Ten tokens a second, paid by GPU time: provisionally a nano-dollar per millisecond."""
    took_us = round((end_s - start_s) * US)
    values: dict[str, Any] = {
        "tenant": f"t{number % 3}",
        "started_us": at(start_s),
        "finished_us": at(end_s),
        "total_us": took_us,
        "first_token_us": None,
        "usage": TokenUsage(0, output=round(10 * (end_s - start_s)), provenance=Provenance.ENGINE),
        "process": "w1",
        "price_version": PRICE,
        "gpu_ns": took_us * 1000,
        "gpu_nanos": took_us // 1000,
        "list_nanos": took_us // 1000,
        "cost_nanos": took_us // 1000,
        "baseline_nanos": took_us // 1000,
    }
    return make_event(number, **{**values, **changes})


def at(seconds: float) -> int:
    return T0 + round(seconds * US)


class Place:
    """A ledger, and closers on it."""

    def __init__(self, books: Books, url: str, *, even: bool = True) -> None:
        """`even`: every token of the first minutes is the same work."""
        self.books = books
        self.reader: LedgerReader = open_reader(url)
        self.config = settings()
        self.now_s = 0.0
        for position in range(EVEN_FITS if even else 0):
            books.write_weights("gpu1", at(150 * position), EVEN)
        self.closer = self.new_closer()

    def new_closer(self) -> WindowCloser:
        """As another process would make, or this one after a restart."""
        return WindowCloser(
            self.books, GpuView(self.reader), lambda: self.config, monotonic=lambda: self.now_s
        )

    def close(self, now_s: float, closer: WindowCloser | None = None) -> Done:
        self.now_s = now_s
        return (closer or self.closer).run(at(now_s))

    def table(self, name: str) -> list[Row]:
        columns = COLUMNS[name]
        return self.reader.read((f"SELECT {columns} FROM {name} ORDER BY {columns}", ()))[0]

    def windows(self) -> list[tuple[float, int]]:
        """(start in seconds, capacity in ns)"""
        return [((int(row[1] or 0) - T0) / US, int(row[3] or 0)) for row in self.table("gpu_windows")]

    def shares(self) -> dict[str, int]:
        """Nanoseconds by event number, or by line."""
        found: dict[str, int] = {}
        for _, line, event_id, _, _, gpu_ns, *_ in self.table("gpu_shares"):
            name = str(int(str(event_id)[5:])) if event_id else str(line)
            found[name] = found.get(name, 0) + int(gpu_ns or 0)
        return found

    def cost(self, event: Event) -> tuple[int, int, int]:
        """(list, cost, baseline) of the event with its corrections."""
        sql = (
            "SELECT sum(list_nanos), sum(cost_nanos), sum(baseline_nanos) FROM events "
            "WHERE id = ? OR corrects = ?"
        )
        ((found,),) = (self.reader.read((sql, (event.id, event.id))),)
        return tuple(int(value or 0) for value in found[0])  # type: ignore[return-value]

    def corrections(self) -> int:
        ((found,),) = self.reader.read(("SELECT count(*) FROM events WHERE kind = 'correction'", ()))
        return int(found[0] or 0)

    def final_nanos(self, event: Event) -> int:
        sql = "SELECT coalesce(sum(nanos), 0) FROM gpu_shares WHERE event_id = ?"
        ((found,),) = self.reader.read((sql, (event.id,)))
        return int(found[0] or 0)

    def assert_conserved(self) -> None:
        """In time and money, per window."""
        sql = (
            "SELECT w.capacity_ns, w.capacity_nanos, sum(s.gpu_ns), sum(s.nanos) FROM gpu_windows w "
            "JOIN gpu_shares s ON s.backend = w.backend AND s.window_start_us = w.window_start_us "
            "GROUP BY w.backend, w.window_start_us, w.capacity_ns, w.capacity_nanos"
        )
        for capacity_ns, capacity_nanos, gpu_ns, nanos in self.reader.read((sql, ()))[0]:
            assert (capacity_ns, capacity_nanos) == (gpu_ns, nanos)

    def assert_paid(self, events: Iterable[Event]) -> None:
        """Each costs exactly its final share, times its tenant's factor."""
        for event in events:
            final = self.final_nanos(event)
            cost = apply_markup(final, self.config.terms.factor(event.tenant))
            assert self.cost(event) == (final, cost, cost), event.id


def rate_version(config: GatewaySettings) -> str:
    rate = next(iter(config.backends.values())).gpus
    assert rate is not None
    return GpuRate("gpu1", rate.usd_per_hour).version


def everything(place: Place) -> Sequence[list[Row]]:
    return place.table("gpu_windows"), place.table("gpu_shares")
