"""Regular expressions that take no longer than the text is long: RE2, never a backtracking engine.

A rule's pattern meets whatever clients send, so no pattern may be able to stop the event loop. RE2 has no
look-around and no back-references, and says so where a pattern has one.
"""

from __future__ import annotations

from typing import Any

MAX_MEMORY_BYTES = 1 << 20
"""Of one compiled pattern; a larger one is refused when the file is read."""


class Pattern:
    """Compiled. Raises ValueError, with what is wrong, for what RE2 does not take."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        import re2  # a configuration without patterns need not wait for it

        options = re2.Options()
        options.log_errors = False
        options.max_mem = MAX_MEMORY_BYTES
        try:
            self._compiled: Any = re2.compile(text, options)
        except re2.error as error:
            raise ValueError(_plainly(error)) from None
        self.text = text

    def found_in(self, text: bytes) -> bool:
        """Anywhere in the UTF-8 text."""
        return self._compiled.search(text) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _plainly(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
