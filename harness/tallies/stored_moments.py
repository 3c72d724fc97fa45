"""Moments of values as flat named arrays, so that they can be kept in a file of columns and read back without loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ResultsError
from harness.records.money import ValueMoments

_MEAN = "mean:"


def moments_to_columns(moments: ValueMoments) -> dict[str, NDArray[Any]]:
    """Return the arrays by name, [n_cells, width], so that they can be kept in a file of columns; the names of the values are in theirs.

    >>> zero = np.zeros((1, 2, 1))
    >>> list(moments_to_columns(ValueMoments(("amount",), np.zeros((1, 2), np.int64), zero, zero[..., None], "flag")))
    ['n:flag', 'mean:amount', 'm2']
    """
    found: dict[str, NDArray[Any]] = {"n" if moments.policy is None else f"n:{moments.policy}": moments.n}
    found |= {f"{_MEAN}{name}": moments.mean[..., k] for k, name in enumerate(moments.names)}
    if moments.names:  # a column of no width cannot be kept
        found["m2"] = moments.m2.reshape(len(moments.n), -1)
    return found


def moments_from_columns(columns: Mapping[str, NDArray[Any]]) -> ValueMoments:
    """Return the moments that `moments_to_columns` took apart.

    Raises
    ------
    ResultsError
        A column is missing.
    """
    counts = next((name for name in columns if name == "n" or name.startswith("n:")), None)
    names = tuple(name.removeprefix(_MEAN) for name in columns if name.startswith(_MEAN))
    if counts is None or bool(names) != ("m2" in columns):
        raise ResultsError(
            f"stored moments: found columns {', '.join(columns)}, wanted n, mean and m2; run the sweep again with force=true"
        )
    n = np.asarray(columns[counts], np.int64)
    means = [np.asarray(columns[f"{_MEAN}{name}"]) for name in names]
    mean = np.stack(means, axis=-1) if names else np.zeros((*n.shape, 0))
    m2 = columns["m2"] if names else np.zeros(0)
    return ValueMoments(names, n, mean, np.reshape(m2, (*n.shape, len(names), len(names))), counts[2:] or None)
