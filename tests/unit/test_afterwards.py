"""Steps after an answer run when the turn ends: rows, then answers, then reports. A defect stops none."""

from __future__ import annotations

import asyncio

import pytest

from gateway.afterwards import Afterwards


async def test_rows_then_answers_then_reports(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def defect() -> None:
        raise RuntimeError("a defect")

    afterwards = Afterwards()
    afterwards.report(done.append, "report 1")
    afterwards.row(defect)
    afterwards.answer(done.append, "answer 1")
    afterwards.row(done.append, "row 1")
    afterwards.row(done.append, "row 2")
    assert done == []
    await asyncio.sleep(0)
    assert done == ["row 1", "row 2", "answer 1", "report 1"]
    assert "a defect" in caplog.text
    afterwards.row(done.append, "row 3")
    afterwards.finish()
    assert done[-1] == "row 3"
