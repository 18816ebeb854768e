"""What the books refuse. Each message says what to do instead."""

from __future__ import annotations


class BooksError(Exception):
    """Nothing was written."""


class BadEntry(BooksError):
    """An entry makes no sense; the message names the field."""


class ClosedMonth(BooksError):
    """The month takes no more entries."""

    def __init__(self, month: str, next_open: str) -> None:
        super().__init__(
            f"{month} is closed and its statements never change; the next open month is {next_open}"
        )
        self.month = month
        self.next_open = next_open


class CannotClose(BooksError):
    """The month cannot be closed now. `reasons` are all of them."""

    def __init__(self, month: str, reasons: tuple[str, ...]) -> None:
        super().__init__(f"{month} cannot be closed: {'; '.join(reasons)}")
        self.month = month
        self.reasons = reasons


class NoSuchStatement(BooksError):
    """No statement has this number, or it is somebody else's."""
