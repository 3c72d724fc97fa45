"""Evidence of a business rule made from rows by the tallies' slow cousin: what the rooms before it would have left."""

from __future__ import annotations

import numpy as np

from harness.records.money import GainEvidence, ValueMoments
from harness.records.tally import BinaryTally, Grid, Moments, PairedTally
from harness.records.task_tally import PairedRegressionTally, RegressionTally
from tests.oracles.value_moments_oracle import joint_moments

ALL_ROWS = Grid(("all",), ("all",), ("all",))


def binary(confusion: np.ndarray) -> BinaryTally:
    n = len(confusion)
    empty = Moments(np.zeros(n), np.zeros(n))
    bins = np.zeros((n, 15), dtype=np.int64)
    return BinaryTally(confusion.astype(np.int64), bins, bins, bins.astype(float), empty, empty, None)


def paired(cells: np.ndarray) -> PairedTally:
    n = len(cells)
    m = Moments(np.zeros(n), np.zeros(n))
    return PairedTally(cells.astype(np.int64), m, m, m, m, None)


def evidence(tally, pair=None, *, variant="v", is_champion=False, **more) -> GainEvidence:
    return GainEvidence(variant, is_champion, tally, pair, **more)


def of_cells(cells: np.ndarray, **more) -> GainEvidence:
    """Evidence of counts [n_cells, label, champion, own], without any values."""
    return evidence(binary(cells.sum(axis=2)), paired(cells), **more)


def of_decisions(labels, champion, own, amounts=None, policy=None, slice_ids=None, grid=ALL_ROWS, **more) -> GainEvidence:
    """Evidence of rows with amounts, a mapping from columns to values; `policy` is (column, decisions)."""
    n = len(labels)
    labels, champion, own = (np.asarray(x, np.int64) for x in (labels, champion, own))
    ids = np.zeros((n, 1), np.uint16) if slice_ids is None else slice_ids
    names = tuple(amounts or ())
    values = np.array([amounts[name] for name in names], np.float64).reshape(len(names), n).T
    decided = np.zeros(n, np.int64) if policy is None else np.asarray(policy[1])

    def moments(cases: np.ndarray, n_cases: int, column: str | None = None) -> ValueMoments:
        found = joint_moments(values, cases, ids, None, grid.n_slices, grid.n_windows, n_cases, len(names))
        return ValueMoments(names, *found, column)

    known = (labels == 0) | (labels == 1)
    of_pair = moments(np.where(known, 4 * labels + 2 * champion + own, -1), 8)
    return of_cells(
        of_pair.n.reshape(-1, 2, 2, 2),
        moments=moments(np.where(known, 4 * labels + 2 * decided + own, -1), 8, None if policy is None else policy[0]),
        paired_moments=of_pair,
        unlabelled_moments=moments(np.where(known, -1, 2 * champion + own), 4),
        grid=grid,
        **more,
    )


def of_predictions(labels, own, champion=None, other=None, slice_ids=None, grid=ALL_ROWS, **more) -> GainEvidence:
    """Evidence of a regression; `other` is (column, predictions) of the baseline policy."""
    n = len(labels)
    ids = np.zeros((n, 1), np.uint16) if slice_ids is None else slice_ids
    counts = joint_moments(np.zeros((n, 0)), np.zeros(n, int), ids, None, grid.n_slices, 1, 1, 0)[0][:, 0]
    empty = (counts, counts * 0, counts * 0.0, None, counts > 0)

    def moments(column, *models) -> ValueMoments:
        parts = [side for p in models for side in (np.maximum(p - labels, 0), np.maximum(labels - p, 0))]
        parts[2:] = [own_side - other for own_side, other in zip(parts[:2], parts[2:], strict=False)]
        values = np.array(parts, np.float64).reshape(len(parts), n).T
        names = ("over", "under", "over_difference", "under_difference")[: len(parts)]
        return ValueMoments(names, *joint_moments(values, np.zeros(n, int), ids, None, grid.n_slices, 1, 1, len(parts)), column)

    pair = None if champion is None else moments(None, own, champion)
    return GainEvidence(
        "v",
        False,
        RegressionTally(*empty),
        None if champion is None else PairedRegressionTally(*empty),
        moments=moments(None, own) if other is None else moments(other[0], own, other[1]),
        paired_moments=pair,
        grid=grid,
        **more,
    )
