"""Whoever makes a change in a test."""

from __future__ import annotations

from metering.audit.entry import Author

BY = Author("test/author", 1_767_225_600_000_000, "req_test")
