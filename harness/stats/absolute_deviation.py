"""How far a binomial count, or a Beta share, lies from a point: the first three cumulants of the absolute deviation, in closed form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln, ndtri, xlog1py, xlogy

Floats = NDArray[np.float64]


class Cumulants(NamedTuple):
    """Mean, variance and third central moment; of independent variables each adds. float64, of one shape."""

    mean: Floats
    variance: Floats
    third: Floats


def binomial_deviation(n: Floats, p: Floats) -> Cumulants:
    """Return the cumulants of |X - n p|, X ~ Binomial(n, p).

    Parameters
    ----------
    n, p : float64
        Trials, 0 or more, and probability, from 0 to 1/2 (above it: |X - n p| is the same for 1 - p).

    Notes
    -----
    With m = floor(n p) + 1 the partial moments A_r = E (X - n p)^r [X >= m] follow from Stein's identity
    E (X - n p) g(X) = (1 - p) E X (g(X) - g(X - 1)) with g = (x - n p)^(r - 1) [x >= m] (Diaconis & Zabell, Statistical Science
    6:284-302, 1991, section 1, for r = 1: de Moivre's mean absolute deviation).

    Examples
    --------
    Of one trial: 0.3 with probability 0.7, and 0.7 with probability 0.3.

    >>> [float(c[0].round(6)) for c in binomial_deviation(np.array([1.0]), np.array([0.3]))]
    [0.42, 0.0336, 0.005376]
    """
    mu, q, m = n * p, 1.0 - p, np.floor(n * p) + 1.0
    rest = np.maximum(n - m, 0.0)
    has_above = m <= n
    log_mass = gammaln(n + 1.0) - gammaln(m + 1.0) - gammaln(rest + 1.0) + xlogy(m, p) + xlog1py(rest, -p)
    at_m, step = np.where(has_above, m * np.exp(log_mass), 0.0), m - 1.0 - mu
    a0 = np.where(has_above, betainc(m, rest + 1.0, p), 0.0)
    a1 = q * at_m
    a2 = q * (a1 + mu * a0 + at_m * step)
    a3 = q * (2.0 * a2 + (2.0 * mu - 1.0) * a1 - mu * a0 + at_m * step * step)
    first, second, third = 2.0 * a1, mu * q, 2.0 * a3 - mu * q * (1.0 - 2.0 * p)
    return Cumulants(first, np.maximum(second - first * first, 0.0), third - 3.0 * first * second + 2.0 * first**3)


def beta_deviation(a: Floats, b: Floats, centre: Floats) -> Cumulants:
    """Return the cumulants of |B - centre|, B ~ Beta(a, b).

    Parameters
    ----------
    a, b, centre : float64
        Shapes above 0, and the point; it may lie outside [0, 1].

    Notes
    -----
    The partial moments U_r = E (B - c)^r [B > c] follow from Stein's identity (a + b) E (B - mean) g(B) = E B (1 - B) g'(B) with
    g = (x - c)^(r - 1) [x > c], which does not cancel as moments about 0 do.

    Examples
    --------
    Of a uniform share about 0 and about one half, where it is uniform up to one half.

    >>> one, centre = np.ones(2), np.array([0.0, 0.5])
    >>> [c.round(6).tolist() for c in beta_deviation(one, one, centre)]
    [[0.5, 0.25], [0.083333, 0.020833], [0.0, 0.0]]
    """
    size = a + b
    shift = a / size - centre
    variance = a * b / (size * size * (size + 1.0))
    third = 2.0 * (b - a) / (size * (size + 2.0)) * variance
    c = centre.clip(0.0, 1.0)
    above, spread = betainc(b, a, 1.0 - c), c * (1.0 - c)
    density = np.exp(xlogy(a, c) + xlog1py(b, -c) - betaln(a, b)) / size  # spread times density of B at c, over a + b
    upper = np.where(centre >= 1.0, 0.0, np.maximum(shift * above + density, 0.0))
    lower = np.where(centre <= 0.0, 0.0, np.maximum(density - shift * (1.0 - above), 0.0))
    slope = 1.0 - 2.0 * c
    upper2 = (spread * above + (slope + size * shift) * upper) / (size + 1.0)
    upper3 = (2.0 * spread * upper + (2.0 * slope + size * shift) * upper2) / (size + 2.0)
    mean, own = upper + lower, variance - 4.0 * upper * lower  # E|.|² - (E|.|)², without the cancellation
    cubed = third + 3.0 * variance * shift + shift**3
    absolute = np.where(centre >= 1.0, -cubed, np.where(centre <= 0.0, cubed, 2.0 * upper3 - cubed))
    return Cumulants(mean, own, absolute - 3.0 * mean * own - mean**3)


def quantiles_of(cumulants: Cumulants, levels: list[float]) -> Floats:
    """Return the quantiles of the shifted Gamma distribution (Pearson's type III) with these cumulants, float64 [n_levels, ...].

    Formula: mean + sd (2 / g) ((1 + g z / 6 - g² / 36)³ - 1) with g the skewness and z the normal quantile.

    Notes
    -----
    Wilson & Hilferty, PNAS 17:684-688, 1931, for the quantiles of a Gamma distribution.

    Examples
    --------
    >>> cumulants = Cumulants(np.array([4.0]), np.array([4.0]), np.array([8.0]))  # Gamma(4), whose median is 3.67 and whose 95 % point 7.75
    >>> quantiles_of(cumulants, [0.5, 0.95]).round(2).tolist()
    [[3.68], [7.74]]
    """
    sd = np.sqrt(cumulants.variance)
    skewness = np.divide(cumulants.third, sd**3, out=np.zeros_like(sd), where=sd > 0)
    g = np.where(np.abs(skewness) < 1e-6, 1e-6, skewness)
    z = ndtri(np.array(levels)).reshape(-1, *(1,) * sd.ndim)
    return np.asarray(cumulants.mean + sd * (2.0 / g) * ((1.0 + g * z / 6.0 - g * g / 36.0) ** 3 - 1.0), np.float64)
