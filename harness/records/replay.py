"""The replay log on its way from the file to memory-mapped arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.comparison import RowAccount
from harness.records.tally import Grid

REFERENCE, TUNING, JUDGED, IMMATURE = 1, 2, 4, 8  # bits of PreparedReplay.roles
MAX_CLASSES = 1000  # of task multiclass: every cell of the tallies holds a square of them


@dataclass(frozen=True)
class InputGroup:
    """Columns that go into one tensor of a model together, in this order; dtype float | double | int64 | string."""

    columns: tuple[str, ...]
    dtype: str


@dataclass(frozen=True)
class LogColumn:
    """One column of the log as its schema has it; `kind` is number | integer | boolean | text | time | tensor | other."""

    name: str
    type: str
    kind: str
    width: int = 1


@dataclass(frozen=True)
class LogFiles:
    """The files of a log, their common schema, and the fingerprint of their bytes; `labels` are those that hold its labels, if others do."""

    paths: tuple[Path, ...]
    columns: tuple[LogColumn, ...]
    n_rows: int
    fingerprint: str
    labels: LogFiles | None = None

    def column(self, name: str) -> LogColumn | None:
        """Return the column of that name, or None."""
        return next((c for c in self.columns if c.name == name), None)


@dataclass(frozen=True)
class Categories:
    """Values of one column of one batch: codes int32 [n] into `values`, -1 where null."""

    codes: NDArray[np.int32]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class RowBatch:
    """Some consecutive rows of the log, decoded.

    Args:
        first_row: number of the first row in the log.
        labels: int8 [n]: 1 positive, 0 negative, -1 not known; multiclass int32 [n], number of the class in the order in which classes
            were met, -1 not known; regression float64 [n], NaN not known.
        timestamps_us: int64 [n], microseconds since the epoch in UTC; None where the log has no time column.
        categories: per sliced column without edges, in the order of the configuration.
        numbers: float64 [n] per sliced column with edges, NaN where null.
        keep: bool [n], rows that pass `where`.
        tensors: one array per input group, [n, k].
        weights: float64 [n], at least 0; None where the replay names no weight column.
        clusters: int64 [n], equal for rows of one cluster; None where the replay names no cluster column.
        is_late: bool [n], rows whose label became known only after the moment at which maturity is judged, so that it is not known here; None
            where labels have no such time.
        production_scores: float64 [n], what the live model answered, NaN where none was logged; None where the replay names no such column.
        production_version_ids: int32 [n], number of the version that answered in the order in which versions were met, -1 where none was logged;
            None where the replay names no such column.
    """

    first_row: int
    n_rows: int
    labels: NDArray[Any]
    timestamps_us: NDArray[np.int64] | None
    categories: tuple[Categories, ...]
    numbers: tuple[NDArray[np.float64], ...]
    keep: NDArray[np.bool_]
    tensors: tuple[NDArray[Any], ...]
    weights: NDArray[np.float64] | None = None
    clusters: NDArray[np.int64] | None = None
    is_late: NDArray[np.bool_] | None = None
    production_scores: NDArray[np.float64] | None = None
    production_version_ids: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class PreparedReplay:
    """The replay as memory-mapped arrays, shared by all variants; rows are those that are not training rows.

    Args:
        judged_labels, tuning_labels, reference_labels: int8 [n]: 1, 0, or -1 where the row is not judged (tuned on, in the reference) or has no
            label; multiclass int32 [n], number of the class in `classes`, or -1; regression float64 [n], or NaN.
        roles: uint8 [n], bits REFERENCE, TUNING, JUDGED, IMMATURE.
        slice_ids: uint16 or int32 [n, n_slice_columns]; column 0 is slice 0, all rows. Rows of the judged period name the slices; the others have
            the id of theirs where it is among them, and id 0 in a column j > 0 where it is not: in none of this column's slices.
        window_ids: int32 [n], 1 .. n_windows - 1, 0 where the row is in no window; None without windows.
        timestamps_us: int64 [n] or None.
        classes: names of the classes in the order of the model's outputs; empty unless multiclass.
        weights: float64 [n], at least 0, or None. A row of weight 0 is in no tally: its judged label is "none".
        cluster_ids: int64 [n], equal for rows of one cluster, or None.
        production_scores: float64 [n], what the live model answered, NaN where none was logged; None where the replay names no such column.
        production_versions: versions that answered, in order; empty where the replay names no such column.
        production_version_ids: int32 [n] into `production_versions`, -1 where none was logged; None where the replay names no such column.
    """

    folder: Path
    fingerprint: str
    n_rows: int
    grid: Grid
    account: RowAccount
    judged_labels: NDArray[Any]
    tuning_labels: NDArray[Any]
    reference_labels: NDArray[Any]
    roles: NDArray[np.uint8]
    slice_ids: NDArray[Any]
    window_ids: NDArray[np.int32] | None
    timestamps_us: NDArray[np.int64] | None
    notes: tuple[str, ...]
    classes: tuple[str, ...] = ()
    weights: NDArray[np.float64] | None = None
    cluster_ids: NDArray[np.int64] | None = None
    production_scores: NDArray[np.float64] | None = None
    production_versions: tuple[str, ...] = ()
    production_version_ids: NDArray[np.int32] | None = None


def is_known(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where a row has a label: not NaN for numbers, at least 0 for classes.

    >>> is_known(np.array([1, 0, -1], np.int8)).tolist(), is_known(np.array([0.5, np.nan])).tolist()
    ([True, True, False], [True, False])
    """
    known = ~np.isnan(labels) if labels.dtype.kind == "f" else labels >= 0
    return np.asarray(known, dtype=np.bool_)
