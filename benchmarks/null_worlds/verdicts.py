"""How often the non-inferiority gate passes what it should not, and fails what it should not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.null_worlds.binary import BinaryWorld
from benchmarks.null_worlds.coverage import CONFIDENCE, EVERYTHING, paired_name
from benchmarks.null_worlds.multiclass import MulticlassWorld
from benchmarks.null_worlds.regression import RegressionWorld
from benchmarks.null_worlds.world import Design, Sample, World
from harness.compare.paired_differences import paired_differences
from harness.gates.non_inferiority import NonInferiority
from harness.pipeline.reduction import paired_of
from harness.records.evidence import FAIL, PASS, Evidence, Lineage
from harness.records.metric import Differences
from harness.records.tally import Grid

ALPHA = 0.025
N_SLICE_ROWS = 400
N_SCREENED = 10
NAMED = (1, 5, 20)
N_CHALLENGERS = 3
CHUNK_ROWS = 4_000_000
METRICS = {"binary": ("accuracy", "precision", "log_loss", "auc"), "regression": ("mae",), "multiclass": ("accuracy",)}
_LINEAGE = Lineage("m", "r", None, None, 0, None, None, limited=False, is_logged=False)
_SLICES = Design(N_SLICE_ROWS)


@dataclass(frozen=True)
class Pool:
    """Paired differences of one metric in many slices, which repetitions are put together from.

    Args:
        metric: its name.
        margin: of the gate: how much worse a challenger is where it is worse.
        differences: per pool (models alike, a worse challenger) and challenger, over all of its slices.
    """

    metric: str
    margin: float
    differences: tuple[tuple[Differences, ...], ...]

    def joined(self) -> tuple[Differences, ...]:
        """Return per challenger the slices of all pools, one pool after the other."""
        return tuple(concatenated(parts) for parts in zip(*self.differences, strict=True))


@dataclass(frozen=True)
class Rate:
    """How often a verdict that should not be was given.

    Args:
        rule: which verdict, and when it is wrong.
        metric, n_named, n_challengers: of the gate.
        n: repetitions; n_wrong: those with a wrong verdict for some challenger.
        n_undecided: those that are UNDECIDED for every challenger.
        level: what the share of wrong ones may be.
    """

    rule: str
    metric: str
    n_named: int
    n_challengers: int
    n: int
    n_wrong: int
    n_undecided: int
    level: float

    @property
    def share(self) -> float:
        """Share of wrong verdicts."""
        return self.n_wrong / self.n

    @property
    def is_above(self) -> bool:
        """Whether it is above the level by more than three standard errors."""
        return self.share > self.level + 3.0 * float(np.sqrt(self.level * (1.0 - self.level) / self.n))


def worlds_of(task: str) -> tuple[World, World]:
    """Return the world in which all challengers are as good as the champion, and that in which all are worse."""
    if task == "regression":
        return _numbers("alike", 1.0), _numbers("worse", 1.8)
    return (
        (_classes("alike", 1.5), _classes("worse", 0.8)) if task == "multiclass" else (_decisions("alike", 0.85), _decisions("worse", 0.68))
    )


def _decisions(column: str, auc: float) -> World:
    aucs = (0.85, *[auc] * N_CHALLENGERS)
    return BinaryWorld(table="verdicts, binary", column=column, design=_SLICES, models_alike=column == "alike", rate=0.3, aucs=aucs)


def _numbers(column: str, noise: float) -> World:
    noises = (1.0, *[noise] * N_CHALLENGERS)
    alike = column == "alike"
    return RegressionWorld(table="verdicts, regression", column=column, design=_SLICES, models_alike=alike, errors="normal", noises=noises)


def _classes(column: str, distance: float) -> World:
    shares, distances = (0.6, 0.3, 0.1), (1.5, *[distance] * N_CHALLENGERS)
    alike = column == "alike"
    return MulticlassWorld(
        table="verdicts, multiclass", column=column, design=_SLICES, models_alike=alike, shares=shares, distances=distances
    )


def pools_of(task: str, n_reps: int) -> list[Pool]:
    """Simulate as many slices of both worlds as the largest repetition needs, and return them by metric; chunk by chunk."""
    n_slices = n_reps * (max(NAMED) + N_SCREENED)
    found = [slices_of(world, METRICS[task], n_slices) for world in worlds_of(task)]
    return [Pool(metric, abs(found[1][metric][1]), tuple(own[metric][0] for own in found)) for metric in METRICS[task]]


def slices_of(world: World, metrics: Sequence[str], n_slices: int) -> dict[str, tuple[tuple[Differences, ...], float]]:
    """Return by metric the differences of every challenger in so many slices, and their truth: that of all slices together."""
    rng, chunk = np.random.default_rng(world.seed), CHUNK_ROWS // N_SLICE_ROWS
    parts: dict[str, list[list[Differences]]] = {metric: [[] for _ in range(N_CHALLENGERS)] for metric in metrics}
    truths: dict[str, list[float]] = {metric: [] for metric in metrics}
    for start in range(0, n_slices, chunk):
        sample = world.simulate(rng, min(chunk, n_slices - start))
        for k in range(N_CHALLENGERS):
            for metric, found in _differences(sample, metrics, k + 1):
                parts[metric][k].append(take(found, np.arange(1, len(found.n))))
                truths[metric].append(float(found.difference[0]))
    return {m: (tuple(concatenated(own) for own in parts[m]), float(np.mean(truths[m]))) for m in metrics}


def _differences(sample: Sample, metrics: Sequence[str], challenger: int) -> Iterator[tuple[str, Differences]]:
    scores, thresholds = (sample.scores[0], sample.scores[challenger]), (sample.thresholds[0], sample.thresholds[challenger])
    paired = paired_of(*scores, sample.rows, *thresholds, EVERYTHING)
    for metric in metrics:
        yield metric, paired_differences(paired, metric, "champion", f"challenger {challenger}", CONFIDENCE)


def take(differences: Differences, cells: NDArray[np.int64]) -> Differences:
    """Return some cells of the differences, in this order."""
    arrays: dict[str, Any] = {name: getattr(differences, name)[cells] for name in _arrays_of(differences)}
    return replace(differences, **arrays)


def concatenated(parts: Sequence[Differences]) -> Differences:
    """Return the cells of all parts, one after the other."""
    arrays: dict[str, Any] = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _arrays_of(parts[0])}
    return replace(parts[0], **arrays)


def _arrays_of(differences: Differences) -> list[str]:
    return [f.name for f in fields(differences) if isinstance(getattr(differences, f.name), np.ndarray)]


def statuses(pool: Pool, slices: NDArray[np.int64], n_named: int, *, screen: bool, n_challengers: int = 1) -> NDArray[np.object_]:
    """Return what the gate says of every challenger in every repetition, object [n_reps, n_challengers].

    `slices` int64 [n_reps, n_slices] are numbers in the joined pools; the first `n_named` are named, the others screened.
    """
    names = [str(i) for i in range(slices.shape[1])]
    grid = Grid(("slice",) * len(names), tuple(names), ("all",))
    gate = NonInferiority(metric=pool.metric, margin=pool.margin, slices=tuple(f"slice={i}" for i in names[:n_named]), screen=screen)
    joined = pool.joined()[:n_challengers]
    found = np.empty((len(slices), n_challengers), np.object_)
    for i, cells in enumerate(slices):
        evidence = tuple(evidence_of(take(d, cells), grid) for d in joined)
        found[i] = [result.status for result in gate.judge(evidence)]
    return found


def evidence_of(differences: Differences, grid: Grid) -> Evidence:
    """Return evidence that holds paired differences and nothing else."""
    return Evidence(
        variant=differences.challenger, champion=differences.champion, grid=grid, differences=(differences,), measurement=None, cost=None,
        champion_cost=None, gain=None, net_per_1k=None, net_per_1k_ci_low=None, net_per_1k_ci_high=None, net_vs_champion=None,
        net_vs_champion_low=None, net_vs_champion_high=None, lineage=_LINEAGE, confidence=CONFIDENCE,
    )  # fmt: skip


def rates_of(pool: Pool, task: str, n_reps: int) -> Iterator[Rate]:
    """Yield the share of wrong verdicts of one metric: by number of named slices, and for several challengers."""
    for n_named in NAMED:
        yield from _rates(pool, task, n_reps, n_named, 1)
    yield from _rates(pool, task, n_reps, NAMED[1], N_CHALLENGERS)


def _rates(pool: Pool, task: str, n_reps: int, n_named: int, n_challengers: int) -> Iterator[Rate]:
    n_slices, n_pool = n_named + N_SCREENED, len(pool.differences[0][0].n)
    alike = np.arange(n_reps * n_slices).reshape(n_reps, n_slices)
    worse = alike + n_pool
    one_worse = np.concatenate([worse[:, :1], alike[:, 1:]], axis=1)
    cases = (
        ("PASS though one named slice is worse by the margin", PASS, one_worse, False, ALPHA),
        ("FAIL of a named slice, none worse", FAIL, alike, False, ALPHA),
        ("FAIL of a named slice, all worse by the margin", FAIL, worse, False, ALPHA),
        ("FAIL of a named or screened slice, all worse by the margin", FAIL, worse, True, 2 * ALPHA),
    )
    for rule, wrong, slices, screen, level in cases:
        said = statuses(pool, slices, n_named, screen=screen, n_challengers=n_challengers)
        n_undecided = int((said == "UNDECIDED").all(axis=1).sum())
        n_wrong = int((said == wrong).any(axis=1).sum())
        yield Rate(rule, paired_name(task, pool.metric), n_named, n_challengers, n_reps, n_wrong, n_undecided, level)
