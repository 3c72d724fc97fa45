"""The speed phase: one warm child per variant, exactly one running at a time, in seeded blocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.meters.energy import cpu_energy_meter
from harness.meters.machine import capture, is_vm
from harness.meters.not_measured import not_measured
from harness.meters.schedule import blocks
from harness.meters.summary import summarise
from harness.meters.trial import timed_trial, warm_up
from harness.pipeline.quality import Member
from harness.records.conf import MeasureConf, SweepConf
from harness.records.measurement import Measurement
from harness.records.model import ScoringPlan
from harness.records.replay import PreparedReplay
from harness.records.trial import Trial
from harness.runs import folder as files
from harness.runs import store
from harness.runs.identity import digest
from harness.workers.child import Channel, Child

OFFLINE, SINGLE = "offline", "single"
_BATCHES_BYTES = 64 << 20  # batches that a child keeps in memory: enough that no cache holds all of them
_N_SINGLE = 1024
_CROSSCHECK_TOLERANCE = {"int8": 0.1}  # int8 outputs of a row can change with its batch
_START_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Started:
    """What a warm child says of itself once its session is there."""

    cold_start_s: float
    first_run_s: float
    threads: int
    crosscheck_rows: int
    crosscheck_max_difference: float


def set_identity(members: Sequence[Member], conf: MeasureConf, machine: str) -> str:
    """Hash what the speed phase depends on: the set of variants, the protocol, the machine."""
    return digest([sorted(m.identity.scores for m in members), repr(conf), machine])


def run_speed(members: Sequence[Member], conf: SweepConf, prepared: PreparedReplay, say: Callable[[str], None]) -> None:
    """Time every variant that was scored, unless this very set was timed already; writes `measurement.json` of each."""
    timed = [m for m in members if m.plan.source == "onnx"]
    for member in members:
        if conf.measure.protocol == "none":
            _write(member, not_measured(member.conf.label, "none", "measure=none"))
        elif member.plan.source != "onnx":
            _write(member, not_measured(member.conf.label, conf.measure.protocol, "its score stands in the log, nothing was run"))
    if conf.measure.protocol == "none" or not timed:
        return
    machine = capture()
    identity = set_identity(timed, conf.measure, f"{machine.cpu_model}|{machine.n_cores}")
    if not conf.force and all(_timed_in(m, identity) for m in timed):
        say("speed: this set of variants was timed on this machine already")
        return
    say(f"speed: {len(timed)} variants, {conf.measure.n_blocks} blocks, about {estimate_s(len(timed), conf.measure):.0f} s")
    children: dict[str, Child] = {}
    try:
        measured = _measure(timed, conf, prepared, children, identity)
    finally:
        for child in children.values():
            child.close()
    for member, measurement in zip(timed, measured, strict=True):
        _write(member, measurement)


def estimate_s(n_variants: int, conf: MeasureConf) -> float:
    """Return about how long the speed phase takes, in seconds."""
    return n_variants * (0.5 + 2 * conf.warmup_s + 2 * conf.n_blocks * conf.trial_s)


def _write(member: Member, measurement: Measurement) -> None:
    files.write_json(member.folder / store.MEASUREMENT, measurement)


def _timed_in(member: Member, identity: str) -> bool:
    found = store.read_measurement(member.folder)
    return found is not None and found.set_identity == identity


def _measure(
    timed: Sequence[Member], conf: SweepConf, prepared: PreparedReplay, children: dict[str, Child], identity: str
) -> list[Measurement]:
    by_name = {m.conf.label: m for m in timed}
    started: dict[str, Started] = {}
    trials: dict[str, list[Trial]] = {name: [] for name in by_name}
    broken: dict[str, str] = {}
    for name, member in by_name.items():
        children[name] = Child(
            serve_trials, (member.plan, prepared.folder, member.folder, conf.measure, conf.seed), member.folder / store.LOG
        )
        outcome = children[name].ask(("start",), _START_TIMEOUT_S)
        if outcome.status == "ok":
            started[name] = outcome.value
        else:
            broken[name] = str(outcome.reason)
    for block in blocks(list(by_name), conf.measure.n_blocks, conf.seed):
        for name in block:
            for point in (OFFLINE, SINGLE):
                if name in broken:
                    continue
                outcome = children[name].ask(("trial", point), conf.timeout_s + conf.measure.trial_s)
                if outcome.status == "ok":
                    trials[name].append(outcome.value)
                else:
                    broken[name] = str(outcome.reason)
    machine = capture()
    found = []
    for name, member in by_name.items():
        if name in broken:
            found.append(not_measured(name, conf.measure.protocol, f"its speed child failed: {broken[name]}"))
            continue
        s = started[name]
        found.append(
            summarise(
                name,
                trials[name],
                conf.measure,
                machine,
                device=member.plan.device,
                threads=s.threads,
                cold_start_s=s.cold_start_s,
                first_run_s=s.first_run_s,
                confidence=conf.confidence,
                crosscheck_rows=s.crosscheck_rows,
                crosscheck_max_difference=s.crosscheck_max_difference,
                crosscheck_tolerance=_CROSSCHECK_TOLERANCE.get(member.conf.precision, 1e-4),
                set_identity=identity,
            )
        )
    return found


def serve_trials(channel: Channel, plan: ScoringPlan, replay_folder: Path, variant_folder: Path, conf: MeasureConf, seed: int) -> None:
    """Keep one warm session and run the trials that the parent asks for; no Numba in this process."""
    from harness.inference.onnx_cpu import OnnxCpu
    from harness.replay.prepared import open_tensor

    channel.request()
    began = time.perf_counter()
    model = OnnxCpu(plan)
    cold_start_s = time.perf_counter() - began
    tensors = [open_tensor(replay_folder, planned.group) for planned in plan.inputs]
    batches = {
        OFFLINE: _batches(tensors, plan.fixed_batch or plan_batch(plan, conf), None),
        SINGLE: _batches(tensors, 1, _N_SINGLE),
    }
    began = time.perf_counter()
    model.run(batches[OFFLINE][0])
    first_run_s = time.perf_counter() - began
    n_rows, difference = _crosscheck(model, plan, tensors, store.read_scores(variant_folder / store.SCORES), conf.crosscheck_share, seed)
    threads = model.session.get_session_options().intra_op_num_threads or _n_cores()
    for point in (OFFLINE, SINGLE):
        warm_up(_runner(model, batches[point]), len(batches[point]), conf.warmup_s)
    channel.answer(Started(cold_start_s, first_run_s, threads, n_rows, difference))
    meter = cpu_energy_meter(is_vm=is_vm(capture()))
    while (request := channel.request()) is not None:
        point = request[1]
        run = _runner(model, batches[point])
        run(0)  # the other variants' trials have emptied the caches
        rows = len(batches[point][0][0])
        channel.answer(timed_trial(run, len(batches[point]), rows, conf.trial_s, point=point, meter=meter))


def plan_batch(plan: ScoringPlan, conf: MeasureConf) -> int:
    """Return the rows of an offline batch: the protocol's, unless the quality pass needed smaller ones."""
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


def _crosscheck(
    model: Any, plan: ScoringPlan, tensors: Sequence[NDArray[Any]], kept: NDArray[np.float32], share: float, seed: int
) -> tuple[int, float]:
    """Compare a seeded share of the quality pass's batches, run again here, with the kept scores."""
    n_batches = -(-len(kept) // plan.batch_rows)
    n_chosen = min(n_batches, max(1, round(share * n_batches)))
    chosen = np.random.default_rng(seed).choice(n_batches, n_chosen, replace=False)
    n_rows, worst = 0, 0.0
    for batch in chosen:
        rows = slice(int(batch) * plan.batch_rows, min((int(batch) + 1) * plan.batch_rows, len(kept)))
        again = model.score([t[rows] for t in tensors])
        n_rows += len(again)
        worst = max(worst, float(np.abs(again - kept[rows]).max()))
    return n_rows, worst


def _n_cores() -> int:
    return len(capture().affinity) or 1
