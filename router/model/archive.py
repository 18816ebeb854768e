"""The file that an artefact is: named arrays in a zip (numpy's npz), never pickled objects.

What is read is checked: a file that is damaged, of another kind or of another version says so by name.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

FORMAT = 1
LARGEST_BYTES = 64 << 20
"""No array of an artefact is larger, so a file that claims one is not an artefact."""


class ArtefactError(Exception):
    """The file cannot be used; the message names it and the field."""


class Archive:
    """An artefact's arrays, each checked when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as members:
                self._sizes = {info.filename: info.file_size for info in members.infolist()}
        except FileNotFoundError:
            raise ArtefactError(f"{path}: no such file") from None
        except (OSError, zipfile.BadZipFile) as error:
            raise ArtefactError(f"{path}: not an artefact of a gain model ({error})") from error
        if not self.has("format"):
            raise ArtefactError(f"{path}: not an artefact of a gain model (it has no format)")
        found = int(self.array("format", (1,), np.int64)[0])
        if found != FORMAT:
            raise ArtefactError(f"{path}: format {found}; this version of Weir reads format {FORMAT}")

    def has(self, name: str) -> bool:
        return f"{name}.npy" in self._sizes

    def array(self, name: str, shape: tuple[int | None, ...], kind: DTypeLike | None = None) -> NDArray[Any]:
        """In that shape (None: any length) and of that type, floats by default. Raises ArtefactError."""
        if not self.has(name):
            raise ArtefactError(f"{self.path}: {name} is missing")
        if self._sizes[f"{name}.npy"] > LARGEST_BYTES:
            raise ArtefactError(f"{self.path}: {name} is larger than any artefact's")
        try:
            with np.load(self.path, allow_pickle=False) as members:
                found: NDArray[Any] = members[name]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ArtefactError(f"{self.path}: {name} cannot be read ({error})") from error
        wanted = len(shape) == found.ndim and all(
            w is None or w == f for w, f in zip(shape, found.shape, strict=True)
        )
        if not wanted:
            raise ArtefactError(f"{self.path}: {name} has the shape {found.shape}, not {_shown(shape)}")
        if kind is not None:
            if found.dtype != np.dtype(kind):
                raise ArtefactError(f"{self.path}: {name} is of type {found.dtype}, not {np.dtype(kind)}")
            return found
        if found.dtype.kind != "f":
            raise ArtefactError(f"{self.path}: {name} is of type {found.dtype}, not of numbers with a point")
        if not np.isfinite(found).all():
            raise ArtefactError(f"{self.path}: {name} has values that are no numbers")
        return found if found.dtype == np.float16 else found.astype(np.float32)

    def number(self, name: str) -> float:
        return float(self.array(name, (1,))[0])

    def blob(self, name: str) -> bytes:
        return self.array(name, (None,), np.uint8).tobytes()

    def text(self, name: str) -> str:
        try:
            return self.blob(name).decode()
        except UnicodeDecodeError as error:
            raise ArtefactError(f"{self.path}: {name} is no text ({error})") from error


def write(path: Path, fields: Mapping[str, NDArray[Any] | bytes | str | float]) -> None:
    """As `Archive` reads it back. The same fields give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as members:
        for name, value in sorted({**fields, "format": np.array([FORMAT], np.int64)}.items()):
            about = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            about.compress_type = zipfile.ZIP_DEFLATED
            with members.open(about, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, _as_array(value), allow_pickle=False)


def _as_array(value: NDArray[Any] | bytes | str | float) -> NDArray[Any]:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return np.frombuffer(value, np.uint8)
    return np.array([value], np.float64) if isinstance(value, float) else value


def _shown(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
