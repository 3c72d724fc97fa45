"""The Pareto front from rows and blocks: slow, and plainly the definition."""

from __future__ import annotations

import math
import statistics

from scipy import stats


def is_dominated(worths, rows_per_s, prices_per_hour, variant: int, confidence: float) -> bool:
    """Say whether any variant is shown to earn more and to cost less than this one.

    `worths[i]` is what each row is worth under variant i, `rows_per_s[i]` its throughput in each block; the cost is price over throughput.
    """
    return any(
        shown_above(worths[other], worths[variant], confidence)
        and shown_cheaper(rows_per_s[other], prices_per_hour[other], rows_per_s[variant], prices_per_hour[variant], confidence)
        for other in range(len(worths))
        if other != variant
    )


def shown_above(a, b, confidence: float) -> bool:
    """Say whether the normal interval of the mean difference of the rows lies above 0."""
    mean, se = mean_and_se(a, b)
    return se > 0 and mean - stats.norm.ppf((1 + confidence) / 2) * se > 0


def mean_and_se(a, b) -> tuple[float, float]:
    """Return the mean of a - b over the rows, and its standard error."""
    differences = [x - y for x, y in zip(a, b, strict=True)]
    return statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(len(differences))


def shown_cheaper(fast, price, slow, price_of_slow, confidence: float) -> bool:
    """Say whether Student's paired interval of the mean log ratio of costs lies below 0."""
    ratios = [math.log(price / x) - math.log(price_of_slow / y) for x, y in zip(fast, slow, strict=True)]
    half = stats.t.ppf((1 + confidence) / 2, len(ratios) - 1) * statistics.stdev(ratios) / math.sqrt(len(ratios))
    return statistics.fmean(ratios) + half < 0


def pair_cases(labels, decides_a, decides_b, slices, amounts):
    """Return, of each (slice value, label, a, b), the number of rows with their amounts' mean and sum of squared deviations."""
    rows: dict = {}
    for label, a, b, where, amount in zip(labels, decides_a, decides_b, slices, amounts, strict=True):
        if label >= 0:
            rows.setdefault((where, int(label), int(a), int(b)), []).append(amount)
    found = {}
    for key, values in rows.items():
        mean = statistics.fmean(values)
        found[key] = (len(values), mean, math.fsum((v - mean) ** 2 for v in values))
    return found
