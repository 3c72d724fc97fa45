"""Cost, gain and net of one variant, per 1,000 predictions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.records.metric import Differences, MetricValues
from harness.records.tally import BinaryTally, Grid, PairedTally
from harness.records.task_tally import MulticlassTally, PairedMulticlassTally, PairedRegressionTally, RegressionTally


@dataclass(frozen=True)
class Traffic:
    """Arrivals of the judged rows as requests: what the cost from the log is computed from.

    Args:
        minute: int64 [n_minutes], minutes since the epoch (UTC), ascending, those that had any request.
        minute_requests: float64 [n_minutes], requests in each of them, scaled to requests_per_day.
        n_hours: hours from the first to the last arrival.
        arrivals_us: int64 [n_requests], microseconds since the epoch of every request, ascending, as logged; None where they were not kept.
        scale: minute_requests over what was logged.
    """

    minute: NDArray[np.int64]
    minute_requests: NDArray[np.float64]
    n_hours: float
    arrivals_us: NDArray[np.int64] | None = field(default=None, repr=False)
    scale: float = 1.0


@dataclass(frozen=True)
class SliceTraffic:
    """Requests of every slice in every hour, those that are not zero; what the cost of a slice is computed from.

    Args:
        hour: int64 [n], hours since the epoch (UTC).
        part_id: int32 [n], into `part_by` and `part_value`.
        requests: float64 [n], as logged.
        part_by: the slice's column or cross, "all", or "model_version" for what the log says had answered.
        part_value: its value.
    """

    hour: NDArray[np.int64]
    part_id: NDArray[np.int32]
    requests: NDArray[np.float64]
    part_by: tuple[str, ...]
    part_value: tuple[str, ...]


@dataclass(frozen=True)
class ReplicaHours:
    """A fleet, hour by hour.

    Args:
        hour: int64 [n_hours], hours since the epoch (UTC), every hour from the first to the last arrival.
        replicas: int64 [n_hours], that serve in it.
        paid_hours: float64 [n_hours], replica-hours that are paid for it, replicas that are still coming up included; the first and the last
            hour count by the minutes that the log covers.
        requests: float64 [n_hours], that arrive in it.
    """

    hour: NDArray[np.int64]
    replicas: NDArray[np.int64]
    paid_hours: NDArray[np.float64]
    requests: NDArray[np.float64]


@dataclass(frozen=True)
class CostRow:
    """Cost of one variant in `currency`; None with a reason where it was not measured.

    Args:
        cost_per_1k: the one from the log where it has timestamps, else at full use, with its interval.
        utilisation_share: rows scored over the rows that could have been scored.
        note: what makes the figure doubtful.
        price_per_hour: of one machine, times the variant's share of it.
        machine_h_per_1k: machine-hours of 1,000 predictions at `utilisation_source`; cost_per_1k is the product of these two and
            `power_per_1k` and `fee_per_1k`.
        batch_rows, threads: of the operating point that is priced.
        throughput_rows_per_s: of that point.
        slo_ms, p99_ms: the service level that the fleet holds, and the p99 of the replayed arrivals with it; None without one.
        fleet: None where there is no cost from the log.
    """

    variant: str
    currency: str | None
    cost_per_1k: float | None
    cost_per_1k_low: float | None
    cost_per_1k_high: float | None
    cost_per_1k_at_full: float | None
    cost_per_1k_from_log: float | None
    cost_per_1k_at_stated: float | None
    utilisation_share: float | None
    utilisation_source: str
    priced_as: str | None
    cost_per_month: float | None
    replicas_peak: int | None
    note: str | None
    reason: str | None
    price_per_hour: float | None = None
    machine_h_per_1k: float | None = None
    power_per_1k: float = 0.0
    fee_per_1k: float = 0.0
    batch_rows: int | None = None
    threads: int | None = None
    throughput_rows_per_s: float | None = None
    slo_ms: float | None = None
    p99_ms: float | None = None
    fleet: ReplicaHours | None = field(default=None, repr=False)
    warning: str | None = None  # of its price, when that is old
    idle_power_per_hour: float = 0.0  # of one machine that is up and does nothing; part of power_per_1k
    power_is_estimated: bool = False  # power_per_1k is from a rated power, which no gate and no Pareto front reads


@dataclass(frozen=True)
class ValueMoments:
    """Mean and centred second moments of several values of each row, by cell and by case.

    A case of task binary is a combination of label and decisions; regression has one case. With these, the mean and the variance of any
    weighted sum of the values follow, whatever the weights of each case are.

    Args:
        names: of the k values: columns of the log (binary); `over`, `under` and, with another model on the same rows, `over_difference`,
            `under_difference`, own less the other's (regression). A difference has moments of its own, since most of two errors cancels where
            models are nearly alike.
        n: int64 [n_cells, n_cases], rows.
        mean: float64 [n_cells, n_cases, k], 0 where n is 0.
        m2: float64 [n_cells, n_cases, k, k], sums of products of deviations from the mean.
        policy: the log's column that decided, or predicted, as the policy; None where no column did.
    """

    names: tuple[str, ...]
    n: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    policy: str | None = None


@dataclass(frozen=True)
class GainEvidence:
    """What a business rule reads of one variant; None where it was not kept.

    Args:
        tally: of its judged rows; cell 0 is all of them.
        paired: champion and variant on the same rows; None for the champion itself, or when there is none.
        moments: of its judged rows, cases [label, policy's decision, own decision].
        paired_moments: of the rows of the pair, cases [label, champion's decision, own decision].
        metrics, differences: values and paired differences of all cells.
        grid: what the cells are; a rule with values of its own for some slices needs it.
        unlabelled_moments: of the pair's rows that are old enough and have no label, cases [champion's decision, own decision].
    """

    variant: str
    is_champion: bool
    tally: BinaryTally | RegressionTally | MulticlassTally
    paired: PairedTally | PairedRegressionTally | PairedMulticlassTally | None
    moments: ValueMoments | None = None
    paired_moments: ValueMoments | None = None
    metrics: tuple[MetricValues, ...] = ()
    differences: tuple[Differences, ...] = ()
    grid: Grid | None = None
    unlabelled_moments: ValueMoments | None = None


@dataclass(frozen=True)
class GainRow:
    """Gain of one variant against a stated baseline policy, and its paired difference to the champion, per 1,000.

    Args:
        n_rows: rows that gain_per_1k is a mean over.
        vs_champion_n_rows: of the pair.
        assumption: what the figure takes for granted, printed beside it; None where it is a plain count of values.
        reason: why the gain is NaN; None else.
    """

    variant: str
    currency: str
    baseline: str
    gain_per_1k: float
    se_per_1k: float
    vs_champion_per_1k: float | None
    vs_champion_se_per_1k: float | None
    note: str
    n_rows: int = 0
    vs_champion_n_rows: int = 0
    assumption: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class BreakEven:
    """Where challenger and champion bring the same net; None with a reason where there is no such place.

    Args:
        price_per_hour: of the challenger's machine, everything else as it is.
        utilisation: share of use of both machines, at the price per hour of each.
        requests_per_day: at this traffic; `wins_above` says on which side the challenger brings more.
        reasons: (figure, why it is None).
        utilisation_wins_above: on which side of `utilisation` the challenger brings more; None without one.
        n_volume_crossings: sign changes of the net over the volumes that were tried; a fleet grows by whole replicas, so there may be
            several, and `requests_per_day` is the one nearest to the current traffic.
    """

    variant: str
    champion: str
    currency: str
    price_per_hour: float | None
    utilisation: float | None
    requests_per_day: float | None
    wins_above: bool | None
    reasons: tuple[tuple[str, str], ...] = ()
    utilisation_wins_above: bool | None = None
    n_volume_crossings: int = 0


@dataclass(frozen=True)
class SensitivityRange:
    """One stretch of a parameter over which the same variant brings the most.

    Args:
        parameter: price | requests_per_day | value:NAME.
        unit: of its bounds.
        low, high: bounds of the stretch; the outer ones are those of the search.
        current: the parameter's value in this comparison.
        best: the variant with the highest net there.
        net_low, net_high: its net per 1,000 at the bounds.
    """

    parameter: str
    unit: str
    low: float
    high: float
    current: float
    best: str
    net_low: float
    net_high: float


@dataclass(frozen=True)
class PartMoney:
    """Gain, cost and net of one variant on one slice, or on the requests that one version of the live model answered.

    Args:
        n_rows: judged rows; None for a version of the live model.
        n_requests: of the log, not scaled.
        cost_per_1k: a request's share of the replicas of its own hour; None where there is no cost from the log.
    """

    variant: str
    slice_by: str
    slice_value: str
    n_rows: int | None
    n_requests: float | None
    cost_per_1k: float | None
    cost_per_month: float | None
    gain_per_1k: float | None
    gain_ci_low: float | None
    gain_ci_high: float | None
    net_per_1k: float | None
    currency: str | None
