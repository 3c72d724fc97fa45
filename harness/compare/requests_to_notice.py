"""How many requests it takes to notice that something got worse."""

from __future__ import annotations

import math

from scipy.special import ndtri

ALPHA, POWER = 0.05, 0.8  # customary in sample-size planning


def requests_to_notice(mean_now: float, mean_bad: float, sd_per_request: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Return how many requests a one-sided test of the mean needs to notice a stated deterioration.

    Formula: n = ((z_alpha + z_power) · sd / (mean_now - mean_bad))², rounded up.

    Parameters
    ----------
    mean_now, mean_bad : float
        Mean per request as it was measured, and as it would be; which of them is larger does not matter.
    sd_per_request : float
        Standard deviation of a request, the same in both states; at least 0.
    alpha, power : float
        Chance of a false alarm in one look at n requests, and of an alarm when the deterioration is there.

    Returns
    -------
    int or None
        At least 1. Undefined (None) when the means are equal or a figure is not finite.

    Notes
    -----
    Lachin, Controlled Clinical Trials 2:93-113, 1981: the basic equation of sample size and power, one sample, with equal variances. It holds
    for one look; who looks again and again has more false alarms.

    Examples
    --------
    Half a standard deviation: (1.645 + 0.842)² · 4 = 24.7.

    >>> requests_to_notice(2.0, 1.0, 2.0)
    25
    """
    distance = abs(mean_now - mean_bad)
    return _rounded_up((float(ndtri(1 - alpha)) + float(ndtri(power))) * sd_per_request, distance)


def requests_to_notice_share(share_now: float, share_bad: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Return how many requests a one-sided test of a share needs to notice that it rose from one to the other.

    Formula: n = ((z_alpha · sqrt(p0 (1 - p0)) + z_power · sqrt(p1 (1 - p1))) / (p1 - p0))², rounded up. With p0 = 0 one case is proof, and
    n = log(1 - power) / log(1 - p1).

    Parameters
    ----------
    share_now, share_bad : float
        p0 and p1, in [0, 1].
    alpha, power : float
        As in `requests_to_notice`.

    Returns
    -------
    int or None
        At least 1. Undefined (None) unless 0 <= share_now < share_bad <= 1.

    Notes
    -----
    Lachin, Controlled Clinical Trials 2:93-113, 1981: the basic equation for one proportion, with the variance of either state.
    It is the number of the normal test; an exact binomial test, which stays below its level, needs 10 to 30 % more where few cases are expected.

    Examples
    --------
    From 1 % to 2 %: ((1.645 · 0.0995 + 0.842 · 0.14) / 0.01)² = 792.0.

    >>> requests_to_notice_share(0.01, 0.02)
    793
    >>> requests_to_notice_share(0.0, 0.5)
    3
    """
    if not 0 <= share_now < share_bad <= 1:
        return None
    if share_now == 0:
        return 1 if share_bad == 1 else max(1, math.ceil(math.log1p(-power) / math.log1p(-share_bad)))
    spread = float(ndtri(1 - alpha)) * math.sqrt(share_now * (1 - share_now))
    spread += float(ndtri(power)) * math.sqrt(share_bad * (1 - share_bad))
    return _rounded_up(spread, share_bad - share_now)


def _rounded_up(spread: float, distance: float) -> int | None:
    if not (math.isfinite(spread) and 0 < distance < math.inf):
        return None
    n = (spread / distance) ** 2
    return max(1, math.ceil(n)) if math.isfinite(n) else None
