"""The two published validators, run on a file, and what they say made plain."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

CRITERIA = (
    "ACCOUNT_NAMING_SUPPORTED", "USAGE_MEASUREMENT_SUPPORTED", "UNIT_PRICING_SUPPORTED",
    "SUB_ACCOUNT_SUPPORTED", "PUBLIC_PRICE_LIST_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED", "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "REGION_SUPPORTED", "TAGGING_SUPPORTED", "MULTIPLE_PRICING_CATEGORIES_SUPPORTED",
    "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED", "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED",
    "VIRTUAL_CURRENCY_SUPPORTED", "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED",
)  # fmt: skip
"""What an issuer may declare that it supports: each brings rules of its own."""

BROKEN_RULES = frozenset({"InvoiceId-C-004-C", "InvoiceId-C-005-C"})
"""Of focus-validator 2.2.1: one demands that every InvoiceId is null, the other that none is. A file fails
one of them, or both, whatever stands in it."""

_TOTAL = re.compile(r"Total: (\d+) \| Pass: (\d+) \| Fail: (\d+) \| Skipped: (\d+)")
_FAILED = re.compile(r"([A-Za-z_]+-[A-Z]-\d+-[A-Z]): FAIL")


class Verdict(NamedTuple):
    file: str
    tool: str
    passed: bool
    said: str


def official(file: str, output: str) -> Verdict:
    """Of focus-validator's output; its exit code is 0 even where rules failed."""
    tool = "focus-validator 1.2"
    total = _TOTAL.search(output)
    if total is None:
        return Verdict(file, tool, False, f"it did not come to a result: {output.strip()[-300:]}")
    passed, failed = int(total[2]), int(total[3])
    names = sorted(set(_FAILED.findall(output)))
    unknown = [name for name in names if name not in BROKEN_RULES]
    fine = not unknown and failed == len(names) and passed > 0
    said = f"{passed} pass, {failed} fail ({', '.join(names) or 'none'}), {total[4]} skipped"
    return Verdict(
        file, tool, fine, f"{said}; not known as broken: {', '.join(unknown)}" if unknown else said
    )


def run_official(binaries: Path, file: Path) -> Verdict:
    """In the folder that holds its model and list of currencies, which it looks for relative to itself."""
    command = [str(binaries / "focus-validator"), "--data-file", str(file), "--validate-version", "1.2",
               "--block-download", "--applicability-criteria", ",".join(CRITERIA)]  # fmt: skip
    (site,) = (binaries.parent / "lib").glob("python3.*/site-packages")
    return official(file.name, _run(command, site)[1])


def run_toolkit(binaries: Path, arguments: list[str], name: str) -> Verdict:
    code, output = _run([str(binaries / "focus-toolkit"), *arguments], binaries)
    lines = [line.strip() for line in output.strip().splitlines() if line.strip()]
    return Verdict(name, f"focus-toolkit {arguments[0]}", code == 0, lines[0][-160:] if lines else "nothing")


def table(verdicts: list[Verdict]) -> str:
    rows = [("file", "tool", "verdict", "what it said")]
    rows += [(v.file, v.tool, "ok" if v.passed else "FAILED", v.said) for v in verdicts]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    shown = (
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
    return "\n".join(line.rstrip() for line in shown) + "\n"


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
