"""Quantiles of a column where its values are: the order statistics themselves, on the host or on a card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.place_sums import fetched
from kernels.array_library import library_of
from kernels.devices import check_fits, is_on_cuda

_SORT_BYTES = 3  # times those of the values: the sorted ones, and a sort's second buffer


def quantiles_of(values: Any, probabilities: Sequence[float], *, n_threads: int = 1) -> NDArray[np.float64]:
    """Return exact quantiles of type 7 of finite values, NumPy or CUDA, as `exact_quantiles` defines them; those of a card are sorted there.

    Raises
    ------
    CardMemoryError
        Sorting them does not fit into the memory of the card.

    Undefined (NaN) without values.

    >>> quantiles_of(np.array([4.0, 1.0, 3.0, 2.0]), [0.0, 0.5, 0.75, 1.0]).tolist()
    [1.0, 2.5, 3.25, 4.0]
    """
    if not is_on_cuda(values):
        from kernels.two_sample_quantiles import exact_quantiles

        return exact_quantiles(values, probabilities, n_threads=n_threads)
    check_fits("sorting a column", _SORT_BYTES * values.dtype.itemsize * int(values.shape[0]))
    xp, values, _ = library_of(values)
    return quantiles_of_sorted(xp.sort(values), probabilities)


def quantiles_of_sorted(ordered: Any, probabilities: Any) -> NDArray[np.float64]:
    """Return exact quantiles of type 7 of ascending values, NumPy or CuPy; float64 [k], on the host, NaN without values.

    Formula: with h = (n - 1) p, x_(floor h + 1) + (h - floor h) (x_(floor h + 2) - x_(floor h + 1)), from the nearer end, as NumPy does.
    Source: Hyndman & Fan 1996, "Sample quantiles in statistical packages", definition 7.

    >>> quantiles_of_sorted(np.array([1.0, 2.0, 3.0, 4.0]), [0.0, 0.5, 0.75, 1.0]).tolist()
    [1.0, 2.5, 3.25, 4.0]
    """
    wanted = np.asarray(probabilities, np.float64)
    if len(ordered) == 0:
        return np.full(wanted.shape, np.nan)
    places = (len(ordered) - 1) * wanted
    below, above = np.floor(places).astype(np.int64), np.ceil(places).astype(np.int64)
    ranks = library_of(ordered).xp.asarray(np.append(below, above))
    low, high = np.split(fetched(ordered[ranks]).astype(np.float64), 2)
    share, gap = places - below, high - low
    return np.where(share >= 0.5, high - gap * (1.0 - share), low + gap * share)
