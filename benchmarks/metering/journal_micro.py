"""What the journal costs the event loop: microseconds per attempt (open + close), and the slowest appends.

    python -m benchmarks.metering.journal_micro [--pairs 100000] [--folder DIR] [--rate 2000]

First as fast as it goes, then at a steady rate, with the journal's thread synchronising every 10 ms beside
it: there the slowest appends show what waiting for the disk reaches the event loop. Nothing is shipped.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter, sleep

import orjson

from metering.journal import Journal
from metering.rows import to_row
from tests.fakes.events import make_event

PAYLOAD = orjson.dumps(
    ["req_1", 1_767_225_600_000_000, "acme", "site", "web", "gpu1", "qwen3-8b", 1200, True]
)
WARM_UP = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=2000, help="attempts a second in the second part")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long the second part takes")
    parser.add_argument("--folder", type=Path, help="where the journal lies; the disk matters")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        journal = Journal(Path(folder), max_bytes=4 << 30)
        journal.start()
        pairs(journal, WARM_UP, 0.0)
        report("flat out", pairs(journal, arguments.pairs, 0.0))
        steady = int(arguments.rate * arguments.seconds)
        report(f"{arguments.rate} a second", pairs(journal, steady, 1 / arguments.rate))
        journal.stop()


def pairs(journal: Journal, count: int, every_s: float) -> list[float]:
    """Seconds that each open + close took."""
    row = to_row(make_event(1))
    ids = [f"01KAQ{number:021d}" for number in range(count)]
    taken, due = [], perf_counter()
    for event_id in ids:
        started = perf_counter()
        journal.open(event_id, PAYLOAD)
        journal.close(event_id, row)
        ended = perf_counter()
        taken.append(ended - started)
        due += every_s
        if ended < due:
            sleep(due - ended)
    return taken


def report(name: str, taken_s: list[float]) -> None:
    ordered = sorted(taken_s)
    shares = {"median": 0.5, "p99": 0.99, "p99.9": 0.999}
    line = ", ".join(
        f"{label} {ordered[int(len(ordered) * share)] * 1e6:.1f}" for label, share in shares.items()
    )
    mean = sum(ordered) / len(ordered)
    print(f"{name}: mean {mean * 1e6:.2f} us per open + close; {line}, longest {ordered[-1] * 1e6:.0f}")


if __name__ == "__main__":
    main()
