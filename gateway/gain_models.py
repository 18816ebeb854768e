"""The gain models of a configuration's routes.

`router.model` is imported where it is needed: numpy takes a tenth of a second, which a file without virtual
models, and most commands, need not wait for.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from router.decision import RouteRequest
from router.gain import GainModel


def gain_model(artefact: str | None) -> GainModel:
    """A route's own artefact, read again when its file has changed; None: the shipped one. Raises
    ArtefactError."""
    if artefact is None:
        return _loaded(None, 0, 0)
    path = Path(artefact)
    try:
        found = path.stat()
    except OSError:
        return _loaded(artefact, 0, 0)  # which says what is wrong with it
    return _loaded(artefact, found.st_mtime_ns, found.st_size)


def artefact_problem(artefact: str) -> str | None:
    """What is wrong with the file, None if nothing is."""
    from router.model import ArtefactError

    try:
        gain_model(artefact)
    except ArtefactError as error:
        return str(error)
    return None


def reading_of(model: GainModel, request: RouteRequest) -> bytes | None:
    """What the model read of a request, to calibrate on later; None for a model that reads nothing."""
    from router.model import LearnedGain, read

    return read(request, model.lexicon.vocabulary).to_bytes() if isinstance(model, LearnedGain) else None


@lru_cache(maxsize=64)
def _loaded(artefact: str | None, _mtime_ns: int, _size_bytes: int) -> GainModel:
    from router.model import load

    return load(None if artefact is None else Path(artefact))
