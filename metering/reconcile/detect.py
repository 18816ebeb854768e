"""Which vendor's report a file is, and its lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from metering.reconcile import anthropic, openai
from metering.reconcile.anthropic import import_anthropic
from metering.reconcile.focus import NO_OPTIONS, FocusOptions, import_focus
from metering.reconcile.focus_table import is_packed
from metering.reconcile.line import Imported, ImportFailed
from metering.reconcile.openai import import_openai
from metering.reconcile.record import pages

AUTO, FOCUS = "auto", "focus"
VENDORS = (openai.VENDOR, anthropic.VENDOR, FOCUS, AUTO)
_OF_JSON: dict[str, Callable[[str, bytes], Imported]] = {
    openai.VENDOR: import_openai,
    anthropic.VENDOR: import_anthropic,
}


class VendorFile(NamedTuple):
    name: str
    """As shown in messages."""
    data: bytes


def read_file(file: VendorFile, vendor: str = AUTO, options: FocusOptions = NO_OPTIONS) -> Imported:
    """`vendor` is one of VENDORS. Raises ImportFailed."""
    form = form_of(file) if vendor == AUTO else vendor
    if form == FOCUS:
        return import_focus(file.name, file.data, options)
    return _OF_JSON[form](file.name, file.data)


def form_of(file: VendorFile) -> str:
    """openai, anthropic or focus. Raises ImportFailed where nothing in the file tells."""
    start = file.data[:64].decode("utf-8-sig", "ignore").lstrip()
    if is_packed(file.data) or not start.startswith(("{", "[")):
        return FOCUS
    for page in pages(file.name, file.data):
        for bucket in page.records("data"):
            if "start_time" in bucket:
                return openai.VENDOR
            if "starting_at" in bucket:
                return anthropic.VENDOR
    raise ImportFailed(f"{file.name}: nothing in it tells whose report it is: name it with --vendor")


def digest_parts(files: Sequence[VendorFile]) -> list[bytes]:
    """The files' contents in an order that does not depend on how they were named."""
    return sorted(file.data for file in files)
