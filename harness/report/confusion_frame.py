"""`confusion.parquet`: how often each class was taken for each, in every slice and window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from harness.records.tally import Grid
from harness.records.task_tally import MulticlassTally

CONFUSION_COLUMNS = ("variant", "slice_by", "slice_value", "window", "label", "predicted", "n")


def confusion_frame(variant: str, grid: Grid, tally: MulticlassTally, classes: Sequence[str]) -> pd.DataFrame:
    """Return the confusion tables of one variant, one row per cell of the grid, label and predicted class that occurred together.

    Parameters
    ----------
    variant
        Name of the variant.
    grid
        Slices by windows, n_cells of them.
    tally
        Its `confusion`; rows count 1 each, whatever they weigh.
    classes
        Names of the classes, in the order of the scores.

    Returns
    -------
    DataFrame
        Columns `CONFUSION_COLUMNS`; n (int64) is at least 1. Cells in the order of the grid, then label, then predicted.

    Raises
    ------
    ValueError
        When the tally is not of this grid and these classes.
    """
    wanted = (grid.n_cells, len(classes), len(classes))
    if tally.confusion.shape != wanted:
        raise ValueError(f"confusion has shape {tally.confusion.shape}; wanted {wanted}: the tally is of another grid or other classes")
    cell, label, predicted = np.nonzero(tally.confusion)
    slices, windows = np.divmod(cell, grid.n_windows)
    by, value, window, name = (np.array(names, dtype=np.object_) for names in (grid.slice_by, grid.slice_value, grid.windows, classes))
    columns = (
        np.full(len(cell), variant, dtype=np.object_),
        by[slices],
        value[slices],
        window[windows],
        name[label],
        name[predicted],
        tally.confusion[cell, label, predicted],
    )
    return pd.DataFrame(dict(zip(CONFUSION_COLUMNS, columns, strict=True)))
