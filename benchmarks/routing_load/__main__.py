"""`python -m benchmarks.routing_load [--trace ../shared/data/traces/azure2023_conv.csv.gz]`

One recorded hour of a conversation service, sent to an engine of our own, to a vendor, or to the engine until
its slots are taken and then to the vendor, as the router decides. The engine is simulated.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.routing_load.simulate import Engine, Result, Vendor, always, burst, lines, read_trace, replay

RESULTS = Path(__file__).with_name("RESULTS.md")
TRACE = Path(__file__).parents[3] / "shared/data/traces/azure2023_conv.csv.gz"
VENDOR = Vendor(0.25, 2.00)
SLOTS = (16, 24, 32)
PREFILL, DECODE, USD_PER_HOUR = 10_000.0, 50.0, 2.10

REPORT = """\
# Bursting from an engine to a vendor, on a recorded hour (simulated)

Written by `python -m benchmarks.routing_load`.

{machine}

Trace: `{trace}`, {requests:,} requests, arrivals and tokens as recorded. Where a row bursts, the
gateway's own router decides each request. **The engine is simulated**: it works on so many requests at
once, and the others wait in the order in which they came; each takes its prompt at {prefill:,.0f} tokens/s
and its answer at {decode:.0f} tokens/s. The engine costs ${hour:.2f} an hour whether it works or not. The
vendor has room for all, at ${input:.2f} and ${output:.2f} per million tokens. These rates are assumptions,
not measurements of any engine.

{table}

*burst*: requests that the vendor served. *waited*: requests that waited for a slot; mean over all
requests, p99 of those on the engine. *work*: what was asked of the engine's slots, of what they can do in
the hour; at 100 % and beyond the queue grows.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing_load", description=__doc__)
    parser.add_argument("--trace", type=Path, default=TRACE)
    options = parser.parse_args()
    if not options.trace.exists():
        sys.stderr.write(f"there is no trace at {options.trace}; name one with --trace\n")
        return 1
    machine, trace = describe(), read_trace(options.trace)
    results: list[tuple[str, int, Result]] = []
    for slots in SLOTS:
        engine = Engine(slots, PREFILL, DECODE, USD_PER_HOUR)
        results.append(("engine", slots, replay(trace, engine, VENDOR, always("engine"))))
        results.append(("engine, then vendor", slots, replay(trace, engine, VENDOR, burst(VENDOR))))
    alone = replay(trace, Engine(1, PREFILL, DECODE, USD_PER_HOUR), VENDOR, always("vendor"))
    results.append(("vendor", 0, alone))
    RESULTS.write_text(
        REPORT.format(
            machine=machine,
            trace=options.trace.name,
            requests=len(trace),
            prefill=PREFILL,
            decode=DECODE,
            hour=USD_PER_HOUR,
            input=VENDOR.input,
            output=VENDOR.output,
            table="\n".join(lines(results)),
        )
    )
    sys.stdout.write(RESULTS.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
