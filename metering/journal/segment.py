"""A segment: one preallocated file of records behind a 32-byte header.

    8 bytes  WEIRJRNL
    2 bytes  version of the format
    2 bytes  length of the header
    4 bytes  zero
    8 bytes  number of the segment
    4 bytes  CRC-32 of all before
    4 bytes  zero

Writing is a copy into shared mapped memory. From then on the bytes belong to the kernel, which writes them
out even if the process is killed the next moment.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from struct import Struct
from zlib import crc32

from metering.journal.errors import LaterVersion
from metering.journal.record import Bytes, Damage

VERSION = 1
_MAGIC = b"WEIRJRNL"
_HEADER = Struct("<8sHHIQ")
_CHECKSUM = Struct("<I")
HEADER_BYTES = 32
_SUFFIX = ".journal"
_ZEROES = bytes(1 << 20)

Allocator = Callable[[int, int], None]
"""(descriptor, bytes): make the file that long, with all its blocks, or raise OSError."""


def preallocate(descriptor: int, size: int) -> None:
    """Reserve every block, then write zeroes: the reservation makes sure that a write into mapped memory
    never finds the disk full (that would be SIGBUS), and the zeroes that it changes nothing about the
    file's blocks, so that the event loop does not wait for the file system's own journal."""
    os.posix_fallocate(descriptor, 0, size)
    for start in range(0, size, len(_ZEROES)):
        os.pwrite(descriptor, _ZEROES[: size - start], start)


class Segment:
    """Open for writing. `map` is shared memory of the file; `descriptor` is for fdatasync."""

    def __init__(self, number: int, path: Path, descriptor: int, size: int) -> None:
        self.number = number
        self.path = path
        self.size = size
        self.descriptor = descriptor
        self.map = mmap.mmap(descriptor, size)

    def close(self) -> None:
        self.map.close()
        os.close(self.descriptor)


def create(folder: Path, number: int, size: int, allocate: Allocator = preallocate) -> Segment:
    """Make an empty segment, whole on the disk before it has its name. Blocks. Raises OSError."""
    path = folder / segment_name(number)
    unnamed = path.with_suffix(".new")
    descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        allocate(descriptor, size)
        os.pwrite(descriptor, header(number), 0)
        os.fsync(descriptor)
        os.rename(unnamed, path)
        sync_folder(folder)
        return Segment(number, path, descriptor, size)
    except OSError:
        os.close(descriptor)
        for name in (unnamed, path):
            with suppress(FileNotFoundError):
                os.unlink(name)
        raise


def header(number: int) -> bytes:
    head = _HEADER.pack(_MAGIC, VERSION, HEADER_BYTES, 0, number)
    return (head + _CHECKSUM.pack(crc32(head))).ljust(HEADER_BYTES, b"\0")


def segment_name(number: int) -> str:
    return f"{number:010d}{_SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    """In order. An absent folder has none."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


class SegmentView:
    """A segment open for reading, from any process. `damage` is what is wrong with its header, if anything.

    Raises LaterVersion, and OSError if the file cannot be opened.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self.path = folder / segment_name(number)
        self.data = _mapped(self.path)
        self.size = len(self.data)
        self.damage = self._header_damage()

    def close(self) -> None:
        if isinstance(self.data, mmap.mmap):
            self.data.close()

    def _header_damage(self) -> Damage | None:
        found = self.data[:HEADER_BYTES]
        if found == header(self.number):
            return None
        if len(found) == HEADER_BYTES and found.startswith(_MAGIC):
            version = _HEADER.unpack_from(found)[1]
            if version > VERSION and _CHECKSUM.unpack_from(found, _HEADER.size)[0] == crc32(
                found[: _HEADER.size]
            ):
                raise LaterVersion(f"{self.path} has format {version}, and this Weir knows {VERSION}")
        return Damage(0, len(found), "the header is not a segment's")


def _mapped(path: Path) -> Bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""


def sync_folder(folder: Path) -> None:
    """So that names made, changed or gone in it survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
