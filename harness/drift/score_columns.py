"""A model's scores as columns of a log, so that what reads any column reads them too: prediction drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, Column, ComparedRows
from harness.records.replay import JUDGED, REFERENCE
from kernels.array_library import library_of
from kernels.devices import check_fits

SCORE = "score"
_BYTES_PER_ROW = 24  # of the compared rows on a card: their numbers, values twice, marks


def score_rows(roles: NDArray[np.uint8], timestamps_us: NDArray[np.int64] | None) -> tuple[NDArray[np.bool_], ComparedRows]:
    """Return which rows of a prepared replay are on either side, and those rows: reference rows, and rows of the judged period with any label.

    Parameters
    ----------
    roles : uint8 [n]
        Bits of records/replay.py.
    timestamps_us : int64 [n], optional
        Microseconds since the epoch in UTC.

    Returns
    -------
    bool [n]
        Rows that are compared, in the order of the log; the sides are of these.

    Examples
    --------
    >>> kept, rows = score_rows(np.array([REFERENCE, 2, JUDGED, JUDGED | 8], np.uint8), None)
    >>> kept.tolist(), rows.side.tolist(), rows.n_reference, rows.n_current, rows.left_out
    ([True, False, True, True], [0, 1, 1], 1, 2, (('of another period', 1),))
    """
    is_reference = (roles & REFERENCE) != 0
    kept = is_reference | ((roles & JUDGED) != 0)
    side = np.where(is_reference[kept], REFERENCE_SIDE, CURRENT_SIDE).astype(np.int8)
    n, n_reference = len(side), int((side == REFERENCE_SIDE).sum())
    left_out = (("of another period", len(roles) - n),) if n < len(roles) else ()
    times = None if timestamps_us is None else timestamps_us[kept]
    return np.asarray(kept, np.bool_), ComparedRows(side, times, n_reference, n - n_reference, left_out)


def score_columns(scores: NDArray[Any], kept: NDArray[np.bool_], task: str, classes: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Return the scores of the compared rows as a column "score", of a multiclass model as one "score[NAME]" per class.

    Parameters
    ----------
    scores : float32 or float64 [n], multiclass [n, n_classes]
        Of all rows of the replay. What is no score (NaN or infinite, a probability outside [0, 1]) is a missing value, and the note counts them.
    kept : bool [n]
        Rows that are compared.
    task : str
        binary, multiclass or regression.
    classes : tuple of str
        Names of the classes, in the order of the scores.

    Examples
    --------
    >>> column, = score_columns(np.array([0.5, 2.0, 0.25, np.nan], np.float32), np.array([True, True, True, False]), "binary")
    >>> column.values.tolist(), column.note
    ([0.5, nan, 0.25], '1 invalid scores read as missing')
    """
    if scores.ndim == 1:
        return (_column(SCORE, scores[kept], task),)
    return tuple(_column(f"{SCORE}[{name}]", scores[kept, k], task) for k, name in enumerate(classes))


def scores_on_card(scores: Any, kept: NDArray[np.bool_], task: str) -> Iterator[Any]:
    """Yield the values of `score_columns` on the card where the scores are, one column after the other.

    Raises
    ------
    CardMemoryError
        They do not fit beside the scores.
    """
    n_kept = int(kept.sum())
    check_fits("the scores of the compared rows", _BYTES_PER_ROW * n_kept + len(kept))
    library = library_of(scores)
    xp, scores, back = library.xp, library.array, library.back
    rows = xp.flatnonzero(library.own(kept))
    for k in range(scores.shape[1] if scores.ndim == 2 else 1):
        values = scores[rows] if scores.ndim == 1 else scores[rows, k]
        yield back(_shown(xp, values, _is_valid(xp, values, task)))


def _is_valid(xp: Any, values: Any, task: str) -> Any:
    return xp.isfinite(values) if task == "regression" else (values >= 0) & (values <= 1)


def _shown(xp: Any, values: Any, is_valid: Any) -> Any:
    return xp.where(is_valid, values, xp.full(1, np.nan, dtype=values.dtype))


def _column(name: str, values: NDArray[Any], task: str) -> Column:
    is_valid = _is_valid(np, values, task)
    n_invalid = len(values) - int(is_valid.sum())
    shown = _shown(np, values, is_valid) if n_invalid else values
    type_name = "float" if values.dtype == np.float32 else "double"
    note = f"{n_invalid:,} invalid scores read as missing" if n_invalid else ""
    return Column(name, type_name, type_name, "number", values=shown, note=note)
