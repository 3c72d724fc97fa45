"""From the trials of one variant to its measurement: the figures of every operating point, and what makes them doubtful."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.meters import validity
from harness.meters.energy_summary import PointEnergy, energy_of
from harness.meters.machine import one_line
from harness.meters.point import PointKey, by_point, is_usable, label_of, operating_point
from harness.meters.protocol import recorded_name, shortfall
from harness.records.conf import MeasureConf
from harness.records.load import LoadPoint, RateLimit
from harness.records.measurement import Machine, Measurement, OperatingPoint, ProviderCheck
from harness.records.trial import Trial


@dataclass(frozen=True)
class _Judged:
    """One operating point with its faults and doubts; `point` is None when no trial can be used."""

    label: str
    point: OperatingPoint | None
    energy: PointEnergy
    faults: tuple[str | None, ...]
    doubts: tuple[str | None, ...]


def summarise(
    variant: str,
    trials: Sequence[Trial],
    conf: MeasureConf,
    machine: Machine,
    *,
    device: str = "cpu",
    threads: int | None = None,
    cold_start_s: float | None = None,
    first_run_s: float | None = None,
    confidence: float = 0.95,
    crosscheck_rows: int = 0,
    crosscheck_max_difference: float | None = None,
    crosscheck_tolerance: float = 1e-4,
    no_steady_state: str | None = None,
    invalid: str | None = None,
    set_identity: str | None = None,
    idle_w: float | None = None,
    provider: ProviderCheck | None = None,
    allow_cpu_nodes: bool = False,
    loads: Sequence[LoadPoint] = (),
    rate_limit: RateLimit | None = None,
    n_discarded: int = 0,
    throttled_out: str | None = None,
    remarks: Sequence[str] = (),
) -> Measurement:
    """Say how fast one variant is and what energy it takes, how sure that is, and whether the figures may be used.

    Parameters
    ----------
    variant : str
        Full name.
    trials : sequence of Trial
        Of all operating points, in the order of their blocks, one per point and block; those that were run again are not among them.
        A point is a name, a batch size and a thread count. Trials whose clock ran backwards or stood still are left out.
    conf : MeasureConf
        Its protocol is recorded: as `standard (shortened)` when it falls short of its definition.
    machine : Machine
        What it ran on.
    crosscheck_max_difference : float, optional
        Largest absolute difference between the speed phase's scores and the kept ones, over `crosscheck_rows` rows.
        Above `crosscheck_tolerance`, or NaN, the variant is invalid: a wrong answer fast is no result.
    crosscheck_tolerance : float
        In the unit of the score. The same batches on the same machine give the same scores, also from int8 graphs; trees
        summed by another number of threads differ by 2e-7. 1e-4 is far above rounding, and far below what an int8 graph
        gives in other batches (0.04 was seen) or another model does.
    no_steady_state : str, optional
        Why speed was not steady when the trials began: *invalid* in protocol long, else *noisy*.
    invalid : str, optional
        A reason that the caller found, which makes the measurement invalid.
    idle_w : float, optional
        Power with nothing running, mean of before and after all trials.
    provider : ProviderCheck, optional
        Where the nodes of the graph ran.
    allow_cpu_nodes : bool
        Whether a part of the graph may run elsewhere on device cuda; else that is *invalid*.
    loads, rate_limit
        What open-loop trials left; they carry a status of their own.
    n_discarded : int
        Trials that were throttled and run again.
    throttled_out : str, optional
        Why a trial was given up after it had been run again too often.
    remarks : sequence of str
        Of the caller, before those found here.

    Returns
    -------
    Measurement
        Each point is judged alone, then the variant: *invalid* by the first fault of `harness.meters.validity`, else *noisy* with all
        doubts, else *ok*. Figures stand beside every status. Energy is that of the fastest offline point.
    """
    trials_of = by_point(trials)
    labels = {key: label_of(key, trials_of) for key in trials_of}
    judged = [_judge(key, labels[key], own, confidence, idle_w) for key, own in trials_of.items()]
    points = tuple(one.point for one in judged if one.point is not None)
    unsteady = f"no_steady_state: {no_steady_state}" if no_steady_state else None
    elsewhere = validity.nodes_elsewhere(provider)
    forbidden = device.startswith("cuda") and not allow_cpu_nodes
    status, reason = validity.status_of(
        (
            invalid,
            validity.fell_back(provider),
            validity.wrong_scores(crosscheck_max_difference, crosscheck_tolerance),
            f"throttled: {throttled_out}" if throttled_out else None,
            elsewhere if forbidden else None,
            validity.too_few(labels, trials_of),
            *(fault for one in judged for fault in one.faults),
            unsteady if conf.protocol == "long" else None,
        ),
        (_shortened(conf), unsteady, *(doubt for one in judged for doubt in one.doubts), validity.left_out(trials)),
    )
    energy, energy_remarks = _energy(judged)
    found = (
        None if forbidden else elsewhere,
        *validity.latency_jumps(points),
        *energy_remarks,
        f"{n_discarded} throttled trial(s) were thrown away and run again" if n_discarded else None,
    )
    return Measurement(
        variant=variant,
        protocol=recorded_name(conf),
        status=status,
        reason=reason,
        device=device,
        measured_on=one_line(machine, device),
        threads=threads,
        cold_start_s=cold_start_s,
        first_run_s=first_run_s,
        points=points,
        energy_j_per_1k=energy.j_per_1k,
        energy_source=energy.source,
        energy_reason=energy.reason,
        crosscheck_rows=crosscheck_rows,
        crosscheck_max_difference=crosscheck_max_difference,
        set_identity=set_identity,
        idle_w=idle_w,
        provider=provider,
        loads=tuple(loads),
        rate_limit=rate_limit,
        n_discarded=n_discarded,
        remarks=(*remarks, *(remark for remark in found if remark)),
    )


def _judge(key: PointKey, label: str, trials: Sequence[Trial], confidence: float, idle_w: float | None) -> _Judged:
    usable = [t for t in trials if is_usable(t)]
    energy = energy_of(usable, idle_w)
    point = operating_point(key, trials, energy, confidence)
    fault, doubt = validity.sensors_disagree(label, usable)
    faults = (validity.throttled_trials(label, usable), fault)
    doubts = (doubt, validity.variation(label, point) if point else None, validity.loaded_by_others(label, usable))
    if point is not None:
        few = validity.too_few({key: label}, {key: trials})
        status, reason = validity.status_of((few, *faults), (*doubts, validity.left_out(trials)))
        point = replace(point, status=status, reason=reason)
    return _Judged(label, point, energy, faults, doubts)


def _shortened(conf: MeasureConf) -> str | None:
    short = shortfall(conf)
    return f"shortened: {short}" if short else None


def _energy(judged: Sequence[_Judged]) -> tuple[PointEnergy, tuple[str, ...]]:
    """Return the energy of the fastest offline point, and what else a reader of energies has to know."""
    offline = [(one.point.throughput_rows_per_s, one.energy) for one in judged if one.point is not None and one.point.name == "offline"]
    none = PointEnergy((), None, None, "unavailable", "no offline trial can be used")
    energy = max(offline, key=lambda pair: pair[0])[1] if offline else none
    remarks = []
    for one in judged:
        if one.energy.reason not in (None, energy.reason):
            remarks.append(f"{one.label}: energy is unavailable ({one.energy.reason})")
        if one.energy.active_j_per_1k is not None and one.energy.active_j_per_1k < 0:
            remarks.append(f"{one.label}: the active part of the energy is below zero, so it is smaller than the noise of the idle power")
    return energy, tuple(remarks)
