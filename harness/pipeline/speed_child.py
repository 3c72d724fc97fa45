"""What the child of one variant does in the speed phase: it keeps warm sessions and runs the trials that the parent asks for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.inference.plan import BATCH_ROWS
from harness.meters.energy import EnergyMeter
from harness.meters.machine import capture, is_vm
from harness.meters.meter_for import meter_for
from harness.meters.open_loop import open_loop
from harness.meters.steady import warm_up_until_steady
from harness.meters.system_load import SystemLoadMeter
from harness.meters.trial import timed_trial
from harness.records.conf import MeasureConf
from harness.records.load import LoadTrial, Schedule
from harness.records.measurement import ProviderCheck
from harness.records.model import ScoringPlan
from harness.records.trial import Trial, WarmUp
from harness.runs import store
from harness.workers.child import Channel

OFFLINE, SINGLE = "offline", "single"
_BATCHES_BYTES = 64 << 20  # batches of one size that a child keeps in memory: enough that no cache holds all of them
_N_SINGLE = 1024
_OVERLOADED = 3.0  # times as long as its schedule: what an open-loop trial may take


@dataclass(frozen=True)
class Point:
    """One operating point; `threads` None leaves their number to ONNX Runtime."""

    name: str
    batch_rows: int
    threads: int | None

    def __str__(self) -> str:
        """Name it in a message."""
        threads = "" if self.threads is None else f", {self.threads} threads"
        return self.name if self.name == SINGLE and not threads else f"{self.name} (batches of {self.batch_rows}{threads})"


@dataclass(frozen=True)
class Started:
    """What a warm child says of itself once its sessions are there; `warm_ups` stand in the order of the operating points."""

    cold_start_s: float
    first_run_s: float
    threads: int
    crosscheck_rows: int
    crosscheck_max_difference: float
    largest_score: float
    warm_ups: tuple[WarmUp, ...]
    provider: ProviderCheck


def operating_points(
    plan: ScoringPlan, conf: MeasureConf, request_rows: int, n_rows: int, deployed_rows: int | None = None
) -> tuple[Point, ...]:
    """Return what is timed of one variant, single requests first: every thread count with every batch size, that of `deploy` among them.

    A batch is no larger than the log, nor than the quality pass could hold; a graph of a fixed batch size has that one alone.
    """
    most = min(n_rows, plan.batch_rows if deployed_rows is None else max(plan.batch_rows, BATCH_ROWS))
    wanted = (*conf.offline_batch_rows, *([deployed_rows] if deployed_rows else []))
    sizes = [plan.fixed_batch] if plan.fixed_batch else sorted({min(rows, most) for rows in wanted})
    single = plan.fixed_batch or min(request_rows, most)
    counts = conf.threads or (plan.threads,)
    return tuple(Point(name, rows, n) for n in counts for name, rows in ((SINGLE, single), *((OFFLINE, rows) for rows in sizes)))


def serve_trials(
    channel: Channel, plan: ScoringPlan, replay_folder: Path, variant_folder: Path, conf: MeasureConf, points: Sequence[Point], seed: int
) -> None:
    """Keep warm sessions and answer requests: ("start",), ("trial", number of the point, seconds) or ("load", schedule, or rate for LoadGen, seconds, seed)."""
    from harness.inference.placement import placement
    from harness.inference.scorer import provider_of
    from harness.replay.prepared import open_tensor

    channel.request()
    tensors = [open_tensor(replay_folder, planned.group) for planned in plan.inputs]
    work = _Work(plan, conf, points, tensors)
    kept = store.read_scores(variant_folder / store.SCORES)
    record = store.read_run(variant_folder)
    if record is not None and record.batch_rows:  # a card that ran out of memory has scored in smaller batches than were planned
        plan = replace(plan, batch_rows=record.batch_rows)
    checks = [crosscheck(model, plan, tensors, kept, conf.crosscheck_share, seed) for model in work.models.values()]
    n_rows, difference = sum(n for n, _ in checks), float(np.max([worst for _, worst in checks]))
    warm_ups = tuple(warm_up_until_steady(work.runner(point), work.n_batches(point), conf) for point in points)
    check = placement(plan, [t[: points[-1].batch_rows] for t in tensors], provider_of(plan))
    largest = float(np.abs(kept).max()) if len(kept) else 0.0
    channel.answer(Started(work.cold_start_s, work.first_run_s, work.threads(points[0]), n_rows, difference, largest, warm_ups, check))
    while (request := channel.request()) is not None:
        if request[0] == "trial":
            channel.answer(work.trial(points[request[1]], request[2]))
        else:
            channel.answer(work.load(*request[1:]))


class _Work:
    """The warm sessions of one variant, one for each thread count, with the batches that they are timed on."""

    def __init__(self, plan: ScoringPlan, conf: MeasureConf, points: Sequence[Point], tensors: Sequence[NDArray[Any]]) -> None:
        from harness.inference.scorer import open_scorer

        self.conf, self.points = conf, points
        began = time.perf_counter()
        first = points[0].threads
        self.models = {first: open_scorer(replace(plan, threads=first))}
        self.cold_start_s = time.perf_counter() - began
        for n in dict.fromkeys(point.threads for point in points):
            if n not in self.models:
                self.models[n] = open_scorer(replace(plan, threads=n))
        sizes = {(point.name, point.batch_rows) for point in points}
        self.batches = {(name, rows): _batches(tensors, rows, _N_SINGLE if name == SINGLE else None) for name, rows in sizes}
        began = time.perf_counter()
        self.runner(points[-1])(0)
        self.first_run_s = time.perf_counter() - began
        self.n_cores = len(capture().affinity) or os.cpu_count() or 1  # what ONNX Runtime takes where nobody says
        self.meter: EnergyMeter = meter_for(plan.device, conf, machine_is_vm=is_vm(capture()))

    def model(self, point: Point) -> Any:
        return self.models[point.threads]

    def threads(self, point: Point) -> int:
        return int(self.model(point).session.get_session_options().intra_op_num_threads) or self.n_cores

    def n_batches(self, point: Point) -> int:
        return len(self.batches[point.name, point.batch_rows])

    def runner(self, point: Point) -> Callable[[int], None]:
        model, batches = self.model(point), self.batches[point.name, point.batch_rows]

        def run(i: int) -> None:
            model.run(batches[i])

        return run

    def trial(self, point: Point, seconds: float) -> Trial:
        run = self.runner(point)
        run(0)  # the other variants' trials have emptied the caches
        system = SystemLoadMeter()
        system.start()
        trial = timed_trial(run, self.n_batches(point), point.batch_rows, seconds, point=point.name, meter=self.meter)
        return replace(trial, threads=self.threads(point), load=system.stop())

    def load(self, arrivals: Schedule | float, seconds: float, seed: int) -> LoadTrial:
        """Run single requests under a schedule of about so many seconds, or under Poisson arrivals of a rate by MLPerf LoadGen.

        At the first thread count. What a model that is too slow has not served in three times that long is counted as not served.
        """
        point = self.points[0]
        run, n = self.runner(point), self.n_batches(point)
        run(0)
        if isinstance(arrivals, Schedule):
            return open_loop(run, n, arrivals, at_most_s=_OVERLOADED * seconds)
        from harness.meters.loadgen import loadgen_server

        return loadgen_server(run, n, arrivals, seconds, seed, min_requests=max(1, round(arrivals * seconds)))


def _batches(tensors: Sequence[NDArray[Any]], rows: int, at_most: int | None) -> list[list[NDArray[Any]]]:
    """Copy whole batches, spread over the log; its last partial batch would be a shape of its own."""
    n_rows = len(tensors[0])
    row_bytes = sum(t.shape[1] * (t.itemsize if t.dtype != object else 16) for t in tensors)
    rows = min(rows, n_rows)  # only a graph of a fixed batch size may ask for more, and pads it
    n_batches = max(1, min(n_rows // rows, at_most or _BATCHES_BYTES // max(1, rows * row_bytes)))
    starts = np.linspace(0, n_rows - rows, n_batches).astype(np.int64)
    return [[np.array(t[start : start + rows]) for t in tensors] for start in starts]


def crosscheck(
    model: Any, plan: ScoringPlan, tensors: Sequence[NDArray[Any]], kept: NDArray[np.float32], share: float, seed: int
) -> tuple[int, float]:
    """Compare a seeded share of the quality pass's batches, run again here, with the kept scores.

    Whole batches of the same grid: dynamic quantisation scales an int8 graph's inputs by the batch, so that a row's score
    depends on its neighbours. On the same grid every model of the demo, int8 too, gives the very same scores.

    Returns
    -------
    tuple of int and float
        Rows compared, and the largest absolute difference; NaN when there is one.
    """
    n_batches = -(-len(kept) // plan.batch_rows)
    n_chosen = min(n_batches, max(1, round(share * n_batches)))
    chosen = np.random.default_rng(seed).choice(n_batches, n_chosen, replace=False)
    n_rows, worst = 0, np.float64(0.0)
    for batch in chosen:
        rows = slice(int(batch) * plan.batch_rows, min((int(batch) + 1) * plan.batch_rows, len(kept)))
        again = model.score([t[rows] for t in tensors])
        n_rows += len(again)
        worst = np.maximum(worst, np.abs(again - kept[rows]).max())  # unlike max(), it keeps a NaN
    return n_rows, float(worst)
