"""Rows without a label: what they could do to a pair at worst, and how they differ from the labelled ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.compare.missing_bounds import missing_bounds
from harness.compare.unlabelled_sums import UnlabelledSums
from harness.pipeline.stored_variant import StoredVariant
from harness.records.missing_bounds import MissingBounds
from harness.records.tally import Grid, PairedTally


def missing_of(v: StoredVariant, metrics: Sequence[str], grid: Grid) -> tuple[MissingBounds, ...]:
    """Return the bounds of a pair's differences over all labels that the unlabelled rows may have; empty where every row has one."""
    if v.unlabelled is None or v.paired is None:
        return ()
    if isinstance(v.unlabelled, UnlabelledSums) and isinstance(v.paired, PairedTally):
        return missing_bounds(metrics, v.paired, grid.n_windows, v.unlabelled)
    n_unlabelled = v.unlabelled.n if isinstance(v.unlabelled, UnlabelledSums) else v.unlabelled
    n_rows = v.paired.n[:: grid.n_windows] + n_unlabelled
    unknown = np.full(grid.n_slices, np.nan)
    return tuple(MissingBounds(metric, unknown, unknown, n_rows, n_unlabelled, False) for metric in metrics)
