"""A text's words as row numbers: folded and split as bytes, looked up in one dict.

ASCII letters fold to lower case and digits to `0`; every other ASCII sign parts words; bytes of other scripts
stay as they are. So `Find x^2 + 10` is `find`, `x`, `0`, `00`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

READ_CHARS = 1_000
"""Of a longer text this much is read: three quarters at its start, the rest at its end."""
ENDING_BYTES = 3
"""A word that the vocabulary lacks is read by its last letters."""


def _folded(byte: int) -> int:
    if 65 <= byte <= 90:
        return byte + 32
    if 48 <= byte <= 57:
        return 48
    return byte if 97 <= byte <= 122 or byte >= 128 else 32


_FOLD = bytes(_folded(byte) for byte in range(256))


def cut(text: str) -> str:
    """The part of a text that is read."""
    if len(text) <= READ_CHARS:
        return text
    return text[: READ_CHARS * 3 // 4] + "\n" + text[-READ_CHARS // 4 :]


def words(read: bytes) -> list[bytes]:
    """Of a text in UTF-8, in order."""
    return read.translate(_FOLD).split()


class Vocabulary(dict[bytes, int]):
    """Word -> row. A word that is not in it has the row of its ending, or the last row for any other."""

    def __init__(
        self, known: Sequence[bytes], endings: Sequence[bytes], common_first: Sequence[int] | None = None
    ) -> None:
        """`common_first`: all rows of words, in the order of how common the words are. What most prompts say
        then lies close together in memory, which finds it in two thirds of the time."""
        rows = range(len(known)) if common_first is None else common_first
        super().__init__((bytes(bytearray(known[row])), row) for row in rows)
        self.words = len(known)
        self.rows = len(known) + len(endings) + 1
        self._endings = dict(zip(endings, range(len(known), self.rows - 1), strict=True))

    def __iter__(self) -> Iterator[bytes]:
        """In the order of rows."""
        return iter(sorted(self.keys(), key=self.__getitem__))

    def __missing__(self, word: bytes) -> int:
        return self._endings.get(word[-ENDING_BYTES:], self.rows - 1)

    def row_numbers(self, said: Iterable[bytes]) -> list[int]:
        return list(map(self.__getitem__, said))
