"""A gateway is killed, and then the disk turns out to have lost or changed some of its journal: the next
start recovers every record that is good, and tells of the rest, byte for byte."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from metering.journal.record import CLOSE, OPEN, Damage, Record, decode, scan
from metering.journal.segment import HEADER_BYTES
from metering.outcome import Outcome
from metering.usage import Provenance
from tests.fakes.gateway_process import GatewayProcess
from tests.fakes.upstream import FakeUpstream
from tests.fault.marked_load import ask, config, news, rows_of

PLAIN_CALLS, STREAMS = 20, 5
PLAIN, ENDLESS = "fault/ok", "fault/slow-1000-200"

Segment = bytearray
Harm = Callable[[Segment, list[Record]], tuple[int, int]]
"""Does it, and says which bytes are hurt."""


def flip_a_row(segment: Segment, records: list[Record]) -> tuple[int, int]:
    row = [record for record in records if record.kind == CLOSE][10]
    segment[row.end - 20] ^= 0x40
    return row.end - 20, row.end - 19


def flip_an_open_record(segment: Segment, records: list[Record]) -> tuple[int, int]:
    opened = [record for record in records if record.kind == OPEN][STREAMS + 10]
    segment[opened.offset + 7] ^= 0x01  # in its length
    return opened.offset, opened.offset + 8


def lose_a_block(segment: Segment, records: list[Record]) -> tuple[int, int]:
    """As after a power loss: a block was not written, later ones were."""
    start, end = records[20].offset + 5, records[24].end - 5
    segment[start:end] = bytes(end - start)
    return start, end


def change_the_tail(segment: Segment, records: list[Record]) -> tuple[int, int]:
    start, end = records[-7].offset, records[-1].end
    segment[start:end] = Random(5).randbytes(end - start)
    return start, end


def cut_the_tail(segment: Segment, records: list[Record]) -> tuple[int, int]:
    last = records[-1]
    cut = (last.offset + last.end) // 2
    hurt = cut, len(segment)
    del segment[cut:]
    return hurt


def good_records(segment: Segment) -> list[Record]:
    found = list(scan(bytes(segment), HEADER_BYTES, len(segment)))
    assert not [item for item in found if isinstance(item, Damage)]
    return [item for item in found if isinstance(item, Record)]


def left_to_recover(records: list[Record], hurt: tuple[int, int]) -> dict[str, Outcome]:
    """What the ledger must hold of them: event id -> outcome."""
    whole = [record for record in records if record.end <= hurt[0] or record.offset >= hurt[1]]
    opened = {decode(record)[0] for record in whole if record.kind == OPEN}
    closed = {decode(record)[0] for record in whole if record.kind == CLOSE}
    return {
        **dict.fromkeys(opened, Outcome.INTERRUPTED),
        **dict.fromkeys(closed, Outcome.COMPLETED),
    }


async def killed_with_all_of_it_in_the_journal(configuration: dict[str, object], folder: Path) -> None:
    """Another program holds the ledger's lock, so nothing is shipped before the kill."""
    gateway = await asyncio.to_thread(GatewayProcess(configuration, folder).__enter__)
    with closing(sqlite3.connect(folder / "weir.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            streams = [
                asyncio.create_task(ask(gateway.base_url, ENDLESS, f"open-{number}", stream=True))
                for number in range(STREAMS)
            ]
            for number in range(PLAIN_CALLS):
                assert (await ask(gateway.base_url, PLAIN, f"plain-{number}")).served
        finally:
            gateway.kill()
    await asyncio.gather(*streams)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (flip_a_row, "the checksum does not hold"),
        (flip_an_open_record, "longer than what is left"),
        (lose_a_block, "the checksum does not hold"),
        (change_the_tail, "torn tail"),
        (cut_the_tail, "torn tail"),
    ],
)
async def test_good_records_are_recovered_and_the_rest_is_told(tmp_path: Path, harm: Harm, told: str) -> None:
    ledger = f"sqlite:///{tmp_path / 'weir.db'}"
    async with FakeUpstream() as upstream, asyncio.timeout(120):
        configuration = config(ledger, upstream.base_url, (PLAIN, ENDLESS))
        await killed_with_all_of_it_in_the_journal(configuration, tmp_path)
        assert rows_of(ledger) == []
        (path,) = (tmp_path / "weir.journal").glob("*/0000000001.journal")
        segment = Segment(path.read_bytes())
        records = good_records(segment)
        expected = left_to_recover(records, harm(segment, records))
        path.write_bytes(segment)
        gateway = await asyncio.to_thread(GatewayProcess(configuration, tmp_path).__enter__)
        assert await asyncio.to_thread(gateway.stop) == 0

    rows = rows_of(ledger)
    assert {row.id: row.outcome for row in rows} == expected
    for row in rows:
        assert row.cost_nanos
        assert row.usage is not None
        interrupted = row.outcome is Outcome.INTERRUPTED
        assert row.usage.provenance is (Provenance.ESTIMATED if interrupted else Provenance.VENDOR)
    (line,) = news(gateway.log.read_text(), "journal_recovered")
    assert line["interrupted"] == sum(outcome is Outcome.INTERRUPTED for outcome in expected.values())
    (damage,) = line["damages"]
    place = re.fullmatch(r"(.+) at (\d+), (\d+) bytes: (.+)", damage)
    assert place is not None
    assert place[1] == str(path)
    assert told in place[4]
    offset, length = int(place[2]), int(place[3])
    (copy,) = (tmp_path / "weir.journal" / "quarantine").iterdir()
    assert copy.read_bytes() == bytes(segment[offset : offset + length])
    assert not path.exists(), "it is all told and copied, so the journal is removed"
