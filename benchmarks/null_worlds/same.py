"""A/A worlds: identical variants, and windows of one model that differ by chance alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.null_worlds.binary import BinaryWorld
from benchmarks.null_worlds.coverage import CONFIDENCE, EVERYTHING, Covered, covered, metrics_of, paired_name
from benchmarks.null_worlds.multiclass import MulticlassWorld
from benchmarks.null_worlds.regression import RegressionWorld
from benchmarks.null_worlds.verdicts import Pool, statuses
from benchmarks.null_worlds.world import Design, World
from harness.compare.over_time import over_time
from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.pipeline.reduction import paired_of, tally_of
from harness.records.evidence import FAIL, PASS, UNDECIDED
from harness.records.needs import combined
from harness.records.tally import ALL

N_WINDOWS = 4
ROWS_OF_WINDOW = 500
OF_TASK: tuple[World, ...] = (
    BinaryWorld(table="A/A", column="binary", design=Design(N_WINDOWS * ROWS_OF_WINDOW), rate=0.2, aucs=(0.8,), calibrated=False),
    RegressionWorld(table="A/A", column="regression", design=Design(N_WINDOWS * ROWS_OF_WINDOW), errors="heavy", noises=(1.0,)),
    MulticlassWorld(table="A/A", column="multiclass", design=Design(N_WINDOWS * ROWS_OF_WINDOW), shares=(0.6, 0.3, 0.1), distances=(1.5,)),
)


@dataclass(frozen=True)
class Identical:
    """What the paired difference of a model to itself says, over many data sets.

    Args:
        n_sets, n_zero, n_interval: data sets, those with a difference of exactly 0, those with an interval that holds 0.
        n_pass, n_fail, n_undecided: outcomes of a non-inferiority gate with a margin of .02.
    """

    metric: str
    n_sets: int
    n_zero: int
    n_interval: int
    n_pass: int
    n_fail: int
    n_undecided: int


def shuffled_windows(world: World, n_sets: int) -> Iterator[Covered]:
    """Yield how often the difference of the last window to every other holds 0, where rows are dealt to windows at random."""
    rng = np.random.default_rng(world.seed)
    sample = world.simulate(rng, n_sets)
    windows = (ALL, *(f"window {i}" for i in range(1, N_WINDOWS + 1)))
    grid = replace(sample.rows.grid, windows=windows)
    window_ids = rng.integers(1, N_WINDOWS + 1, len(sample.rows.labels)).astype(np.int32)
    rows = replace(sample.rows, grid=grid, window_ids=window_ids)
    metrics = metrics_of(rows.task)
    tally = tally_of(sample.scores[0], rows, sample.thresholds[0], combined(m.needs() for _, m in metrics))
    for name, metric in metrics:
        values = metric.compute(tally, CONFIDENCE, world.seed)
        periods = [over_time("model", values, tally.n, grid, slice_by="set", slice_value=str(i))[:-1] for i in range(n_sets)]
        low, high = (np.array([getattr(p, f"last_minus_this_ci_{end}") for own in periods for p in own]) for end in ("low", "high"))
        yield covered(name, world, low, high, 0.0)


def identical_variants(world: World, n_sets: int) -> Iterator[Identical]:
    """Yield what comparing a model with itself says, by metric."""
    sample = world.simulate(np.random.default_rng(world.seed), n_sets)
    scores, threshold = sample.scores[0], sample.thresholds[0]
    paired = paired_of(scores, scores.copy(), sample.rows, threshold, threshold, EVERYTHING)
    for metric in PAIRED_METRICS[type(paired)]:
        found = paired_differences(paired, metric, "champion", "challenger", CONFIDENCE)
        pool = Pool(metric, 0.02, ((found,),))
        outcomes = statuses(pool, np.arange(1, n_sets + 1)[:, None], 1, screen=False)[:, 0].tolist()
        zero = found.difference[1:] == 0
        holds = (found.ci_low[1:] <= 0) & (found.ci_high[1:] >= 0)
        yield Identical(
            paired_name(sample.rows.task, metric), n_sets, int(zero.sum()), int(holds.sum()), *map(outcomes.count, (PASS, FAIL, UNDECIDED))
        )
