"""What one pass over a column leaves: the profile that stands in for its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.records.column import ColumnKind

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Bins:
    """The bins in which two sides of a column are counted.

    Args:
        edges: ascending float64 or int64 [n_edges] of a number or a time: bin 0 is below edges[0], bin i is [edges[i-1], edges[i]), the bin
            before the last [edges[-2], edges[-1]] and the last bin above edges[-1]; one more bin, the very last, is missing. Infinite values are
            below and above. Only the last two may be equal: the edges (c, c) of a constant make one bin that
            holds c alone. Empty for a category.
        categories: of a category: its values, then "other" where there are more than are counted one by one, and missing last.
    """

    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def n_bins(self) -> int:
        """Number of bins, "missing" among them."""
        return len(self.edges) + 2 if self.edges else len(self.categories) + 1


@dataclass(frozen=True)
class CellMoments:
    """Count, range and moments in each of some cells; arrays [n_cells].

    Args:
        n_rows: int64, every row.
        n_missing: int64, rows without a value.
        n_infinite: int64, rows that are infinite; they are in no moment.
        minimum, maximum: float64 of the finite values; NaN where there are none.
        mean: float64; NaN where there are none.
        m2: float64, sum of squares about the mean; 0 for one value.
    """

    n_rows: NDArray[np.int64]
    n_missing: NDArray[np.int64]
    n_infinite: NDArray[np.int64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]


@dataclass(frozen=True)
class Cardinality:
    """How many different values there are; `method` is exact or hyperloglog.

    Args:
        n_distinct: exact, or the estimate.
        method: how it was found.
        sketch: serialized state that adds: the sorted values themselves while exact, else the sketch of the library.
    """

    n_distinct: float
    method: Literal["exact", "hyperloglog"]
    sketch: bytes = b""


@dataclass(frozen=True)
class ColumnProfile:
    """One side of one column.

    Args:
        name, type, kind: as `Column`; the type of this side.
        moments: over all rows of the side first, then by window (1 ..), then by slice (1 ..); of a category only n_rows and n_missing are filled.
        counts: int64 [n_cells, n_bins] in the same order.
        quantiles: float64 at `QUANTILES`, of the finite values, all rows; NaN where there are none; None for a category.
        quantile_method: type7 from the values themselves, or histogram where profiles were added.
        top: (value, rows) of the most frequent categories, most frequent first; of a number with few values too.
        window_names, slice_by, slice_value: what the cells after the first are.
    """

    name: str
    type: str
    kind: ColumnKind
    bins: Bins
    moments: CellMoments
    counts: NDArray[np.int64]
    quantiles: NDArray[np.float64] | None
    quantile_method: Literal["type7", "histogram"]
    cardinality: Cardinality
    top: tuple[tuple[str, int], ...]
    window_names: tuple[str, ...] = ()
    slice_by: tuple[str, ...] = ()
    slice_value: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class LogProfile:
    """All columns of one side of a log; `sha256` is of its content."""

    n_rows: int
    columns: tuple[ColumnProfile, ...]
    source: str
    sha256: str = ""
