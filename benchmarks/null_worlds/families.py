"""Families of slices: simultaneous intervals, corrected p-values, and fairness measures over the slices of a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from benchmarks.null_worlds.binary import BinaryWorld
from benchmarks.null_worlds.coverage import CONFIDENCE, EVERYTHING, Covered, covered, paired_name
from benchmarks.null_worlds.multiclass import MulticlassWorld
from benchmarks.null_worlds.regression import RegressionWorld
from benchmarks.null_worlds.world import Design, Sample, World
from harness.compare.fairness import fairness
from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.pipeline.reduction import paired_of, tally_of
from harness.records.fairness import Fairness
from harness.records.needs import Needs
from harness.records.tally import ALL, BinaryTally, Grid

N_SLICES = 10
SLICE_ROWS = 200
_ROWS = Design(N_SLICES * SLICE_ROWS)
OF_TASK: tuple[World, ...] = (
    BinaryWorld(table="Families", column="binary", design=_ROWS, models_alike=True, rate=0.3, aucs=(0.8, 0.8)),
    RegressionWorld(table="Families", column="regression", design=_ROWS, models_alike=True, errors="normal", noises=(1.0, 1.0)),
    MulticlassWorld(table="Families", column="multiclass", design=_ROWS, models_alike=True, shares=(0.6, 0.3, 0.1), distances=(1.5, 1.5)),
)
FAIRNESS = "Fairness"
FAIR = BinaryWorld(table=FAIRNESS, column="slices alike", design=_ROWS, rate=0.3, aucs=(0.8,))
UNFAIR = replace(FAIR, column="every other slice's scores moved by .3 on the logit scale")
SHIFT = 0.3


@dataclass(frozen=True)
class Family:
    """One metric over families of slices in which nothing differs.

    Args:
        n: families with an interval in every slice.
        n_covered: those whose simultaneous intervals all hold 0.
        n_rejected: those with a corrected p-value below 1 - `CONFIDENCE`.
    """

    metric: str
    n: int
    n_covered: int
    n_rejected: int


def simultaneous(world: World, n_sets: int) -> Iterator[Family]:
    """Yield how often all simultaneous intervals of a family hold 0; a data set is a window, and a window is a family."""
    rng = np.random.default_rng(world.seed)
    sample = world.simulate(rng, n_sets)
    grid = Grid((ALL, *["slice"] * N_SLICES), (ALL, *map(str, range(N_SLICES))), (ALL, *map(str, range(n_sets))))
    slice_ids, window_ids = _slice_ids(_slice_numbers(sample, rng)), np.ascontiguousarray(sample.rows.slice_ids[:, 1])
    rows = replace(sample.rows, slice_ids=slice_ids, window_ids=window_ids, grid=grid)
    paired = paired_of(sample.scores[0], sample.scores[1], rows, sample.thresholds[0], sample.thresholds[1], EVERYTHING)
    for metric in PAIRED_METRICS[type(paired)]:
        found = paired_differences(paired, metric, "champion", "challenger", CONFIDENCE, n_windows=grid.n_windows)
        low, high, p = (
            a.reshape(grid.n_slices, -1)[:, 1:] for a in (found.simultaneous_low, found.simultaneous_high, found.p_value_corrected)
        )
        whole = np.isfinite(low).all(axis=0) & np.isfinite(high).all(axis=0)
        holds = ((low <= 0) & (high >= 0)).all(axis=0)
        rejected = (p < 1.0 - CONFIDENCE).any(axis=0)
        name = paired_name(rows.task, metric)
        yield Family(name, int(whole.sum()), int((whole & holds).sum()), int((whole & rejected).sum()))


def fairness_coverage(world: World, n_sets: int) -> Iterator[Covered]:
    """Yield the coverage of the fairness measures between slices, and of every rate's difference of the first slice to the rest.

    Every data set is a slice column of its own. The truth is that of one column which all data sets share.
    """
    rng = np.random.default_rng(world.seed)
    sample = world.simulate(rng, n_sets)
    number = _slice_numbers(sample, rng)
    scores = sample.scores[0] if world == FAIR else _moved(sample.scores[0], number)
    truth = _fairness(sample, scores, number, 1)
    own = _fairness(sample, scores, number + N_SLICES * (sample.rows.slice_ids[:, 1] - 1), n_sets)
    for k, row in enumerate(truth.between):
        bounds = np.array([(r.ci_low, r.ci_high) for r in own.between[k :: len(truth.between)]])
        alike = 1.0 if row.measure.endswith("ratio") else 0.0
        yield covered(row.measure, world, bounds[:, 0], bounds[:, 1], alike if world == FAIR else row.value)
    for rate, pooled in zip(own.to_overall, truth.to_overall, strict=True):
        low, high = rate.ci_low[::N_SLICES], rate.ci_high[::N_SLICES]
        yield covered(f"{rate.rate}, slice - rest", world, low, high, 0.0 if world == FAIR else float(pooled.difference[0]))


def _slice_numbers(sample: Sample, rng: np.random.Generator) -> NDArray[np.int32]:
    return rng.integers(0, N_SLICES, len(sample.rows.labels)).astype(np.int32)


def _slice_ids(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.stack([np.zeros_like(numbers), numbers + np.int32(1)], axis=1)


def _moved(scores: NDArray[np.float32], number: NDArray[np.int32]) -> NDArray[np.float32]:
    return np.asarray(expit(logit(scores.astype(np.float64)) + SHIFT * (number % 2)), np.float32)


def _fairness(sample: Sample, scores: NDArray[np.float32], number: NDArray[np.int32], n_columns: int) -> Fairness:
    names = [f"column {c}" for c in range(n_columns) for _ in range(N_SLICES)]
    grid = Grid((ALL, *names), (ALL, *map(str, range(len(names)))), (ALL,))
    tally = tally_of(scores, replace(sample.rows, slice_ids=_slice_ids(number), grid=grid), sample.thresholds[0], Needs())
    assert isinstance(tally, BinaryTally)
    return fairness(tally, grid, CONFIDENCE)
