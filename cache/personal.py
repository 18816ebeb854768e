"""Personal data by its shape: a text that holds some is no question that others ask too, and is not to lie
about. Shapes and check digits only: a name or a street is not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, Protocol

EMAIL: Final = "email"
PHONE: Final = "phone number"
IBAN: Final = "IBAN"
CARD: Final = "card number"
IP: Final = "IP address"
NATIONAL_ID: Final = "national id"
OWN: Final = "own pattern"

KINDS: Final = frozenset({EMAIL, PHONE, IBAN, CARD, IP, NATIONAL_ID})


class Pattern(Protocol):
    """A compiled pattern of the operator's; its time must be linear in the text."""

    def found_in(self, text: bytes) -> bool:
        """Anywhere in the UTF-8 text."""
        ...


def reason(text: str, kinds: AbstractSet[str] = KINDS, own: Sequence[Pattern] = ()) -> str | None:
    """The first kind of personal data that is found, of those asked for; None if there is none."""
    if EMAIL in kinds and "@" in text and _EMAIL.search(text):
        return EMAIL
    if _DIGIT.search(text):
        kind = _numbered(text, kinds)
        if kind is not None:
            return kind
    if own:
        encoded = text.encode("utf-8", "replace")
        if any(pattern.found_in(encoded) for pattern in own):
            return OWN
    return None


def _numbered(text: str, kinds: AbstractSet[str]) -> str | None:
    """What has figures in it. Two cheap searches spare most texts the others. The stricter shapes come first:
    a card's number must not be called a phone's."""
    if IP in kinds and (text.count(".") > 2 or text.count(":") > 1) and _has_ip(text):
        return IP
    if _LETTERS_FIRST.search(text) or _LETTER_LAST.search(text):
        if IBAN in kinds and _has_iban(text):
            return IBAN
        if NATIONAL_ID in kinds and _has_lettered_id(text):
            return NATIONAL_ID
    figures = "\n".join(text[max(0, run.start() - 3) : run.end() + 2] for run in _RUN.finditer(text))
    if figures:
        for kind, found in _OF_FIGURES.items():
            if kind in kinds and found(figures):
                return kind
    return None


_DIGIT = re.compile(r"\d", re.ASCII)
_RUN = re.compile(r"\d(?:[ ()./-]{0,3}\d){7,}", re.ASCII)
"""Holds each number of a card, a phone or the United States' social security; what stands around it decides,
too."""
_LETTERS_FIRST = re.compile(r"[A-Z][A-Z] ?\d\d", re.ASCII)
_LETTER_LAST = re.compile(r"\d\d{6}[ -]?[A-Z]", re.ASCII)
"""One of them stands in each IBAN, and in each id that has letters: capitals only."""
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{3,39}(?![\w:])", re.ASCII)
_CARD = re.compile(r"(?<![\d.,])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\d])", re.ASCII)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.ASCII)
_INTERNATIONAL = re.compile(r"(?<!\w)(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){7,14}(?!\w)", re.ASCII)
_TRUNK = re.compile(r"(?<![\w.,])\(?0[1-9]\d{0,4}\)?[ /.-]?\d(?:[ .-]?\d){5,9}(?!\w)", re.ASCII)
_NORTH_AMERICAN = re.compile(r"(?<![\w.,])\(?[2-9]\d\d\)?[ .-]?[2-9]\d\d[ .-]?\d{4}(?![\w])", re.ASCII)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])", re.ASCII)
_NINO = re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b", re.ASCII)
_CODICE_FISCALE = re.compile(r"\b[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]\b", re.ASCII)
_DNI = re.compile(r"\b([XYZ]?)(\d{7,8})[ -]?([A-Z])\b", re.ASCII)

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24,
    "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IT": 27, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19,
    "SK": 24, "TR": 26,
}  # fmt: skip
"""ISO 13616, as the countries registered them."""


def _has_ip(text: str) -> bool:
    """An address that leads to somebody: those of a private or special network tell nothing."""
    return any(_is_global(IPv4Address, found) for found in _IPV4.findall(text)) or any(
        _is_global(IPv6Address, found) for found in _IPV6.findall(text) if found.count(":") > 1
    )


def _is_global(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        return kind(text).is_global
    except AddressValueError:
        return False


def _has_card(text: str) -> bool:
    return any(_luhn(found) for found in _CARD.findall(text))


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(_DIGIT.findall(number))):
        value = int(digit) << (place & 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _has_iban(text: str) -> bool:
    return any(_is_iban(found.replace(" ", "")) for found in _IBAN.findall(text))


def _is_iban(text: str) -> bool:
    """ISO 7064 MOD 97-10 over as many characters as the country's have; capitals may follow."""
    number = text[: _IBAN_LENGTHS.get(text[:2], len(text))]
    return len(number) >= 15 and int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1


def _has_phone(text: str) -> bool:
    return any(shape.search(text) for shape in (_INTERNATIONAL, _TRUNK, _NORTH_AMERICAN))


def _has_ssn(text: str) -> bool:
    """Of the United States."""
    return _SSN.search(text) is not None


def _has_lettered_id(text: str) -> bool:
    """Of the United Kingdom, Italy and Spain."""
    if _NINO.search(text) or _CODICE_FISCALE.search(text):
        return True
    return any(_is_dni(*found) for found in _DNI.findall(text))


def _is_dni(prefix: str, digits: str, letter: str) -> bool:
    """A DNI has eight figures, a foreigner's NIE a letter and seven; the last letter checks both."""
    if len(prefix) + len(digits) != 8:
        return False
    number = int(f"{'XYZ'.index(prefix)}{digits}" if prefix else digits)
    return _DNI_LETTERS[number % 23] == letter


_OF_FIGURES: Mapping[str, Callable[[str], bool]] = {
    CARD: _has_card,
    NATIONAL_ID: _has_ssn,
    PHONE: _has_phone,
}
"""The stricter shapes first: a card number must not be called a phone's."""
