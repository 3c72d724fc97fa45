"""One row per variant: the table that a person compares variants by."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import BreakEven, CostRow, GainRow, PartMoney, SensitivityRange
from harness.records.over_time import PeriodValue, RetrainReading
from harness.records.slice_search import WorstSlicesNote
from harness.records.trial import SpeedRatio


@dataclass(frozen=True)
class MetricSummary:
    """One metric over all rows, with its interval and its paired difference to the champion (None: no champion)."""

    metric: str
    value: float
    ci_low: float
    ci_high: float
    vs_champion: float | None
    vs_champion_ci_low: float | None
    vs_champion_ci_high: float | None


@dataclass(frozen=True)
class ComparisonRow:
    """One variant of `comparison.csv`; None where something was not measured."""

    variant: str
    status: str
    reason: str | None
    precision: str
    device: str
    n_rows: int | None
    metrics: tuple[MetricSummary, ...]
    worst_slice: str | None
    worst_slice_metric: float | None
    worst_slice_vs_champion: float | None
    measurement: Measurement | None
    cost: CostRow | None
    gain: GainRow | None
    net_per_1k: float | None
    net_per_1k_ci_low: float | None
    net_per_1k_ci_high: float | None
    currency: str | None
    pareto: bool | None
    verdict: str
    operating_point: OperatingPoint | None = None  # the one that is priced; None: nothing was priced
    net_vs_champion: float | None = None  # paired; None for the champion, or where either net is not known
    speed_ratio: SpeedRatio | None = None  # of the champion's throughput; None for the champion, or when not both were measured

    def metric(self, name: str) -> MetricSummary | None:
        """Return the summary of one metric, or None when it was not computed."""
        return next((m for m in self.metrics if m.metric == name), None)


@dataclass(frozen=True)
class LossChange:
    """How a variant's mean loss changed from the reference to the judged rows: three parts that add up to `change`.

    `residual_drifted` is None where the residual has no test.
    """

    variant: str
    loss: str
    change: float
    covariate: float
    outside_support: float
    residual: float
    residual_drifted: bool | None


@dataclass(frozen=True)
class RowAccount:
    """How many rows of the log were judged, and why the others were not."""

    n_log: int
    n_judged: int
    left_out: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Comparison:
    """The whole comparison of a sweep, ready to be shown or written."""

    name: str
    champion: str | None
    account: RowAccount
    parity: str
    training_note: str
    rows: tuple[ComparisonRow, ...]
    headline_metrics: tuple[str, ...]
    notes: tuple[str, ...]
    next_command: str
    over_time: tuple[PeriodValue, ...] = ()  # the first headline metric over all rows
    retrain: tuple[RetrainReading, ...] = ()
    worst_slices: tuple[WorstSlicesNote, ...] = ()
    data_lines: tuple[str, ...] = ()  # contract and drift of the log
    loss_changes: tuple[LossChange, ...] = ()  # by the first loss of the task, one curve for all rows
    break_even: tuple[BreakEven, ...] = ()  # one per challenger
    sensitivity: tuple[SensitivityRange, ...] = ()  # stretches of one parameter one after the other
    parts: tuple[PartMoney, ...] = ()
    sort: str | None = None  # what rows were put in order by, "net_per_1k, highest first"; None: the order of the sweep
