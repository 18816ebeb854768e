"""The gain model that an artefact holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from router.decision import RouteRequest
from router.gain import Gain
from router.model.archive import Archive, ArtefactError
from router.model.head import Head, blended, blended_rows
from router.model.lexicon import Lexicon
from router.model.reading import Reading, asked, hear, read
from router.model.surface import NAMES, Floats, surfaces

FAMILIES = ("choice", "code", "maths", "question", "text")
KNOWN_NOVELTY = 0.5
"""Up to here the model speaks; beyond it, the prior."""
SHARES = 201
_LOG_CHARS, _OPTIONS, _NUMBERS = (NAMES.index(name) for name in ("log_chars", "options", "numbers"))
_CODE, _FENCE, _CURLY, _HOW = (NAMES.index(name) for name in ("code", "fence", "log_curly", "how"))
_BACKSLASH, _EQUALS, _ASKS = (NAMES.index(n) for n in ("log_backslash", "log_equals", "ends_asking"))
_NOTHING: Mapping[str, Any] = {}


class Prior(NamedTuple):
    """What is expected of a prompt that is like nothing seen: longer ones gain more."""

    mean: float
    per_log_chars: float
    log_chars: float
    """Where `mean` is expected."""
    families: tuple[float, ...]
    """Added, per family."""

    def gain(self, log_chars: float, family: int) -> float:
        gained: float = self.mean + self.per_log_chars * (log_chars - self.log_chars) + self.families[family]
        return gained


class Familiar:
    """Where the prompts lie that a model was fitted on."""

    def __init__(self, centres: Floats, radii: Floats, unknown: float) -> None:
        """`radii`: per centre, the squared distance within which nearly all of its prompts lie; `unknown`:
        the share of unknown words that nearly none of them exceeded."""
        self.centres = centres
        self.radii = radii
        self.unknown = unknown

    def novelty(self, inputs: Floats, unknown: float) -> float:
        """0 to 1; KNOWN_NOVELTY at the border."""
        away = inputs - self.centres
        return self.novelty_at(float((np.einsum("ij,ij->i", away, away) / self.radii).min()), unknown)

    def novelty_at(self, nearest: float, unknown: float) -> float:
        """`nearest`: squared distance to a centre over its radius, least of all centres."""
        return min(1.0, KNOWN_NOVELTY * max(sqrt(max(0.0, nearest)), unknown / self.unknown))


class _AtOnce:
    """A head's columns and the distances from all centres in two products, as requests are answered."""

    def __init__(self, head: Head, familiar: Familiar) -> None:
        centres, radii = familiar.centres, familiar.radii
        self._kinds = head.kinds
        self._curves = len(head.phases)
        self._told = self._curves + len(radii)
        width, columns = head.slopes.shape
        away = np.vstack((-2 * centres.T, np.einsum("ij,ij->i", centres, centres), np.ones(len(radii))))
        curves = np.vstack((head.directions, head.phases, np.zeros(self._curves)))
        line = np.vstack((head.slopes, head.offsets, np.zeros(columns)))
        self._all = np.hstack((curves, away / radii, line)).astype(np.float32)
        self._bent = np.zeros((self._curves + width, columns), np.float32)
        self._bent[: self._curves, : head.waves.shape[1]] = head.waves
        self._bent[self._curves :, head.waves.shape[1] :] = head.squares

    def product(self, entered: Floats) -> tuple[Floats, float]:
        """For `gain`; and the nearest centre's squared distance over its radius."""
        found: Floats = entered.dot(self._all)
        away = found[self._curves : self._told]
        return found, away.item(away.argmin())

    def gain(self, entered: Floats, found: Floats) -> float:
        bent = np.empty(len(self._bent), np.float32)
        inputs = entered[:-2]
        np.cos(found[: self._curves], out=bent[: self._curves])
        np.multiply(inputs, inputs, out=bent[self._curves :])
        told = bent.dot(self._bent)
        told += found[self._told :]
        return blended(told.tolist(), self._kinds)

    def all(self, entered: Floats) -> tuple[list[float], list[float]]:
        """`gain` and the nearest centre of many, a row each."""
        found: Floats = entered.dot(self._all)
        bent = np.empty((len(found), len(self._bent)), np.float32)
        inputs = entered[:, :-2]
        np.cos(found[:, : self._curves], out=bent[:, : self._curves])
        np.multiply(inputs, inputs, out=bent[:, self._curves :])
        told = bent.dot(self._bent)
        told += found[:, self._told :]
        nearest = np.minimum.reduce(found[:, self._curves : self._told], 1)
        return blended_rows(told, self._kinds).tolist(), nearest.tolist()


class LearnedGain:
    """A GainModel: pure, immutable, safe to share between threads."""

    def __init__(
        self, lexicon: Lexicon, head: Head, prior: Prior, familiar: Familiar, shares: Floats, version: str
    ) -> None:
        self.lexicon = lexicon
        self.head = head
        self.prior = prior
        self.familiar = familiar
        self.shares = shares
        """Gains that are exceeded by the shares 1, 1 - 1/200, ... 0 of what it was calibrated on."""
        self._version = version
        self._at_once = _AtOnce(head, familiar)

    @property
    def version(self) -> str:
        return self._version

    def gain(self, request: RouteRequest) -> Gain:
        reading = read(request, self.lexicon.vocabulary)
        found = self.of_reading(reading)
        return found._replace(details=self._details(reading, found)) if request.explain else found

    def gains(self, requests: Sequence[RouteRequest]) -> list[Gain]:
        if len(requests) == 1 or any(request.explain for request in requests):
            return list(map(self.gain, requests))
        vocabulary = self.lexicon.vocabulary
        said = [hear(asked(request.fields, request.api), vocabulary) for request in requests]
        seen = surfaces(said)
        entered, unknown = self.lexicon.enter_all([each.rows for each in said], seen)
        found = zip(*self._at_once.all(entered), unknown, seen.tolist(), strict=True)
        return [self._gain(*each) for each in found]

    def of_reading(self, reading: Reading) -> Gain:
        inputs, unknown = self.lexicon.enter(reading)
        found, nearest = self._at_once.product(inputs)
        return self._gain(self._at_once.gain(inputs, found), nearest, unknown, reading.surface.tolist())

    def _gain(self, gained: float, nearest: float, unknown: float, surface: Sequence[float]) -> Gain:
        novelty = self.familiar.novelty_at(nearest, unknown)
        kind = family(surface)
        known = novelty <= KNOWN_NOVELTY
        if not known:
            gained = self.prior.gain(surface[_LOG_CHARS], kind)
        return Gain(max(-1.0, min(1.0, gained)), known, novelty, FAMILIES[kind], _NOTHING)

    def threshold(self, large_share: float) -> float:
        place = (1.0 - min(1.0, max(0.0, large_share))) * (len(self.shares) - 1)
        return float(np.interp(place, np.arange(len(self.shares)), self.shares))

    def _details(self, reading: Reading, found: Gain) -> Mapping[str, Any]:
        inputs = self.lexicon.inputs(reading)
        return {
            "model": self.version,
            "model_gain": round(float(self.head.gains(inputs)), 4),
            "prior_gain": round(
                self.prior.gain(float(reading.surface[_LOG_CHARS]), FAMILIES.index(found.family)), 4
            ),
            "chars": reading.chars,
            "words": len(reading.rows),
            "unknown_words": round(self.lexicon.unknown(reading), 3),
        }


def family(surface: Sequence[float]) -> int:
    """The place in FAMILIES of what a text looks like."""
    if surface[_OPTIONS] >= 3:
        return 0
    if surface[_CODE] or surface[_FENCE] or surface[_CURLY] > 1.5:
        return 1
    if surface[_BACKSLASH] > 1.0 or surface[_EQUALS] > 1.0 or surface[_NUMBERS] > 1.0:
        return 2
    return 3 if surface[_ASKS] else 4


def from_archive(archive: Archive, lexicon: Lexicon) -> LearnedGain:
    """Raises ArtefactError."""
    if archive.text("lexicon_version") != lexicon.version:
        raise ArtefactError(
            f"{archive.path}: lexicon_version is {archive.text('lexicon_version')}; this version of Weir "
            f"ships {lexicon.version}: calibrate again"
        )
    width = lexicon.kept + len(NAMES)
    directions = archive.array("directions", (width, None))
    waves = directions.shape[1]
    squares = archive.array("squares_inside", (width, None))
    kinds = squares.shape[1]
    centres = archive.array("centres", (None, width))
    prior = archive.array("prior", (3 + len(FAMILIES),)).tolist()
    return LearnedGain(
        lexicon,
        Head(
            directions.astype(np.float32),
            archive.array("phases", (waves,)),
            archive.array("waves", (waves, 1 + 2 * kinds)),
            archive.array("slopes", (width, 1 + 3 * kinds)),
            archive.array("offsets", (1 + 3 * kinds,)),
            squares,
        ),
        Prior(prior[0], prior[1], prior[2], tuple(prior[3:])),
        Familiar(centres, archive.array("radii", (len(centres),)), archive.number("unknown")),
        archive.array("shares", (SHARES,)),
        archive.text("version"),
    )


def fields_of(model: LearnedGain) -> dict[str, Any]:
    """What `from_archive` reads back."""
    return {
        "lexicon_version": model.lexicon.version,
        "version": model.version,
        "directions": model.head.directions.astype(np.float16),
        "phases": model.head.phases,
        "waves": model.head.waves,
        "slopes": model.head.slopes,
        "offsets": model.head.offsets,
        "squares_inside": model.head.squares,
        "prior": np.array([*model.prior[:3], *model.prior.families], np.float64),
        "centres": model.familiar.centres,
        "radii": model.familiar.radii,
        "unknown": float(model.familiar.unknown),
        "shares": model.shares,
    }
