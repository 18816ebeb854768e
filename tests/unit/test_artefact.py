"""Artefacts that cannot be used say which file, which field, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.commands.route import request_of
from router.model import ArtefactError, load, save
from router.model.archive import Archive, write
from router.model.fitting import WAVES
from router.model.learned import fields_of


@pytest.fixture(scope="module")
def fields() -> dict[str, Any]:
    return fields_of(load())


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    save(load(), tmp_path / "own.npz")
    own = load(tmp_path / "own.npz")
    asked = request_of({"prompt": "What is the third derivative of x^4?"}, explain=False)
    assert own.gain(asked) == load().gain(asked)
    assert own.threshold(0.3) == load().threshold(0.3)
    assert (tmp_path / "own.npz").stat().st_size < 1_000_000


def test_the_same_fields_give_the_same_bytes(tmp_path: Path, fields: dict[str, Any]) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, fields)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"none\.npz: no such file"):
        load(tmp_path / "none.npz")


@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"{}"])
def test_another_kind_of_file_is_no_artefact(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(ArtefactError, match="not an artefact"):
        load(tmp_path / "bad.npz")


def test_a_damaged_file_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    write(tmp_path / "cut.npz", fields)
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:2_000] + bytes(1_000) + whole[3_000:])
    with pytest.raises(ArtefactError, match=r"cut\.npz"):
        load(tmp_path / "cut.npz")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("slopes", None, "slopes is missing"),
        ("slopes", np.zeros(3, np.float32), r"slopes has the shape \(3,\), not \(\d+, \d+\)"),
        ("waves", np.zeros((2, 2), np.float32), "waves has the shape"),
        ("squares_inside", np.zeros((7, 1), np.float32), "squares_inside has the shape"),
        ("phases", np.full(WAVES, np.nan, np.float32), "phases has values that are no numbers"),
        ("shares", np.zeros(201, np.int64), "shares is of type int64"),
        ("lexicon_version", "another", "lexicon_version is another; .*calibrate again"),
    ],
)
def test_a_wrong_field_is_named(
    tmp_path: Path, fields: dict[str, Any], name: str, value: Any, words: str
) -> None:
    changed = {**fields, name: value}
    write(tmp_path / "bad.npz", {key: each for key, each in changed.items() if each is not None})
    with pytest.raises(ArtefactError, match=rf"bad\.npz: {words}"):
        load(tmp_path / "bad.npz")


def test_pickled_objects_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", format=np.array([1]), lexicon_version=np.array([object()], dtype=object))
    with pytest.raises(ArtefactError, match="lexicon_version cannot be read"):
        Archive(tmp_path / "p.npz").text("lexicon_version")


def test_another_format_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", format=np.array([9]))
    with pytest.raises(ArtefactError, match="format 9; this version of Weir reads format 1"):
        Archive(tmp_path / "f.npz")
