"""The speed phase: one warm child per variant, exactly one running at a time, in seeded blocks."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

from harness.errors import ConfigError
from harness.meters.cards import visible_uuids
from harness.meters.early_stop import may_stop
from harness.meters.energy import EnergyMeter, NoEnergyMeter, idle_power_w
from harness.meters.machine import capture, is_vm
from harness.meters.meter_for import meter_for
from harness.meters.not_measured import not_measured
from harness.meters.protocol import recorded_name, shortfall
from harness.meters.rate_search import MAX_TRIALS
from harness.meters.schedule import blocks
from harness.meters.schedules import log_schedule
from harness.pipeline.environment import sources
from harness.pipeline.progress import bar
from harness.pipeline.quality import Member
from harness.pipeline.speed_child import operating_points
from harness.pipeline.timed_variant import Timed, rate_search_requests, request_rows
from harness.records.conf import MeasureConf, SweepConf
from harness.records.load import Schedule
from harness.records.measurement import DECIDING_PROTOCOLS, Machine, Measurement
from harness.records.model import ScoringPlan
from harness.records.replay import JUDGED, PreparedReplay
from harness.runs import folder as files
from harness.runs import store
from harness.runs.identity import code_hash, digest
from harness.units import human_seconds

_CARD_TURN_S = 10.0  # NVML's counter steps every 10 to 100 ms, and a card that rested clocks down: its turns are longer
_IDLE_S = 2.0  # of idle power before the first and after the last trial
_MANY = 1 << 40  # rows, where it does not matter how many there are
_HALF_LOAD = 0.5  # of a variant's own rate of single requests: where no rate of Poisson arrivals is given


def check_measure(conf: SweepConf) -> None:
    """Refuse what the speed phase could not do.

    Raises
    ------
    ConfigError
        When arrivals of a log without timestamps are asked for, or LoadGen where it is not installed or cannot do it.
    """
    measure = conf.measure
    if measure.arrivals == "log" and conf.replay.timestamp is None:
        raise ConfigError("measure.arrivals: found log, and the log has no time column; set replay.timestamp, or use arrivals=poisson")
    if measure.generator == "loadgen" and measure.arrivals == "log":
        raise ConfigError(
            "measure.generator: found loadgen, which sends Poisson arrivals only; use measure.arrivals=poisson, or generator=harness"
        )
    if measure.generator == "loadgen" and find_spec("mlperf_loadgen") is None:
        raise ConfigError("measure.generator: found loadgen, and it is not installed; run: pip install 'replay-harness[loadgen]'")


def set_identity(members: Sequence[Member], conf: SweepConf, machine: str) -> str:
    """Hash what the speed phase depends on: the set of variants, the protocol, the machine, and the code that measures."""
    code = code_hash(sources("meters", "inference", "pipeline/speed.py", "pipeline/speed_child.py", "pipeline/timed_variant.py"))
    scores = sorted(m.identity.scores for m in members)
    return digest([scores, repr(conf.measure), request_rows(conf), conf.seed, conf.confidence, machine, code])


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
    identity = set_identity(to_time, conf, _hardware(machine))
    if not conf.force and all(_timed_in(m, identity) for m in to_time):
        say("speed: this set of variants was timed on this machine already (force=true runs everything again)")
        return
    if short := shortfall(conf.measure):
        say(f"speed: shortened, so it decides nothing: {short}")
    seconds = estimate_s([m.plan for m in to_time], conf)
    say(f"speed: {len(to_time)} variants, {conf.measure.n_blocks} blocks, about {human_seconds(seconds)}{rate_search_text(conf)}")
    for member, measurement in zip(to_time, _measure(to_time, conf, prepared, identity, say), strict=True):
        _write(member, measurement)


def _hardware(machine: Machine) -> str:
    cards = visible_uuids()[:1]  # the one that is timed: another one wants times of its own
    return f"{machine.cpu_model}|{machine.n_cores}|{machine.affinity}|{machine.governor}|{cards}|{machine.driver}"


def estimate_s(plans: Sequence[ScoringPlan], conf: SweepConf) -> float:
    """Return about how long the speed phase takes, in seconds: all blocks, and no longer a warm-up than a steady model needs."""
    measure = conf.measure
    if measure.protocol == "none":
        return 0.0
    warmup_s = measure.warmup_s + measure.steady_windows * (measure.steady_window_s or 0.0)
    n_points = sum(len(operating_points(plan, measure, request_rows(conf), _MANY)) for plan in plans)
    n_loads = len(plans) * (measure.arrivals != "none")
    return 0.5 * len(plans) + n_points * warmup_s + (n_points + n_loads) * measure.n_blocks * measure.trial_s


def rate_search_text(conf: SweepConf) -> str:
    """Say what a rate search adds to the estimate: how long its trials take hangs on rates that are not known before."""
    measure = conf.measure
    if measure.protocol == "none" or measure.slo_ms is None:
        return ""
    return f", and of each model up to {MAX_TRIALS} trials of {rate_search_requests(measure):,} requests for measure.slo_ms"


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
    a_vm = is_vm(capture())
    meters = {device: meter_for(device, conf.measure, machine_is_vm=a_vm) for device in {m.plan.device for m in members}}
    timed: list[Timed] = []
    idle: list[dict[str, float | None]] = []
    try:
        for member in members:
            timed.append(Timed(member, conf, prepared))
            timed[-1].start()
        idle.append({device: _idle_w(meter) for device, meter in meters.items()})
        _run_blocks(timed, conf, prepared, say)
        idle.append({device: _idle_w(meter) for device, meter in meters.items()})
        _search_rates(timed, conf, say)
    finally:
        for one in timed:
            one.child.close()
    machine = capture()
    return [one.measurement(machine, identity, _mean_w(idle, one.member.plan.device)) for one in timed]


def _mean_w(idle: Sequence[dict[str, float | None]], device: str) -> float | None:
    read = [watts for found in idle if (watts := found[device]) is not None]
    return sum(read) / len(read) if read else None


def _idle_w(meter: EnergyMeter) -> float | None:
    """Return the power with every session loaded and none running; None, at once, where nothing can be read."""
    return None if isinstance(meter, NoEnergyMeter) else idle_power_w(meter, _IDLE_S)


def _run_blocks(timed: Sequence[Timed], conf: SweepConf, prepared: PreparedReplay, say: Callable[[str], None]) -> None:
    """Run block after block, each with every variant once, until all are done or the rest can be spared."""
    by_label = {one.member.conf.label: one for one in timed}
    measure = conf.measure
    n_turns = turns_of(measure, on_card=any(one.member.plan.device == "cuda" for one in timed))
    order = blocks(list(by_label), measure.n_blocks * n_turns, conf.seed)
    logged = _logged_arrivals(conf, prepared)
    for number in range(measure.n_blocks):
        n_done = number + 1
        with bar(f"speed, block {n_done} of {measure.n_blocks}", n_turns) as progress:
            for turn, labels in enumerate(order[number * n_turns : n_done * n_turns], 1):
                for label in labels:
                    for point in range(len(by_label[label].points)):
                        by_label[label].run(point, number, measure.trial_s / n_turns)
                progress(turn)
        for one in timed:
            one.end_block()
            _run_arrivals(one, measure, logged, number, conf.seed)
        working = [one.trials for one in timed if one.broken is None]
        if working and n_done < measure.n_blocks and may_stop(working, measure, conf.confidence):
            say(f"speed: done after {n_done} of {measure.n_blocks} blocks: every interval is narrower than {measure.early_stop_width:.0%}")
            return


def turns_of(conf: MeasureConf, *, on_card: bool = False) -> int:
    """Return how many turns of `turn_s` a trial is cut into: at least one; turns on a card are ten seconds and longer."""
    if conf.turn_s is None:
        return 1
    return max(1, round(conf.trial_s / (max(conf.turn_s, _CARD_TURN_S) if on_card else conf.turn_s)))


def _logged_arrivals(conf: SweepConf, prepared: PreparedReplay) -> Schedule | None:
    if conf.measure.arrivals != "log" or prepared.timestamps_us is None:
        return None
    judged = np.sort(prepared.timestamps_us[(prepared.roles & JUDGED) > 0])
    return log_schedule(judged[:: request_rows(conf)], conf.measure.speed_up, conf.measure.trial_s)


def _run_arrivals(one: Timed, conf: MeasureConf, logged: Schedule | None, block: int, seed: int) -> None:
    """Run the open-loop trial of one block, where one is asked for."""
    if conf.arrivals == "none":
        return
    own = one.single_rate_per_s()
    rate = conf.rate_per_s or (None if own is None else _HALF_LOAD * own)
    own_seed = zlib.crc32(f"{seed} {block}".encode())
    if logged is None and rate is None:
        return
    arrivals = logged if logged is not None else one.arrivals(rate or 0.0, max(1, round((rate or 0.0) * conf.trial_s)), own_seed)
    trial = one.run_load(arrivals, conf.trial_s, own_seed)
    if trial is not None:
        one.loads.append(trial)


def _search_rates(timed: Sequence[Timed], conf: SweepConf, say: Callable[[str], None]) -> None:
    """Find the highest rate that holds the service level, variant after variant, where one is given."""
    slo_ms = conf.measure.slo_ms
    if slo_ms is None:
        return
    for one in timed:
        one.rate_limit = found = one.search_rate(slo_ms)
        if found is not None:
            said = f"holds it up to {found.rate_per_s:,.0f} requests/s" if found.rate_per_s is not None else str(found.reason)
            say(f"speed: {one.member.conf.label}: p99 <= {slo_ms:g} ms: {said}")
