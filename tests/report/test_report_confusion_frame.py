from __future__ import annotations

import numpy as np
import pytest

from harness.records.tally import Grid, Moments
from harness.records.task_tally import MulticlassTally
from harness.report.confusion_frame import CONFUSION_COLUMNS, confusion_frame

GRID = Grid(("all", "carrier"), ("all", "UA"), ("all", "2013-02"))


def tally(confusion):
    n = len(confusion)
    nothing = Moments(np.zeros(n), np.zeros(n))
    return MulticlassTally(confusion, np.full(n, 2), np.zeros(n, np.int64), nothing, nothing)


def test_one_row_for_every_pair_of_classes_that_occurred():
    confusion = np.zeros((4, 2, 2), np.int64)
    confusion[0], confusion[3, 1, 0] = [[3, 0], [1, 2]], 1
    frame = confusion_frame("mlp", GRID, tally(confusion), ("cat", "dog"))
    assert tuple(frame.columns) == CONFUSION_COLUMNS
    assert frame.to_numpy().tolist() == [
        ["mlp", "all", "all", "all", "cat", "cat", 3],
        ["mlp", "all", "all", "all", "dog", "cat", 1],
        ["mlp", "all", "all", "all", "dog", "dog", 2],
        ["mlp", "carrier", "UA", "2013-02", "dog", "cat", 1],
    ]
    assert frame["n"].dtype == np.int64


def test_no_rows_leave_an_empty_table_with_its_columns():
    frame = confusion_frame("mlp", GRID, tally(np.zeros((4, 2, 2), np.int64)), ("cat", "dog"))
    assert (len(frame), tuple(frame.columns)) == (0, CONFUSION_COLUMNS)


def test_a_tally_of_other_classes_is_refused():
    with pytest.raises(ValueError, match=r"confusion has shape \(4, 2, 2\); wanted \(4, 3, 3\)"):
        confusion_frame("mlp", GRID, tally(np.zeros((4, 2, 2), np.int64)), ("a", "b", "c"))
