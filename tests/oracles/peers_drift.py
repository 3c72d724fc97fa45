"""The drift conventions of Evidently 0.7 and NannyML 0.13 as their definitions say, value by value."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import chi2, norm

Values = Sequence[Any]
Shares = tuple[list[float], list[float]]


def finite(values: Values) -> list[Any]:
    """Values that Evidently keeps: no missing and no infinite ones."""
    return [v for v in values if v is not None and (isinstance(v, str) or math.isfinite(v))]


def evidently_choice(reference: Values, current: Values) -> str:
    reference, current = finite(reference), finite(current)
    n_values = len({*reference, *current})
    is_number = not isinstance([*reference, *current][0], str)
    if len(reference) <= 1000:
        return "ks" if is_number and n_values > 5 else "chi_square" if n_values > 2 else "z_test"
    return "wasserstein_normed" if is_number and n_values > 5 else "jensen_shannon"


def in_bins(values: Values, edges: list[float]) -> list[int]:
    """Rows in [a, b), the last bin closed; what lies outside is in none."""
    counts = [0] * (len(edges) - 1)
    for v in values:
        if edges[0] <= v <= edges[-1]:
            counts[min(bisect_right(edges, v) - 1, len(counts) - 1)] += 1
    return counts


def numpy_bins(values: Values, rule: str) -> list[float]:
    """The rule is NumPy's own, rounding included: the definitions name it."""
    return [float(edge) for edge in np.histogram_bin_edges(np.array(values, np.float64), bins=rule)]


def equal_bins(values: Values, n_bins: int) -> list[float]:
    return [float(edge) for edge in np.linspace(float(min(values)), float(max(values)), n_bins + 1)]


def evidently_shares(reference: Values, current: Values) -> Shares:
    reference, current = finite(reference), finite(current)
    if not isinstance(reference[0], str) and len(set(reference)) > 20:
        edges = numpy_bins([*reference, *current], "sturges")
        counts = [in_bins(side, edges) for side in (reference, current)]
    else:
        keys = sorted({*reference, *current})
        counts = [[Counter(side)[key] for key in keys] for side in (reference, current)]
    return [c / len(reference) for c in counts[0]], [c / len(current) for c in counts[1]]


def filled(shares: list[float]) -> list[float]:
    least = min(s for s in shares if s > 0)
    return [s if s > 0 else least / 10**6 if least <= 0.0001 else 0.0001 for s in shares]


def divergence(p: list[float], q: list[float]) -> float:
    return math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def scaled(p: list[float]) -> list[float]:
    return [a / math.fsum(p) for a in p]


def jensen_shannon(p: list[float], q: list[float], base: float = math.e) -> float:
    p, q = scaled(p), scaled(q)
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    return math.sqrt(max(0.0, (divergence(p, middle) + divergence(q, middle)) / 2) / math.log(base))


def psi(reference: Values, current: Values) -> float:
    p, q = (filled(side) for side in evidently_shares(reference, current))
    return math.fsum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))


def kl(reference: Values, current: Values) -> float:
    return divergence(*(scaled(filled(side)) for side in evidently_shares(reference, current)))


def chi_square(reference: Values, current: Values) -> tuple[float, float]:
    """One-sample: expected are the reference's shares of the current rows."""
    reference, current = finite(reference), finite(current)
    keys = {*reference, *current}
    if any(v not in reference for v in current):
        return math.inf, 0.0
    expected = {key: Counter(reference)[key] * len(current) / len(reference) for key in keys}
    value = math.fsum((Counter(current)[key] - expected[key]) ** 2 / expected[key] for key in keys)
    return value, float(chi2.sf(value, len(keys) - 1))


def z_test(reference: Values, current: Values) -> tuple[float, float]:
    reference, current = finite(reference), finite(current)
    keys = sorted({*reference, *current})
    if len(keys) == 1:
        return 0.0, 1.0
    n, m, hits, others = len(reference), len(current), Counter(reference)[keys[1]], Counter(current)[keys[1]]
    share = (hits + others) / (n + m)
    z = (hits / n - others / m) / math.sqrt(share * (1 - share) * (1 / n + 1 / m))
    return z, float(2 * (1 - norm.cdf(abs(z))))


def below(values: Values, at: float) -> float:
    return sum(v <= at for v in values) / len(values)


def ks(reference: Values, current: Values) -> float:
    return max(abs(below(reference, at) - below(current, at)) for at in {*reference, *current})


def wasserstein(reference: Values, current: Values) -> float:
    at = sorted({*reference, *current})
    return math.fsum(abs(below(reference, a) - below(current, a)) * (b - a) for a, b in pairwise(at))


def wasserstein_normed(reference: Values, current: Values) -> float:
    reference, current = finite(reference), finite(current)
    mean = math.fsum(reference) / len(reference)
    return wasserstein(reference, current) / max(math.sqrt(math.fsum((v - mean) ** 2 for v in reference) / len(reference)), 0.001)


def nannyml_shares(reference: Values, current: Values) -> Shares:
    """Shares in the reference's bins or categories, and one more for what is in none of them."""
    if isinstance(reference[0], str):
        keys = sorted(set(reference))
        counts = [[Counter(side)[key] for key in keys] for side in (reference, current)]
    else:
        edges = numpy_bins(reference, "doane")
        counts = [in_bins(side, edges) for side in (reference, current)]
    return (
        [c / len(reference) for c in counts[0]] + [0.0],
        [c / len(current) for c in counts[1]] + [(len(current) - sum(counts[1])) / len(current)],
    )


def hellinger(p: list[float], q: list[float]) -> float:
    return math.sqrt(math.fsum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(p, q, strict=True)) / 2)


def l_infinity(reference: Values, current: Values) -> float:
    return max(abs(Counter(reference)[k] / len(reference) - Counter(current)[k] / len(current)) for k in {*reference, *current})


def nannyml_ks_in_bins(reference: Values, current: Values, n_bins: int) -> float:
    """Distribution functions at the upper edges of equal bins over the reference's range; a value on an inner edge is not yet below it."""
    edges = equal_bins(reference, n_bins)
    f, g = (_cumulated(side, edges) for side in (reference, current))
    return max(abs(a - b) for a, b in zip(f, g, strict=True))


def nannyml_wasserstein_in_bins(reference: Values, current: Values, n_bins: int) -> float:
    """What NannyML adds up: bins, and either end with one row more than there are beyond it."""
    low, high = float(min(reference)), float(max(reference))
    edges, m = equal_bins(reference, n_bins), len(current)
    under, over = [v for v in current if v < low], [v for v in current if v > high]
    lift = (len(under) + 1) / m - len(under) / m if under else 0.0
    f, g = (_cumulated(side, edges) for side in (reference, current))
    total = math.fsum(abs(a - b - lift) for a, b in zip(f, g, strict=True)) * (edges[1] - edges[0])
    if under:
        total += (len(under) + 1) / m * wasserstein([low], [*under, low])
    if over:
        total += (len(over) + 1) / m * wasserstein([high], [*over, high])
    return total


def _cumulated(values: Values, edges: list[float]) -> list[float]:
    """Share of the values under each upper edge; at the last one also those on it."""
    counts, total, found = in_bins(values, edges), sum(v < edges[0] for v in values), []
    for count in counts:
        total += count
        found.append(total / len(values))
    return found


def nannyml_bound(windows: Sequence[Values], distance: Callable[[Values], float], greatest: float = math.inf) -> float:
    found = [distance(window) for window in windows]
    mean = math.fsum(found) / len(found)
    return min(greatest, mean + 3 * math.sqrt(math.fsum((v - mean) ** 2 for v in found) / len(found)))
