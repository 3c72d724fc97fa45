"""The speed phase: one warm child per variant, exactly one running at a time, in seeded blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.meters.early_stop import may_stop
from harness.meters.energy import cpu_energy_meter
from harness.meters.machine import capture, is_vm
from harness.meters.not_measured import not_measured
from harness.meters.protocol import recorded_name, shortfall
from harness.meters.schedule import blocks
from harness.meters.steady import warm_up_until_steady, why_unsteady
from harness.meters.summary import summarise
from harness.meters.trial import timed_trial
from harness.pipeline.environment import sources
from harness.pipeline.progress import bar
from harness.pipeline.quality import Member
from harness.records.conf import MeasureConf, SweepConf
from harness.records.measurement import DECIDING_PROTOCOLS, Machine, Measurement
from harness.records.model import ScoringPlan
from harness.records.replay import PreparedReplay
from harness.records.trial import Trial, WarmUp
from harness.runs import folder as files
from harness.runs import store
from harness.runs.identity import code_hash, digest
from harness.units import human_seconds
from harness.workers.child import Channel, Child

OFFLINE, SINGLE = "offline", "single"
_POINTS = (OFFLINE, SINGLE)
_BATCHES_BYTES = 64 << 20  # batches that a child keeps in memory: enough that no cache holds all of them
_N_SINGLE = 1024
_START_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Started:
    """What a warm child says of itself once its session is there; `warm_ups` stand in the order of the operating points."""

    cold_start_s: float
    first_run_s: float
    threads: int
    crosscheck_rows: int
    crosscheck_max_difference: float
    warm_ups: tuple[WarmUp, ...]


class Timed:
    """One variant in the speed phase: its warm child and what that has answered; a broken child is asked no more."""

    def __init__(self, member: Member, conf: SweepConf, prepared: PreparedReplay) -> None:
        self.member, self.conf, self.trials = member, conf, list[Trial]()
        self.started: Started | None = None
        self.broken: str | None = None
        work = (member.plan, prepared.folder, member.folder, conf.measure, conf.seed)
        self.child = Child(serve_trials, work, member.folder / store.LOG)

    def start(self) -> None:
        """Wait until the child is warm."""
        self.started = self._ask(("start",), _START_TIMEOUT_S + len(_POINTS) * self.conf.measure.warmup_at_most_s)

    def run(self, point: str) -> None:
        """Run one trial of one operating point."""
        timeout_s = self.conf.timeout_s + self.conf.measure.trial_s
        if self.broken is None and (trial := self._ask(("trial", point), timeout_s)):
            self.trials.append(trial)

    def measurement(self, machine: Machine, identity: str) -> Measurement:
        """Return what the trials say, or why there is nothing."""
        label, measure, started = self.member.conf.label, self.conf.measure, self.started
        if self.broken is not None or started is None:
            return not_measured(label, recorded_name(measure), f"its speed child failed: {self.broken}")
        doubts = (why_unsteady(point, warm, measure) for point, warm in zip(_POINTS, started.warm_ups, strict=True))
        return summarise(
            label,
            self.trials,
            measure,
            machine,
            device=self.member.plan.device,
            threads=started.threads,
            cold_start_s=started.cold_start_s,
            first_run_s=started.first_run_s,
            confidence=self.conf.confidence,
            crosscheck_rows=started.crosscheck_rows,
            crosscheck_max_difference=started.crosscheck_max_difference,
            no_steady_state="; ".join(doubt for doubt in doubts if doubt) or None,
            set_identity=identity,
        )

    def _ask(self, request: tuple[str, ...], timeout_s: float) -> Any:
        outcome = self.child.ask(request, timeout_s)
        if outcome.status != "ok":
            self.broken = str(outcome.reason)
        return outcome.value


def set_identity(members: Sequence[Member], conf: SweepConf, machine: str) -> str:
    """Hash what the speed phase depends on: the set of variants, the protocol, the machine, and the code that measures."""
    code = code_hash(sources("meters", "inference", "pipeline/speed.py"))
    return digest([sorted(m.identity.scores for m in members), repr(conf.measure), conf.seed, conf.confidence, machine, code])


def run_speed(members: Sequence[Member], conf: SweepConf, prepared: PreparedReplay, say: Callable[[str], None]) -> None:
    """Time every variant that was scored, unless this very set was timed already; writes `measurement.json` of each."""
    if conf.measure.protocol == "none":
        for member in members:
            if store.read_measurement(member.folder) is None:  # what was measured before stays where it is
                _write(member, not_measured(member.conf.label, "none", "measure=none"))
        return
    to_time = [m for m in members if m.plan.source == "onnx"]
    for member in members:
        if member.plan.source != "onnx":
            reason = "its score stands in the log, nothing was run"
            _write(member, not_measured(member.conf.label, recorded_name(conf.measure), reason))
    if not to_time:
        return
    machine = capture()
    identity = set_identity(to_time, conf, f"{machine.cpu_model}|{machine.n_cores}")
    if not conf.force and all(_timed_in(m, identity) for m in to_time):
        say("speed: this set of variants was timed on this machine already (force=true runs everything again)")
        return
    if short := shortfall(conf.measure):
        say(f"speed: shortened, so it decides nothing: {short}")
    say(f"speed: {len(to_time)} variants, {conf.measure.n_blocks} blocks, about {human_seconds(estimate_s(len(to_time), conf.measure))}")
    for member, measurement in zip(to_time, _measure(to_time, conf, prepared, identity, say), strict=True):
        _write(member, measurement)


def estimate_s(n_variants: int, conf: MeasureConf) -> float:
    """Return about how long the speed phase takes, in seconds: all blocks, and no longer a warm-up than a steady model needs."""
    warmup_s = conf.warmup_s + conf.steady_windows * (conf.steady_window_s or 0.0)
    return n_variants * (0.5 + len(_POINTS) * (warmup_s + conf.n_blocks * conf.trial_s))


def _write(member: Member, measurement: Measurement) -> None:
    files.write_json(member.folder / store.MEASUREMENT, measurement)


def _timed_in(member: Member, identity: str) -> bool:
    found = store.read_measurement(member.folder)
    if found is None or found.set_identity != identity:
        return False
    # A quick look decides nothing anyway; what gates could decide on is measured again until it is ok.
    return found.status == "ok" or found.protocol not in DECIDING_PROTOCOLS


def _measure(
    members: Sequence[Member], conf: SweepConf, prepared: PreparedReplay, identity: str, say: Callable[[str], None]
) -> list[Measurement]:
    timed: list[Timed] = []
    try:
        for member in members:
            timed.append(Timed(member, conf, prepared))
            timed[-1].start()
        _run_blocks(timed, conf, say)
    finally:
        for one in timed:
            one.child.close()
    machine = capture()
    return [one.measurement(machine, identity) for one in timed]


def _run_blocks(timed: Sequence[Timed], conf: SweepConf, say: Callable[[str], None]) -> None:
    """Run block after block, each with every variant once, until all are done or the rest can be spared."""
    by_label = {one.member.conf.label: one for one in timed}
    order = blocks(list(by_label), conf.measure.n_blocks, conf.seed)
    for n_done, block in enumerate(order, 1):
        with bar(f"speed, block {n_done} of {len(order)}", len(block)) as progress:
            for i, label in enumerate(block, 1):
                for point in _POINTS:
                    by_label[label].run(point)
                progress(i)
        working = [one.trials for one in timed if one.broken is None]
        if working and n_done < len(order) and may_stop(working, conf.measure, conf.confidence):
            say(f"speed: done after {n_done} of {len(order)} blocks: every interval is narrower than {conf.measure.early_stop_width:.0%}")
            return


def serve_trials(channel: Channel, plan: ScoringPlan, replay_folder: Path, variant_folder: Path, conf: MeasureConf, seed: int) -> None:
    """Keep one warm session and run the trials that the parent asks for; no Numba in this process."""
    from harness.inference.onnx_cpu import OnnxCpu
    from harness.replay.prepared import open_tensor

    channel.request()
    began = time.perf_counter()
    model = OnnxCpu(plan)
    cold_start_s = time.perf_counter() - began
    tensors = [open_tensor(replay_folder, planned.group) for planned in plan.inputs]
    batches = {OFFLINE: _batches(tensors, plan.fixed_batch or plan_batch(plan, conf), None), SINGLE: _batches(tensors, 1, _N_SINGLE)}
    began = time.perf_counter()
    model.run(batches[OFFLINE][0])
    first_run_s = time.perf_counter() - began
    n_rows, difference = crosscheck(model, plan, tensors, store.read_scores(variant_folder / store.SCORES), conf.crosscheck_share, seed)
    threads = model.session.get_session_options().intra_op_num_threads or _n_cores()
    warm_ups = tuple(warm_up_until_steady(_runner(model, batches[point]), len(batches[point]), conf) for point in _POINTS)
    channel.answer(Started(cold_start_s, first_run_s, threads, n_rows, difference, warm_ups))
    meter = cpu_energy_meter(is_vm=is_vm(capture()))
    while (request := channel.request()) is not None:
        point = request[1]
        run = _runner(model, batches[point])
        run(0)  # the other variants' trials have emptied the caches
        rows = len(batches[point][0][0])
        channel.answer(timed_trial(run, len(batches[point]), rows, conf.trial_s, point=point, meter=meter))


def plan_batch(plan: ScoringPlan, conf: MeasureConf) -> int:
    """Return the rows of an offline batch: those of the conf, unless the quality pass needed smaller ones."""
    return min(conf.offline_batch_rows, plan.batch_rows)


def _runner(model: Any, batches: Sequence[Sequence[NDArray[Any]]]) -> Callable[[int], None]:
    def run(i: int) -> None:
        model.run(batches[i])

    return run


def _batches(tensors: Sequence[NDArray[Any]], rows: int, at_most: int | None) -> list[list[NDArray[Any]]]:
    n_rows = len(tensors[0])
    rows = min(rows, n_rows)
    row_bytes = sum(t.shape[1] * (t.itemsize if t.dtype != object else 16) for t in tensors)
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


def _n_cores() -> int:
    return len(capture().affinity) or 1
