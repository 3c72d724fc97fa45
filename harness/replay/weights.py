"""How much each row weighs, and which rows belong together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from harness.errors import ReplayError
from harness.replay.features import numbers

SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-100, 1e100  # products of two, and sums of them, stay within float64 (1e-308 to 1e308)


class WeightReader:
    """Decodes the weight column; what is no weight is counted and refused at the end of the log."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._n_missing = self._n_negative = self._n_infinite = self._n_extreme = 0
        self._extreme = np.nan

    def decode(self, column: pa.Array) -> NDArray[np.float64]:
        """Return the weights of a batch, float64 [n]."""
        values = numbers(column)
        self._n_missing += int(np.isnan(values).sum())
        self._n_infinite += int(np.isinf(values).sum())
        self._n_negative += int((values < 0).sum())
        self._count_extreme(values)
        return values

    def _count_extreme(self, values: NDArray[np.float64]) -> None:
        extreme = values[((values > 0) & (values < SMALLEST_WEIGHT)) | ((values > LARGEST_WEIGHT) & np.isfinite(values))]
        if len(extreme) and not self._n_extreme:
            self._extreme = float(extreme[0])
        self._n_extreme += len(extreme)

    def finish(self) -> None:
        """Refuse weights that are missing, infinite, negative, or of a scale at which their squares leave float64.

        Raises
        ------
        ReplayError
            With the number of such rows.
        """
        for n_rows, found in ((self._n_missing, "is null or NaN"), (self._n_infinite, "is infinite"), (self._n_negative, "is negative")):
            if n_rows:
                raise ReplayError(
                    f"replay.weight: column '{self.name}' {found} in {n_rows:,} rows, wanted numbers of at least 0; correct them, give 0 to"
                    " rows that should not count, or leave them out by replay.where"
                )
        if self._n_extreme:
            raise ReplayError(
                f"replay.weight: column '{self.name}' is outside [{SMALLEST_WEIGHT:g}, {LARGEST_WEIGHT:g}] in {self._n_extreme:,} rows, for"
                f" example {self._extreme:.3g}; divide or multiply all weights by one number: only their ratios matter"
            )


class ClusterReader:
    """Decodes the cluster column to integers that are equal for rows of one cluster.

    Whole numbers, times and booleans stand for themselves, other numbers for their bits. Texts and decimals are hashed to 64 bits by a
    fixed key: of a million clusters, two share a hash once in 37 million logs (n² / 2^65).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._n_missing = 0

    def decode(self, column: pa.Array) -> NDArray[np.int64]:
        """Return the clusters of a batch, int64 [n]; what stands in a row without one means nothing."""
        encoded = column if pt.is_dictionary(column.type) else pc.dictionary_encode(column)
        codes = np.asarray(pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False), np.int64)
        values, known = integers_of(encoded.dictionary)
        is_missing = (codes < 0) | ~np.append(known, False)[codes]
        self._n_missing += int(is_missing.sum())
        return np.append(values, np.int64(0))[codes]

    def finish(self) -> None:
        """Refuse rows without a cluster.

        Raises
        ------
        ReplayError
            With the number of such rows.
        """
        if self._n_missing:
            raise ReplayError(
                f"replay.cluster: column '{self.name}' is null in {self._n_missing:,} rows, wanted a cluster in every row; give each row that"
                " stands alone a value of its own, or leave such rows out by replay.where"
            )


def integers_of(values: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return integers that are equal where values are, int64 [n], and where there is a value at all, bool [n].

    Texts and decimals are hashed (SipHash, as pandas does it); unsigned integers above 2^63 wrap around.

    Examples
    --------
    >>> integers, known = integers_of(pa.array([7, None, -1]))
    >>> integers[known].tolist(), known.tolist()
    ([7, -1], [True, False, True])
    """
    type_ = values.type
    known = np.asarray(values.is_valid().to_numpy(zero_copy_only=False))
    if pt.is_floating(type_):
        floats = numbers(values)
        known = known & ~np.isnan(floats)
        return (floats + 0.0).view(np.int64), known  # -0.0 + 0.0 is 0.0
    if pt.is_integer(type_) or pt.is_boolean(type_):
        whole = values.fill_null(False if pt.is_boolean(type_) else 0)
        return np.asarray(whole.cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False), np.int64), known
    if pt.is_timestamp(type_) or pt.is_date(type_):
        own = pa.timestamp("us") if pt.is_date(type_) else pa.timestamp(type_.unit)
        return np.asarray(values.cast(own).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), np.int64), known
    texts = values.cast(pa.large_string()).fill_null("").to_numpy(zero_copy_only=False)
    return np.asarray(pd.util.hash_array(np.asarray(texts, object), categorize=False)).view(np.int64), known
