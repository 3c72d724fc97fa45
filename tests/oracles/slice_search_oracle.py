"""The worst slices from their definition: a pandas groupby per pair of columns, SciPy's tests, and the rows of every slice."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy import stats


def moments(losses, ids):
    """Return {((column, value), ...): (n, mean, m2)} of every slice of one or two columns that has rows."""
    frame = pd.DataFrame(dict(enumerate(ids)))
    frame["loss"] = losses
    out = {}
    for chosen in [(c,) for c in range(len(ids))] + list(itertools.combinations(range(len(ids)), 2)):
        for values, rows in frame.groupby(list(chosen))["loss"]:
            mean = rows.mean()
            out[tuple(zip(chosen, map(int, values), strict=True))] = len(rows), mean, ((rows - mean) ** 2).sum()
    return out


def members(terms, ids):
    return np.logical_and.reduce([ids[column] == value for column, value in terms])


def t_test(a, b):
    """SciPy's Welch or Student test, one-sided, whichever has the larger standard error: the smaller statistic of one difference."""
    both = [stats.ttest_ind(a, b, equal_var=equal, alternative="greater") for equal in (False, True)]
    return min(both, key=lambda test: abs(test.statistic))


def is_worse(a, b, level):
    """Say whether the mean of `a` is above that of `b`."""
    if len(a) < 2 or len(b) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return False
    return bool(t_test(a, b).pvalue <= level)


def ranking(losses, ids, *, by, min_n, confidence=0.95, alpha=0.95):
    """Return [(value, terms)] of the slices with enough rows, worst first."""
    found = []
    for terms, (n, mean, _) in moments(losses, ids).items():
        inside = members(terms, ids)
        if n < min_n or len(losses) - n < min_n:
            continue
        if by == "sliceline":
            value = alpha * (mean / losses.mean() - 1) - (1 - alpha) * (len(losses) / n - 1)
        else:
            value = t_test(losses[inside], losses[~inside]).confidence_interval((1 + confidence) / 2).low
        found.append((value, terms))
    return sorted(found, key=lambda item: -item[0])


def search(losses, ids, *, by, min_n, n_carried, min_left=30, confidence=0.95):
    """Return the terms of the slices that are carried, worst first."""
    level = (1 - confidence) / 2
    ranked = ranking(losses, ids, by=by, min_n=min_n, confidence=confidence)
    n_pairs = sum(len(terms) == 2 for _, terms in ranked)
    listed = []
    for value, terms in ranked:
        inside = members(terms, ids)
        if value <= 0 or len(listed) == n_carried:
            break
        columns = [members((term,), ids) & ~inside for term in terms] if len(terms) == 2 else []
        if not all(is_worse(losses[inside], losses[rest], level / n_pairs) for rest in columns):
            continue
        others = [members(t, ids) for t in listed if not set(t) < set(terms)]
        said = np.logical_or.reduce([np.zeros(len(losses), bool), *others])
        if (inside & said).any():
            left = inside & ~said
            if left.sum() < min_left or not all(is_worse(losses[left], losses[rest & ~said], level) for rest in [~inside, *columns]):
                continue
        listed.append(terms)
    return listed
