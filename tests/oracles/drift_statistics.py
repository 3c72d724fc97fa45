"""The drift statistics as their definitions read, bin by bin and row by row."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence


def psi(reference: Sequence[int], current: Sequence[int], zeros: str = "floor") -> float:
    """Sum of (r - c) ln(r / c); bins empty on both sides leave it, a share of 0 is half a row of its side."""
    n, m = sum(reference), sum(current)
    total = 0.0
    for a, b in zip(reference, current, strict=True):
        if a == b == 0:
            continue
        r, c = a / n, b / m
        if zeros == "add":
            r, c = r + 1e-5, c + 1e-5
        else:
            r, c = r or 0.5 / n, c or 0.5 / m
        total += (r - c) * math.log(r / c)
    return total


def psi_without_drift(reference: Sequence[int], current: Sequence[int]) -> float:
    """Mean of PSI without drift: (B - 1)(1 / n + 1 / m)."""
    in_use = sum(a + b > 0 for a, b in zip(reference, current, strict=True))
    return (in_use - 1) * (1 / sum(reference) + 1 / sum(current))


def jensen_shannon(reference: Sequence[int], current: Sequence[int], base: float = 2.0) -> float:
    """Root of the mean divergence from the common mean."""
    n, m = sum(reference), sum(current)
    total = 0.0
    for a, b in zip(reference, current, strict=True):
        r, c = a / n, b / m
        total += sum(p * math.log(p / ((r + c) / 2)) / 2 for p in (r, c) if p > 0)
    return math.sqrt(max(total, 0.0) / math.log(base))


def total_variation(reference: Sequence[int], current: Sequence[int]) -> float:
    """The greatest difference in the share of any set of categories: of all those that gained."""
    n, m = sum(reference), sum(current)
    return sum(max(b / m - a / n, 0.0) for a, b in zip(reference, current, strict=True))


def hellinger(reference: Sequence[int], current: Sequence[int]) -> float:
    """Root of 1 less the sum of the roots of the products of the shares."""
    n, m = sum(reference), sum(current)
    return math.sqrt(max(1.0 - sum(math.sqrt(a / n * b / m) for a, b in zip(reference, current, strict=True)), 0.0))


def chi_square(reference: Sequence[int], current: Sequence[int]) -> float:
    """Observed less expected, squared, over expected, of all cells with an expected count."""
    sides = (sum(reference), sum(current))
    total = 0.0
    for pair in zip(reference, current, strict=True):
        for observed, size in zip(pair, sides, strict=True):
            expected = sum(pair) * size / sum(sides)
            total += (observed - expected) ** 2 / expected if expected else 0.0
    return total


def dealt_out(reference: Sequence[int], current: Sequence[int], statistic: Callable[[list[int], list[int]], float]) -> list[float]:
    """The statistic of every way to deal the rows of both sides out anew to two sides of the same sizes."""
    rows = [i for i, (a, b) in enumerate(zip(reference, current, strict=True)) for _ in range(a + b)]
    found = []
    for chosen in itertools.combinations(range(len(rows)), sum(reference)):
        one = [0] * len(reference)
        for place in chosen:
            one[rows[place]] += 1
        other = [a + b - c for a, b, c in zip(reference, current, one, strict=True)]
        found.append(statistic(one, other))
    return found


def ks(reference: Sequence[float], current: Sequence[float]) -> float:
    """The greatest |F - G| at any value."""
    n, m = len(reference), len(current)
    return max(abs(sum(v <= x for v in reference) / n - sum(v <= x for v in current) / m) for x in {*reference, *current})


def ks_exact_p(n: int, m: int, distance: float) -> float:
    """Share of all orders of n + m different values whose |F - G| reaches `distance`: paths counted point by point."""
    inside: dict[tuple[int, int], int] = {}
    for i in range(n + 1):
        for j in range(m + 1):
            if abs(i / n - j / m) >= distance - 1e-12:
                inside[i, j] = 0
            elif i == j == 0:
                inside[i, j] = 1
            else:
                inside[i, j] = (inside[i - 1, j] if i else 0) + (inside[i, j - 1] if j else 0)
    return 1.0 - inside[n, m] / math.comb(n + m, n)


def wasserstein(reference: Sequence[float], current: Sequence[float]) -> float:
    """The area between both distribution functions, stretch by stretch."""
    n, m = len(reference), len(current)
    places = sorted({*reference, *current})
    return sum(abs(sum(v <= a for v in reference) / n - sum(v <= a for v in current) / m) * (b - a) for a, b in itertools.pairwise(places))


def days_p(
    reference: Sequence[Sequence[int]], current: Sequence[Sequence[int]], statistic: Callable[[list[int], list[int]], float]
) -> float:
    """Share of all ways to draw the reference's days from the days of both sides that are at least as far apart as the found one."""
    days = [day for day in [*reference, *current] if sum(day)]
    n_reference = sum(sum(day) > 0 for day in reference)

    def of(chosen: Sequence[int]) -> float:
        sides = [[day for i, day in enumerate(days) if (i in chosen) is wanted] for wanted in (True, False)]
        return statistic(*([sum(column) for column in zip(*side, strict=True)] for side in sides))

    found = of(range(n_reference))
    drawn = [of(chosen) for chosen in itertools.combinations(range(len(days)), n_reference)]
    return sum(value >= found - 1e-12 for value in drawn) / len(drawn)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Smallest level at which the step-up rule "reject the k smallest, k the last with p_(k) <= k / m * level" rejects each."""
    known = sorted(p for p in p_values if not math.isnan(p))
    m = len(known)
    levels = [min(1.0, p * m / (i + 1)) for i, p in enumerate(known)]
    adjusted = []
    for p in p_values:
        if math.isnan(p):
            adjusted.append(math.nan)
            continue
        candidates = [level for level, value in zip(levels, known, strict=True) if value >= p]
        adjusted.append(min(candidates))
    return adjusted
