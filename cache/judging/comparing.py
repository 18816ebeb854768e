"""What one text says and the other does not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from cache.judging.antonyms import opposite
from cache.judging.reading import Reading


class Difference(NamedTuple):
    """Between what is asked (first) and what is kept (second). Places are those of `Reading.words`."""

    pairs: tuple[tuple[int, int], ...]
    """Words that say the same, by their places, in the order of the first."""
    asked: tuple[int, ...]
    """Solid words of the first that the second has nothing for."""
    kept: tuple[int, ...]


def differ(asked: Reading, kept: Reading, unknown: Collection[str] = ()) -> Difference:
    """`unknown` are words that are none, as far as is known: one of them may be a word with two slips."""
    free: dict[str, list[int]] = {}
    for place in sorted(kept.solid, reverse=True):
        free.setdefault(kept.heads[place], []).append(place)
    pairs, left = [], []
    for place in sorted(asked.solid):
        places = free.get(asked.heads[place])
        if places:
            pairs.append((place, places.pop()))
        else:
            left.append(place)
    right = sorted(place for places in free.values() for place in places)
    if left and right:
        left, right = _misspelt(asked, kept, pairs, left, right, unknown)
        left, right = _compounds(asked.words, kept.words, left, right)
        right, left = _compounds(kept.words, asked.words, right, left)
    return Difference(tuple(sorted(pairs)), tuple(left), tuple(right))


def _misspelt(
    asked: Reading,
    kept: Reading,
    pairs: list[tuple[int, int]],
    left: list[int],
    right: list[int],
    unknown: Collection[str],
) -> tuple[list[int], list[int]]:
    for one in left[:]:
        for other in right:
            mine, yours = asked.words[one], kept.words[other]
            if (
                one_slip(asked.heads[one], kept.heads[other])
                or one_slip(mine, yours)
                or ((mine in unknown) != (yours in unknown) and (slipped(mine, yours) or _sound(mine, yours)))
            ) and not opposite(mine, yours):
                pairs.append((one, other))
                left, right = [x for x in left if x != one], [x for x in right if x != other]
                break
    return left, right


def _compounds(
    whole: Sequence[str], parts: Sequence[str], left: list[int], right: list[int]
) -> tuple[list[int], list[int]]:
    """`data base` is `database`."""
    for one in left[:]:
        for first, second in pairwise(right):
            if second == first + 1 and whole[one].replace("-", "") == parts[first] + parts[second]:
                left, right = [x for x in left if x != one], [x for x in right if x not in (first, second)]
                break
    return left, right


def one_slip(one: str, other: str) -> bool:
    """Long words that differ by one letter inside, doubled, left out, exchanged or swapped with the next: not
    by the first letter, nor at the end, where English puts its grammar."""
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if len(short) < 6 or len(long) - len(short) > 1 or short[0] != long[0] or short[-2:] != long[-2:]:
        return False
    if not (short.isalpha() and long.isalpha()):
        return False
    at = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return swapped or short[at + 1 :] == long[at + 1 :]


def slipped(one: str, other: str) -> bool:
    """Words with one first letter, at most two letters apart in long ones and one in short ones."""
    if one[0] != other[0] or min(len(one), len(other)) < 5:
        return False
    most = 2 if min(len(one), len(other)) > 7 else 1
    return abs(len(one) - len(other)) <= most and _apart(one, other, most) <= most


_VOWELS = str.maketrans("", "", "aeiouy")


def _sound(one: str, other: str) -> bool:
    """Long words with one beginning and the same consonants, doubled or not: `benifet`, `benefit`."""
    if one[:2] != other[:2] or min(len(one), len(other)) < 6 or abs(len(one) - len(other)) > 2:
        return False
    bones, others = (_once(word.translate(_VOWELS)) for word in (one, other))
    return len(bones) > 2 and bones == others


def _once(letters: str) -> str:
    return "".join(letter for letter, before in zip(letters, " " + letters, strict=False) if letter != before)


def _apart(one: str, other: str, most: int) -> int:
    """Letters left out, put in, exchanged or swapped with the next (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        row = [at]
        for place, another in enumerate(other, 1):
            cost = min(last[place] + 1, row[place - 1] + 1, last[place - 1] + (letter != another))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == another:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]
