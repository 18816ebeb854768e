"""Every file that the command makes of a month, checked by ourselves."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from gateway.cli import main
from metering.focus.books_read import Statement
from metering.focus.check import check_file
from metering.focus.columns import Dataset, Version
from metering.focus.export import months_of
from metering.focus.row import HOUSE
from tests.fakes.book_tables import write_books
from tests.focus.traffic import Scene
from tests.focus.verdicts import Verdict

_DATASETS: tuple[Dataset, ...] = ("cost-and-usage", "billing-period", "invoice-detail")


@dataclass(slots=True)
class Files:
    csv_1_2: Path
    parquet_1_2: Path
    of_1_4: Mapping[Dataset, Path]
    checked: list[Verdict] = field(default_factory=list)
    """What our own checks say of each."""


def write_all(scene: Scene, folder: Path) -> Files:
    """1.2 by hour, 1.4 by day."""
    folder.mkdir()
    name = folder.name
    files = Files(
        folder / f"{name}-1.2.csv",
        folder / f"{name}-1.2.parquet",
        {dataset: folder / f"{name}-1.4-{dataset}.csv" for dataset in _DATASETS},
    )
    for path in (files.csv_1_2, files.parquet_1_2):
        export(scene, path, "1.2", "--by", "hour")
        files.checked.append(_checked(path, "cost-and-usage", "1.2"))
    for dataset, path in files.of_1_4.items():
        export(scene, path, "1.4", "--dataset", dataset)
        files.checked.append(_checked(path, dataset, "1.4"))
    return files


def export(scene: Scene, path: Path, version: Version, *more: str) -> None:
    arguments = ["--config", str(scene.config), "--month", scene.month, "--version", version]
    code = main(["export", "focus", *arguments, "-o", str(path), "--issuer", "Acme AI Platform", *more])
    assert code == 0, path


def billed(path: Path) -> dict[str, Decimal]:
    """USD by who pays: the account, or of a part of a shared cost its tenant."""
    found: dict[str, Decimal] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            payer = row.get("AllocatedResourceId") or row["SubAccountId"]
            found[payer] = found.get(payer, Decimal(0)) + Decimal(row["BilledCost"])
    return found


def close_month(scene: Scene) -> None:
    """Statements of what is there now, as closing the month would write them."""
    path = scene.config.with_name("to-close.csv")
    export(scene, path, "1.2")
    first = date.fromisoformat(f"{scene.month}-01")
    (month,) = months_of(first, first, "UTC")
    statements = [
        Statement(
            number=f"{scene.month}-{number:04d}",
            month=scene.month,
            tenant="" if payer == HOUSE else payer,
            from_us=month.billing.start_us,
            until_us=month.billing.end_us,
            total_nanos=int(usd * 1_000_000_000),
            closed_us=month.billing.end_us,
        )
        for number, (payer, usd) in enumerate(sorted(billed(path).items()), 1)
    ]
    write_books(scene.ledger, [], statements)


def _checked(path: Path, dataset: Dataset, version: Version) -> Verdict:
    rows, violations = check_file(path, dataset, version)
    said = f"{rows} rows" if not violations else str(violations[0])
    return Verdict(path.name, "weir export check", not violations, said)
