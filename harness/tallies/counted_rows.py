"""Numbers of the rows that count, and the empty halves of components, from arrays of the host or of a card."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.array_library import Library, library_of, on_host


def numbers_of(of: Library, is_counted: Any) -> NDArray[np.intp]:
    """Return the numbers of the rows that count, ascending, on the host, where kernels take them from.

    Parameters
    ----------
    of : the library of the row arrays
    is_counted : bool [n_rows], that library's

    >>> numbers_of(library_of(np.zeros(1)), np.array([True, False, True])).tolist()
    [0, 2]
    """
    return np.asarray(on_host(of.xp.nonzero(is_counted)[0]), np.intp)


def by_cluster(rows: NDArray[np.intp], cluster_ids: Any) -> NDArray[np.intp]:
    """Return the rows cluster after cluster, so that no kernel has to order them again; as they are where there are no clusters.

    They are ordered where the clusters are: on a card, not on the host.

    >>> by_cluster(np.array([0, 2, 3]), np.array([9, 7, 8, 8])).tolist()
    [2, 3, 0]
    """
    if cluster_ids is None:
        return rows
    of = library_of(cluster_ids)
    at = of.xp.asarray(rows)
    order = of.xp.argsort(of.xp.take(of.array, at, axis=0), kind="stable")  # a kind that CuPy knows too
    return np.asarray(on_host(of.xp.take(at, order, axis=0)), np.intp)


def among(of: Library, rows: NDArray[np.intp], is_counted: Any) -> NDArray[np.intp]:
    """Return those of the rows that count too, in the same order.

    >>> among(library_of(np.zeros(1)), np.array([2, 0, 1]), np.array([True, False, True])).tolist()
    [2, 0]
    """
    at = of.xp.asarray(rows)
    return np.asarray(on_host(at[of.xp.take(is_counted, at, axis=0)]), np.intp)


def no_values(of: Library, n_rows: int) -> Any:
    """Return the values of rows that have categories only, float64 [n_rows, 0]."""
    return of.back(of.xp.zeros((n_rows, 0), dtype=of.xp.float64))


def no_categories(of: Library, n_rows: int) -> Any:
    """Return the categories of rows that have values only, int32 [n_rows, 0]."""
    return of.back(of.xp.zeros((n_rows, 0), dtype=of.xp.int32))
