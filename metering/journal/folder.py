"""The journal's folder: a sub-folder for each process, locked for as long as its process lives.

    journal/
      lock                      held for moments, while a sub-folder is made, taken over or removed
      0199a3f20b1c4d5e6f70/     one process
        lock                    held by the process, or by the one that took its journal over
        0000000001.journal      segments
        checkpoint              how far the shipper is
      quarantine/               damaged bytes and rejected rows

The kernel drops a lock when its holder ends, however it ends: a lock that can be had means a dead process.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from metering.journal.errors import JournalError
from metering.journal.segment import segment_name, segment_numbers

QUARANTINE = "quarantine"
CHECKPOINT = "checkpoint"
_LOCK = "lock"


def new_process_id() -> str:
    """Sorts by time: 48 bits of milliseconds, 32 random bits, in hexadecimal."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(4)}"


class ProcessFolder:
    """One process's sub-folder, with its lock held."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.process = path.name
        self._lock = lock

    def release(self) -> None:
        """Give the lock back and leave the files to the next recovery."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def remove(self) -> None:
        """Everything in it has been shipped. Oldest segments first: whatever is left after a crash in between
        holds the end of every attempt whose beginning it holds. Raises OSError."""
        with _moment(self.path.parent):
            for number in segment_numbers(self.path):
                os.unlink(self.path / segment_name(number))
            for name in os.listdir(self.path):
                os.unlink(self.path / name)
            os.rmdir(self.path)
            self.release()


def make_own(folder: Path, process: str) -> ProcessFolder:
    """Raises JournalError if the folder cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _moment(folder):
            path = folder / process
            path.mkdir(mode=0o700)
            lock = _try_lock(path)
    except OSError as error:
        raise JournalError(f"cannot make a journal in {folder}: {error}") from error
    if lock is None:
        raise JournalError(f"the journal {path} is another's")
    return ProcessFolder(path, lock)


def take_dead(folder: Path) -> list[ProcessFolder]:
    """The sub-folders whose processes are gone, oldest first; they are the caller's now. Raises OSError."""
    if not folder.is_dir():
        return []
    with _moment(folder):
        locks = [(path, _try_lock(path)) for path in process_folders(folder)]
    return [ProcessFolder(path, lock) for path, lock in locks if lock is not None]


def is_alive(path: Path) -> bool:
    with _moment(path.parent):
        lock = _try_lock(path)
        if lock is not None:
            os.close(lock)
    return lock is None


def process_folders(folder: Path) -> list[Path]:
    try:
        entries = [Path(entry) for entry in os.scandir(folder) if entry.is_dir() and entry.name != QUARANTINE]
    except FileNotFoundError:
        return []
    return sorted(entries)


def segment_bytes_on_disk(folder: Path) -> int:
    """Of all processes, the living and the dead."""
    total = 0
    for path in process_folders(folder):
        for number in segment_numbers(path):
            with suppress(FileNotFoundError):  # its own process has just deleted it
                total += os.stat(path / segment_name(number)).st_size
    return total


@contextmanager
def _moment(folder: Path) -> Iterator[None]:
    """Only one process at a time makes, takes over or removes sub-folders."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    try:
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # the folder has just been removed
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
