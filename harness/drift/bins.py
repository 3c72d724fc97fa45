"""The bins in which both sides of a column are counted: the reference's deciles, or the categories of either side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.column import Column
from harness.records.profile import Bins

DECILES = tuple(i / 10 for i in range(11))
OTHER = "other"


def number_bins(quantiles: NDArray[np.float64]) -> Bins:
    """Return the bins between the deciles of the reference, equal ones merged, with below, above and missing around them.

    Parameters
    ----------
    quantiles : float64 [11]
        Minimum, deciles and maximum of the reference's finite values (type 7); NaN where it has none.

    Examples
    --------
    A constant has one bin, which holds it alone; without any value the bins stand at 0.

    >>> number_bins(np.array([1.0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 9])).edges
    (1.0, 2.0, 3.0, 4.0, 5.0, 9.0)
    >>> number_bins(np.full(11, 7.0)).edges, number_bins(np.full(11, np.nan)).edges
    ((7.0, 7.0), (0.0, 0.0))
    """
    if np.isnan(quantiles).any():
        return Bins(edges=(0.0, 0.0))
    edges = np.unique(quantiles).tolist()
    return Bins(edges=tuple(edges) if len(edges) > 1 else (edges[0], edges[0]))


def category_bins(
    column: Column, reference: NDArray[np.int64], current: NDArray[np.int64], max_categories: int
) -> tuple[Bins, NDArray[np.int32]]:
    """Return the bins of a category, and the bin of each of its codes.

    One by one are counted the categories that are most frequent on their own side, at most `max_categories`; the rest share the bin "other".

    Parameters
    ----------
    reference, current : int64 [n_categories]
        Rows of each category on either side.

    Examples
    --------
    >>> column = Column("c", "string", "string", "category", codes=np.zeros(0, np.int32), categories=("a", "b", "c"))
    >>> bins, recode = category_bins(column, np.array([5, 0, 1]), np.array([1, 9, 1]), 2)
    >>> bins.categories, recode.tolist()
    (('b', 'a', 'other'), [1, 0, 2])
    """
    shares = reference / max(int(reference.sum()), 1) + current / max(int(current.sum()), 1)
    # A category that no compared row has (a value of rows that were left out) is none here.
    order = [int(i) for i in np.argsort(-shares, kind="stable") if reference[i] + current[i] > 0]
    shown, rest = order[:max_categories], order[max_categories:]
    recode = np.zeros(len(column.categories), np.int32)
    recode[shown] = np.arange(len(shown), dtype=np.int32)
    recode[rest] = len(shown)
    names = tuple(column.categories[i] for i in shown)
    return Bins(categories=(*names, OTHER) if rest else names), recode


def recode_to(bins: Bins, categories: tuple[str, ...]) -> tuple[Bins, NDArray[np.int32]]:
    """Return stored bins and the bin of each category in them; categories that they do not name are appended, or "other" where they have it.

    >>> recode_to(Bins(categories=("a", "b")), ("b", "x"))[0].categories
    ('a', 'b', 'x')
    """
    has_other = bool(bins.categories) and bins.categories[-1] == OTHER
    place = {name: i for i, name in enumerate(bins.categories)}
    names = list(bins.categories)
    recode = np.zeros(len(categories), np.int32)
    for code, name in enumerate(categories):
        if name not in place:
            if has_other:
                place[name] = len(names) - 1
            else:
                place[name] = len(names)
                names.append(name)
        recode[code] = place[name]
    return Bins(categories=tuple(names)), recode


def present_values(values: NDArray[Any], is_missing: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return the finite values that are there, in their order.

    >>> present_values(np.array([1.0, np.nan, np.inf, 2.0]), None).tolist()
    [1.0, 2.0]
    """
    found = values if is_missing is None else values[~is_missing]
    if found.dtype.kind != "f":
        return found
    finite = np.isfinite(found)
    return found if finite.all() else found[finite]
