"""`python -m tests.focus BIN`: exports of real traffic, held against the validators that stand in BIN, and
against our own checks. Exits with 1 where one of them finds anything."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.focus.exports import close_month, write_all
from tests.focus.traffic import real_traffic
from tests.focus.verdicts import Verdict, run_official, run_toolkit, table


def verdicts(binaries: Path, folder: Path) -> list[Verdict]:
    scene = asyncio.run(real_traffic(folder))
    found: list[Verdict] = []
    for state in ("open", "closed"):
        if state == "closed":
            close_month(scene)
        files = write_all(scene, folder / state)
        found += files.checked
        found.append(run_official(binaries, files.csv_1_2))
        found.append(run_official(binaries, files.parquet_1_2))
        for dataset, file in files.of_1_4.items():
            # An invoice that does not exist yet has no details: there is no row to validate.
            if state == "closed" or dataset != "invoice-detail":
                found.append(run_toolkit(binaries, ["validate", "--dataset", dataset, str(file)], file.name))
        bundle = [
            part for name, file in files.of_1_4.items() if state == "closed" or name != "invoice-detail"
            for part in (f"--{name}", str(file))
        ]  # fmt: skip
        found.append(run_toolkit(binaries, ["validate-bundle", *bundle], f"{state}, all 1.4"))
    return found


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="weir-focus-") as folder:
        found = verdicts(Path(sys.argv[1]).absolute(), Path(folder))
    sys.stdout.write(table(found))
    return 0 if all(verdict.passed for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main())
