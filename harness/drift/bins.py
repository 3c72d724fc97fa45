"""The bins in which both sides of a column are counted: the reference's deciles, or the categories of either side."""

from __future__ import annotations

import heapq
import math
import sys
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.column import Column
from harness.records.profile import Bins

DECILES = tuple(i / 10 for i in range(11))
OTHER = "other"
_SMALLEST_NORMAL = sys.float_info.min


def number_bins(quantiles: NDArray[np.float64], whole_ends: tuple[int, int] | None = None) -> Bins:
    """Return the bins between the deciles of the reference, equal ones merged, with below, above and missing around them.

    A value at which two deciles or more stand has a bin of its own, from it to the next number: the deciles of a column of zeros and ones are 0 and 1, and
    one bin from 0 to 1 would hold both whatever their shares.

    Parameters
    ----------
    quantiles : float64 [11]
        Minimum, deciles and maximum of the reference's finite values (type 7); NaN where it has none.
    whole_ends : (int, int)
        The minimum and the maximum of whole numbers, which float64 may round beyond 2**53; None: as `quantiles` has them.

    Examples
    --------
    Two deciles at 2 and three at 3; a constant has one bin, which holds it alone; without any value the bins stand at 0.

    >>> [round(edge, 3) for edge in number_bins(np.array([1.0, 1.5, 1.7, 2, 2, 3, 3, 3, 4, 5, 9])).edges]
    [1.0, 1.5, 1.7, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0, 9.0]
    >>> number_bins(np.array([0.0] * 8 + [1.0] * 3)).edges
    (0.0, 2.2250738585072014e-308, 1.0, 1.0)
    >>> number_bins(np.full(11, 7.0)).edges, number_bins(np.full(11, np.nan)).edges
    ((7.0, 7.0), (0.0, 0.0))
    """
    if np.isnan(quantiles).any():
        return Bins(edges=(0.0, 0.0))
    deciles: list[float] = quantiles.tolist()
    lowest, highest = (_plain(end) for end in whole_ends or (deciles[0], deciles[-1]))
    starts = {lowest, *deciles[1:-1]}
    starts |= {_next_number(a) for a, b in pairwise(deciles) if a == b}
    # The last bin ends with the maximum, which begins it too where it is a bin of its own.
    return Bins(edges=(*sorted(start for start in starts if lowest <= start <= highest), highest))


def _plain(end: float) -> float:
    return float(end) if float(end) == end else end


def _next_number(value: float) -> float:
    """Return the float64 after a value; after 0 the smallest that processors do not take for 0."""
    following = math.nextafter(value, math.inf)
    return _SMALLEST_NORMAL if 0.0 < following < _SMALLEST_NORMAL else following


def category_bins(
    column: Column, reference: NDArray[np.int64], current: NDArray[np.int64], max_categories: int
) -> tuple[Bins, NDArray[np.int32]]:
    """Return the bins of a category, and the bin of each of its codes.

    One by one are counted the categories with the most rows on both sides together, at most `max_categories`, of equal ones the first by name; the rest share
    the bin "other", which stands last, and is also where a category of that name is counted. Chosen by rows together, how they split between the sides is left
    to chance where nothing drifts; chosen by the shares of either side, those that the smaller side happens to have would be taken, and look like drift.

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
    rows = reference + current
    shown = _most(rows, column.categories, [OTHER], max_categories)
    # A category that no compared row has (a value of rows that were left out) is none here.
    is_shared = int(np.count_nonzero(rows)) > len(shown)
    recode = np.full(len(column.categories), len(shown) if is_shared else 0, np.int32)
    recode[shown] = np.arange(len(shown), dtype=np.int32)
    names = tuple(column.categories[i] for i in shown)
    return Bins(categories=(*names, OTHER) if is_shared else names), recode


def _most(shares: NDArray[Any], names: tuple[str, ...], but: Iterable[str], n: int) -> list[int]:
    """Return the places of the n greatest shares above 0, by share and name, leaving some names out."""
    left_out = set(but)
    places = (i for i in np.flatnonzero(shares).tolist() if names[i] not in left_out)
    return heapq.nsmallest(n, places, key=lambda i: (-float(shares[i]), names[i]))


def recode_to(bins: Bins, categories: tuple[str, ...], counts: NDArray[np.int64], max_categories: int) -> tuple[Bins, NDArray[np.int32]]:
    """Return stored bins and the bin of each category in them.

    Where they have "other", it takes the categories that they do not name. Else the most frequent of these are appended while there are fewer than
    `max_categories`, and "other" for the rest.

    Parameters
    ----------
    counts : int64 [n_categories]
        Rows of each category.

    Examples
    --------
    >>> bins, recode = recode_to(Bins(categories=("a", "b")), ("b", "x", "y"), np.array([5, 1, 3]), 3)
    >>> bins.categories, recode.tolist()
    (('a', 'b', 'y', 'other'), [1, 3, 2])
    """
    names = list(bins.categories)
    has_other = names[-1:] == [OTHER]
    if not has_other:
        names += [categories[i] for i in _most(counts, categories, [*names, OTHER], max_categories - len(names))]
        place = set(names)
        has_other = any(n and name not in place for name, n in zip(categories, counts.tolist(), strict=True))
        names += [OTHER] if has_other else []
    places = {name: i for i, name in enumerate(names)}
    rest = len(names) - 1 if has_other else 0
    recode = np.array([places.get(name, rest) for name in categories], np.int32)
    return Bins(categories=tuple(names)), recode


def has_shared_rows(bins: Bins, counts: NDArray[np.int64]) -> bool:
    """Say whether rows of a category are in the bin that several values share.

    >>> has_shared_rows(Bins(categories=("a", "other")), np.array([3, 0, 1])), has_shared_rows(Bins(categories=("a",)), np.array([3, 1]))
    (False, False)
    """
    return bins.categories[-1:] == (OTHER,) and bool(counts[-2])


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
