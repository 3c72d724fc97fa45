"""How far rows without a label could move every paired difference: the worst and the best labels they might have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.compare.placement_covariance import auc_of
from harness.compare.unlabelled_sums import UnlabelledSums
from harness.records.missing_bounds import MissingBounds
from harness.records.tally import PairedTally

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Range = tuple[Floats, Floats]
Rule = Callable[[PairedTally, slice, UnlabelledSums], Range]


def missing_bounds(metrics: Sequence[str], paired: PairedTally, n_windows: int, unlabelled: UnlabelledSums) -> tuple[MissingBounds, ...]:
    """Return the lowest and highest difference of each metric over all ways of labelling the unlabelled rows, in every slice.

    Parameters
    ----------
    metrics : sequence of str
        Names; NaN for a metric that has no rule here.
    paired : PairedTally
        Of the labelled rows, unweighted; of its cells those of window "all" are read.
    n_windows : int
        Windows of the grid; cell = slice * n_windows + window.
    unlabelled : UnlabelledSums
        Of the rows without a label, on the same slices.

    Notes
    -----
    Worst-case bounds: Manski, Partial Identification of Probability Distributions, 2003, chapter 1. Sharp for all metrics but AUC: of
    both shares and mean losses each row's worst label can be had at once.

    Undefined when: a slice has no row, or, for recall and fpr, none that could be of the class.
    """
    n_slices = len(unlabelled.gained)
    if len(paired.cells) != n_slices * n_windows:
        raise ValueError(f"paired: found {len(paired.cells)} cells, wanted {n_slices} slices times {n_windows} windows")
    every = slice(None, None, n_windows)
    n_rows = paired.n[every] + unlabelled.n
    found = []
    for metric in metrics:
        nothing = np.full(n_slices, np.nan)
        lower, upper = _RULES[metric](paired, every, unlabelled) if metric in _RULES else (nothing, nothing)
        found.append(MissingBounds(metric, lower, upper, n_rows, unlabelled.n, metric in _RULES and metric != "auc"))
    return tuple(found)


def accuracy_range(cells: Ints, rows: UnlabelledSums) -> Range:
    """Return the range of the difference of accuracy from int64 [n_slices, 2, 2, 2]: every turned decision is right or wrong."""
    known = (cells[:, 1, 0, 1] - cells[:, 1, 1, 0]) - (cells[:, 0, 0, 1] - cells[:, 0, 1, 0])
    turned, n = rows.gained + rows.lost, cells.sum(axis=(1, 2, 3)) + rows.n
    return _share(known - turned, n), _share(known + turned, n)


def selection_rate_range(cells: Ints, rows: UnlabelledSums) -> Range:
    """Return the difference of the selection rate over all rows, twice: it asks for no label."""
    known = cells[:, :, 0, 1].sum(axis=1) - cells[:, :, 1, 0].sum(axis=1)
    exact = _share(known + rows.gained - rows.lost, cells.sum(axis=(1, 2, 3)) + rows.n)
    return exact, exact


def class_rate_range(table: Ints, rows: UnlabelledSums) -> Range:
    """Return the range of the difference of recall (or fpr) from int64 [n_slices, 2, 2] of the labelled rows of that class.

    Formula: the highest is (gained + lost of the class + all unlabelled gained ones) / their rows; if that is negative, all unlabelled rows
    on which both decide alike are of the class too, which brings it nearer to 0. The lowest is the mirror.

    Examples
    --------
    One labelled positive row, lost; unlabelled: one gained, two alike. Highest: (-1 + 1) / 2; lowest: -1 / 1.

    >>> sums = UnlabelledSums(np.array([1]), np.array([0]), np.array([2]), np.zeros((1, 2)), np.zeros((1, 2)))
    >>> [float(bound[0]) for bound in class_rate_range(np.array([[[0, 0], [1, 0]]]), sums)]
    [-1.0, 0.0]
    """
    n, known = table.sum(axis=(1, 2)), table[:, 0, 1] - table[:, 1, 0]
    highest = _highest_share(known, n, rows.gained, rows.alike, rows.lost)
    return -_highest_share(-known, n, rows.lost, rows.alike, rows.gained), highest


def _highest_share(known: Ints, n: Ints, for_it: Ints, neutral: Ints, against: Ints) -> Floats:
    total, size = known + for_it, n + for_it
    size = np.where((total < 0) | (size == 0), size + neutral, size)
    forced = (size == 0) & (against > 0)  # only such rows could be of the class: one of them has to be
    return np.where(forced, -1.0, _share(total, size))


def mean_range(n: Ints, mean: Floats, rows: UnlabelledSums, sums: Floats) -> Range:
    """Return the range of a mean difference of losses: n labelled rows with their mean, and sums of lowest and of highest ones."""
    known, size = n * mean, n + rows.n
    return _share(known + sums[:, 0], size), _share(known + sums[:, 1], size)


def auc_range(n_positive: Ints, n_negative: Ints, difference: Floats, n_unlabelled: Ints) -> Range:
    """Return a range that holds the difference of AUC; not sharp: every pair with an unlabelled row may differ by -1 to 1.

    Formula: (P N D ± M) / (P N + M), with D the labelled rows' difference and M the most pairs that unlabelled rows can be in,
    (P + k) (N + u - k) - P N at the k of u positive ones that makes both classes as equal as can be.

    Undefined when: no labels give both classes a row.

    Examples
    --------
    Two rows of each class and one unlabelled: two further pairs.

    >>> low, high = auc_range(np.array([2]), np.array([2]), np.array([0.5]), np.array([1]))
    >>> float(low[0]), float(high[0])
    (0.0, 0.6666666666666666)
    """
    k = np.clip((n_negative + n_unlabelled - n_positive) // 2, 0, n_unlabelled)
    pairs = n_positive * n_negative
    more = (n_positive + k) * (n_negative + n_unlabelled - k) - pairs
    known = np.where(pairs > 0, pairs * difference, 0.0)
    return _share(known - more, pairs + more), _share(known + more, pairs + more)


def _auc(paired: PairedTally, every: slice, rows: UnlabelledSums) -> Range:
    if paired.ranks is None:
        unknown = np.full(len(rows.n), np.nan)
        return unknown, unknown
    old, difference = paired.ranks.champion, auc_of(paired.ranks.challenger) - auc_of(paired.ranks.champion)
    return auc_range(old.n_positive[every], old.n_negative[every], difference[every], rows.n)


def _mirrored(found: Range) -> Range:
    return -found[1], -found[0]


def _share(part: NDArray[np.generic], whole: Ints) -> Floats:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=np.asarray(whole > 0))
    return share


_RULES: dict[str, Rule] = {
    "accuracy": lambda paired, every, rows: accuracy_range(paired.cells[every], rows),
    "selection_rate": lambda paired, every, rows: selection_rate_range(paired.cells[every], rows),
    "recall": lambda paired, every, rows: class_rate_range(paired.cells[every, 1], rows),
    "fnr": lambda paired, every, rows: _mirrored(class_rate_range(paired.cells[every, 1], rows)),
    "fpr": lambda paired, every, rows: class_rate_range(paired.cells[every, 0], rows),
    "log_loss": lambda paired, every, rows: mean_range(paired.n[every], paired.log_loss.mean[every], rows, rows.log_loss),
    "brier": lambda paired, every, rows: mean_range(paired.n[every], paired.brier.mean[every], rows, rows.brier),
    "auc": _auc,
}
