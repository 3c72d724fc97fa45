"""Binary tallies with rank curve and recalibration, made by the reduction itself, for tests of the metrics that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import BinaryTally, Grid
from harness.tallies.binary import tally_binary
from harness.tallies.ordered import calibration_of, rank_curve_of
from kernels.score_order import score_order


def ranked_tally(
    scores: NDArray[Any], labels: NDArray[Any], cells: NDArray[Any], n_cells: int, max_fpr: float = 0.05, top_share: float = 0.01
) -> BinaryTally:
    """Return the tally of slices given by their number per row, one window."""
    s, y = scores.astype(np.float32), labels.astype(np.int8)
    ids, names = cells.astype(np.int32)[:, None], ("",) * n_cells
    rows = s, y, ids, None, Grid(names, names, ("all",))
    tally = tally_binary(*rows, 0.5)
    curve = rank_curve_of(s, y, score_order(s, y), *rows[2:], tally.confusion, max_fpr, top_share)
    return BinaryTally(**{**vars(tally), "curve": curve, "calibration": calibration_of(*rows)})


def worlds(scores: NDArray[Any], labels: NDArray[Any], **parameters: float) -> BinaryTally:
    """Return the tally of simulated data sets, [n_worlds, n_rows] each, every one a slice."""
    n_worlds, n_rows = scores.shape
    return ranked_tally(scores.ravel(), labels.ravel(), np.repeat(np.arange(n_worlds), n_rows), n_worlds, **parameters)
