"""Everything that one run of the null worlds found, and whether it is within the bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import numpy as np

from benchmarks.null_worlds import families as families_of
from benchmarks.null_worlds import same
from benchmarks.null_worlds.coverage import CONFIDENCE, Covered, world_coverage
from benchmarks.null_worlds.exact import Exact, tango_coverage, wilson_coverage
from benchmarks.null_worlds.families import Family
from benchmarks.null_worlds.preset import preset_worlds
from benchmarks.null_worlds.same import Identical
from benchmarks.null_worlds.verdicts import METRICS, Rate, pools_of, rates_of

T = TypeVar("T")
P = ParamSpec("P")
LOWEST, MEAN_LOW, MEAN_HIGH = 0.90, 0.94, 0.965
NULL_LEVEL = 0.05  # of calibrated worlds, those whose ECE may be above its null point
MIN_SHARE = 0.05  # of data sets that must have an interval before its coverage is judged


@dataclass(frozen=True)
class Results:
    """What one run found; `n_sets` data sets a world, `n_reps` repetitions of a verdict."""

    n_sets: int
    n_reps: int
    worlds: tuple[Covered, ...]
    windows: tuple[Covered, ...]
    fair: tuple[Covered, ...]
    families: tuple[Family, ...]
    exact: tuple[tuple[str, tuple[Exact, ...]], ...]
    identical: tuple[Identical, ...]
    verdicts: tuple[Rate, ...]


def run(n_sets: int, n_reps: int) -> Results:
    """Run every world, telling on standard error how far it is."""
    worlds = preset_worlds()
    found = [c for i, w in enumerate(worlds) for c in _told(f"{i + 1}/{len(worlds)} {w.name}", world_coverage, w, n_sets)]
    windows = [c for w in same.OF_TASK for c in _told(f"shuffled windows, {w.column}", same.shuffled_windows, w, n_sets)]
    identical = [c for w in same.OF_TASK for c in _told(f"identical variants, {w.column}", same.identical_variants, w, n_sets)]
    families = [c for w in families_of.OF_TASK for c in _told(f"families, {w.column}", families_of.simultaneous, w, n_sets)]
    fair = [c for w in (families_of.FAIR, families_of.UNFAIR) for c in _told(w.name, families_of.fairness_coverage, w, n_sets)]
    exact = (("Accuracy, Wilson", tuple(wilson_coverage())), ("Paired accuracy, Tango", tuple(tango_coverage())))
    verdicts = [r for task in METRICS for r in _verdicts(task, n_reps)]
    return Results(n_sets, n_reps, tuple(found), tuple(windows), tuple(fair), tuple(families), exact, tuple(identical), tuple(verdicts))


def _verdicts(task: str, n_reps: int) -> list[Rate]:
    pools = _told(f"slices for verdicts, {task}", pools_of, task, n_reps)
    return [rate for pool in pools for rate in _told(f"verdicts, {task} {pool.metric}", rates_of, pool, task, n_reps)]


def _told(what: str, work: Callable[P, Iterable[T]], *args: P.args, **kwargs: P.kwargs) -> list[T]:
    start = time.perf_counter()
    found = list(work(*args, **kwargs))
    print(f"{what}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return found


def is_null(c: Covered) -> bool:
    """Whether a metric that has an interval only beyond its null point should seldom have one here: the scores are calibrated."""
    return c.is_conditional and getattr(c.world, "calibrated", False)


def is_judged(c: Covered) -> bool:
    """Whether enough data sets have an interval for its coverage to mean something."""
    return c.n_interval >= max(1.0, MIN_SHARE * c.n_sets) and not is_null(c)


def is_miss(c: Covered) -> bool:
    """Whether an interval covers less than 90 %, or is given above a null point too often."""
    if is_null(c):
        return c.n_interval / c.n_sets > NULL_LEVEL + 3.0 * float(np.sqrt(NULL_LEVEL * (1.0 - NULL_LEVEL) / c.n_sets))
    return is_judged(c) and c.coverage < LOWEST


def mean_coverage(cells: Sequence[Covered]) -> float:
    """Return the averaged coverage of the cells that are judged; NaN where none is."""
    own = [c.coverage for c in cells if is_judged(c)]
    return float(np.mean(own)) if own else float("nan")


def is_often(family: Family) -> bool:
    """Whether families in which nothing differs have a corrected p-value below the level too often."""
    level = 1.0 - CONFIDENCE
    return bool(family.n) and family.n_rejected / family.n > level + 3.0 * float(np.sqrt(level * (1.0 - level) / family.n))
