"""A long reduction reports after every part that costs a pass over the rows."""

from __future__ import annotations

import numpy as np
import pytest

from harness.pipeline.reduction import Rows, paired_of, tally_of
from harness.records.needs import Needs
from harness.records.tally import Grid

N_COLUMNS = 3
GRID = Grid(tuple("abc"), tuple("abc"), ("all",))


class Reports:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self) -> None:
        self.n += 1


def rows_of(task, weights=None, clusters=None):
    labels = np.tile([0, 1, 0, 1, 1], 8)
    kinds = {"binary": np.int8, "multiclass": np.int32}
    ids = np.tile(np.arange(N_COLUMNS, dtype=np.uint16), (40, 1))
    return Rows(task, labels.astype(kinds[task]), ids, None, GRID, 2 if task == "multiclass" else 0, weights, clusters)


SCORES = np.random.default_rng(1).random(40).astype(np.float32)


@pytest.mark.parametrize(("design", "n_parts"), [({}, 1), ({"clusters": np.arange(40) // 2}, 1 + 1 + N_COLUMNS)], ids=["plain", "clusters"])
def test_binary_reductions_report_every_part(design, n_parts):
    alone, pair = Reports(), Reports()
    rows, needs = rows_of("binary", **design), Needs(ranks=True)
    tally_of(SCORES, rows, 0.5, needs, on_part=alone)
    paired_of(SCORES, SCORES[::-1].copy(), rows, 0.5, 0.5, needs, pair)
    assert (alone.n, pair.n) == (n_parts, n_parts)


def test_every_part_that_a_metric_asks_for_is_reported():
    more = Reports()
    tally_of(SCORES, rows_of("binary"), 0.5, Needs(ranks=True, curve=True, calibration=True), on_part=more)
    assert more.n == 3


def test_ranking_of_every_class_is_reported():
    reports = Reports()
    tally_of(np.stack([1 - SCORES, SCORES], axis=1), rows_of("multiclass"), None, Needs(auc_by_class=True), on_part=reports)
    assert reports.n == 2
