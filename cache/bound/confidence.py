"""How wrong the hits may be, given how many audited ones were: two upper bounds, and what is still needed.

`upper_bound` is for a sample whose size was fixed beforehand. Whoever looks after each audit and stops when
the figure pleases needs `upper_bound_at_any_time`: it holds at all sizes at once.
"""

from __future__ import annotations

from math import exp, inf, lgamma, log, log1p

CONFIDENCE = 0.95

_STEPS = 60
"""Of bisection: beyond the precision of a float."""

_ALTERNATIVES = ((0.0, 1 / 2), (1 / 8, 1 / 6), (1 / 4, 1 / 6), (1 / 2, 1 / 6))
"""(share of the bound that the true error may be, weight). Fixed before any audit: the sum of the weights is
1, and what is spent on perfect partitions makes them arm first."""


def upper_bound(wrong: int, audited: int, confidence: float = CONFIDENCE) -> float:
    """One-sided Clopper-Pearson: the error rate at which `wrong` or fewer of `audited` would be seen with
    probability 1 - confidence. 1 where nothing was audited.

    Clopper and Pearson, Biometrika 26 (1934), 404-413: the root in p of P(Binomial(audited, p) <= wrong).
    Raises ValueError unless 0 <= wrong <= audited and 0 < confidence < 1.
    """
    _check(wrong, audited, confidence)
    if wrong == audited:
        return 1.0
    allowed = log1p(-confidence)
    low, high = wrong / audited, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _log_at_most(wrong, audited, middle) > allowed:
            low = middle
        else:
            high = middle
    return high


def upper_bound_at_any_time(wrong: int, audited: int, confidence: float = CONFIDENCE) -> float:
    """The error rate from which on `log_evidence` rejects. With probability `confidence` the true rate is
    below it after every audit, however often and whenever one looks. Never below `upper_bound`."""
    _check(wrong, audited, confidence)
    if wrong == audited:
        return 1.0
    needed = -log1p(-confidence)
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle == 1.0:  # between 1 and the float before it
            break
        if log_evidence(wrong, audited, middle) < needed:
            low = middle
        else:
            high = middle
    return high


def log_evidence(wrong: int, audited: int, rate: float) -> float:
    """Logarithm of the evidence that hits are wrong more rarely than `rate` (0 < rate < 1).

    A mixture of likelihood ratios of smaller rates against this one. Where the true rate is this or higher,
    each ratio is a nonnegative supermartingale that starts at 1, so by Ville's inequality the evidence ever
    reaches 1/a with probability a at most: Robbins, Annals of Mathematical Statistics 41 (1970), 1397-1409;
    Howard, Ramdas, McAuliffe and Sekhon, Annals of Statistics 49 (2021), 1055-1080. It depends on the counts
    alone, falls with each wrong hit and rises with each right one.
    """
    terms = [_log_ratio(wrong, audited, rate, share) + log(weight) for share, weight in _ALTERNATIVES]
    most = max(terms)
    return most + log(sum(exp(term - most) for term in terms))


def is_within(wrong: int, audited: int, rate: float, confidence: float = CONFIDENCE) -> bool:
    """Whether the bound that holds at any time is `rate` or less."""
    return log_evidence(wrong, audited, rate) >= -log1p(-confidence)


def needed_if_clean(wrong: int, audited: int, rate: float, confidence: float = CONFIDENCE) -> int:
    """How many audits more it takes until the bound is within the rate, if not one of them is wrong."""
    if is_within(wrong, audited, rate, confidence):
        return 0
    few, enough = 0, 1
    while not is_within(wrong, audited + enough, rate, confidence):
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        if is_within(wrong, audited + middle, rate, confidence):
            enough = middle
        else:
            few = middle
    return enough


def _log_ratio(wrong: int, audited: int, rate: float, share: float) -> float:
    if share == 0.0 and wrong:
        return -inf
    of_wrong = wrong * log(share) if wrong else 0.0
    return of_wrong + (audited - wrong) * (log1p(-share * rate) - log1p(-rate))


def _log_at_most(wrong: int, audited: int, rate: float) -> float:
    """log P(Binomial(audited, rate) <= wrong), for rates from wrong/audited up: there the terms fall from
    the last one downwards, and are added from it until they no longer count."""
    if rate >= 1.0:
        return -inf
    log_last = (audited - wrong) * log1p(-rate) + (wrong * log(rate) if wrong else 0.0)
    log_last += lgamma(audited + 1) - lgamma(wrong + 1) - lgamma(audited - wrong + 1)
    total = term = 1.0
    for k in range(wrong, 0, -1):
        term *= k * (1.0 - rate) / ((audited - k + 1) * rate)
        total += term
        if term < 1e-17 * total:
            break
    return log_last + log(total)


def _check(wrong: int, audited: int, confidence: float) -> None:
    if not 0 <= wrong <= audited:
        raise ValueError(f"{wrong} wrong of {audited} audited")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence of {confidence}; it lies between 0 and 1")
