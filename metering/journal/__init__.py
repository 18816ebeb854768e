"""The crash-safe journal: an attempt is on record before it is sent, and its row until the ledger has it.

`journal` appends (event loop), `keeper` writes out and prepares segments (thread), `shipper` brings rows
to the ledger (thread), `recovery` takes over what dead processes left. `record` and `segment` are the format.
"""

from metering.journal.describe import describe
from metering.journal.errors import JournalError, JournalFull, LaterVersion, RecordTooLong
from metering.journal.journal import Journal
from metering.journal.meter import JournalMeter
from metering.journal.recovery import DamageReport, Recovered, recover
from metering.journal.shipper import Shipper
from metering.journal.sink import RowSink

__all__ = [
    "DamageReport",
    "Journal",
    "JournalError",
    "JournalFull",
    "JournalMeter",
    "LaterVersion",
    "RecordTooLong",
    "Recovered",
    "RowSink",
    "Shipper",
    "describe",
    "recover",
]
