"""The configuration after it was composed and checked: what the fixed conf groups hold, typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from harness.records.over_time import RetrainRule


@dataclass(frozen=True)
class SliceColumn:
    """A column to slice by; numeric ones are cut at `edges` into [a, b) bands, open at both ends."""

    column: str
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class Period:
    """A stretch of the log, `since` <= timestamp < `until`, in UTC; None is open. With `path`, the rows of another log instead."""

    since: datetime | None = None
    until: datetime | None = None
    path: str | None = None


@dataclass(frozen=True)
class Filter:
    """Rows are kept when `column` holds one of `values`."""

    column: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Production:
    """Columns in which the log holds what the live model did; None where it was not logged."""

    version: str | None = None
    score: str | None = None
    latency_ms: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class LabelMaturity:
    """Rows younger than `age_s` at `as_of` (the log's last timestamp when None) are not judged."""

    age_s: float = 0.0
    as_of: datetime | None = None
    stated: bool = False


@dataclass(frozen=True)
class LabelSource:
    """Labels that arrive in another file: its rows are joined by `on`; `observed_at` says when a label became known."""

    path: str
    on: tuple[str, ...]
    column: str
    observed_at: str | None = None


@dataclass(frozen=True)
class ReplayConf:
    """`conf/replay/NAME.yaml`; key by key as in the README. `classes` orders the labels of multiclass as the model's outputs are."""

    name: str
    path: str
    task: str
    label: str | None
    positive: Any
    features: tuple[str, ...]
    timestamp: str | None
    slice_columns: tuple[SliceColumn, ...]
    crosses: tuple[tuple[str, ...], ...]
    windows: str | None
    window_rows: int | None
    where: tuple[Filter, ...]
    nan: str
    id: str | None
    rows_per_request: float
    production: Production
    training: Period | None
    reference: Period | None
    tuning: Period | None
    label_maturity: LabelMaturity
    limit: int | None
    max_slices: int
    weight: str | None = None
    cluster: str | None = None
    labels: LabelSource | None = None
    classes: tuple[Any, ...] = ()
    contract: str | None = None


@dataclass(frozen=True)
class ModelInput:
    """Which columns go into one input of a model, in this order; dtype None takes the graph's."""

    name: str
    columns: tuple[str, ...]
    dtype: str | None = None


@dataclass(frozen=True)
class Threshold:
    """A decision threshold: a number, or a rule that finds one on rows that are not judged.

    Exactly one of `value`, `maximise` ("gain"), `selection_rate`, `match` ("champion") is set.
    """

    value: float | None = None
    maximise: str | None = None
    selection_rate: float | None = None
    match: str | None = None


@dataclass(frozen=True)
class Deploy:
    """Where a variant would run; None takes the sweep's.

    Args:
        provider: cuda | tensorrt, on a card; None: cuda.
        cuda_graph: batches of one shape are captured once and replayed on the card.
        allow_cpu_nodes: nodes without a CUDA kernel run on the CPU, with their share shown, instead of being refused.
    """

    device: str | None = None
    sku: str | None = None
    share: float = 1.0
    threads: int | None = None
    batch_rows: int | None = None
    provider: str | None = None
    cuda_graph: bool = False
    allow_cpu_nodes: bool = False


@dataclass(frozen=True)
class VariantConf:
    """`conf/model/NAME.yaml` with the swept overrides; `label` is the full name, `mlp[precision=int8]`."""

    label: str
    name: str
    source: str
    path: str | None
    column: str | None
    precision: str
    output: str | None
    transform: str
    inputs: tuple[ModelInput, ...]
    features: tuple[str, ...] | None
    threshold: Threshold
    trained_until: datetime | None
    deploy: Deploy
    device: str
    owner: str | None = None
    use_case: str | None = None
    kpi: str | None = None
    fallback: str | None = None


@dataclass(frozen=True)
class MeasureConf:
    """`conf/measure/NAME.yaml`: how the speed phase is run; protocol `none` leaves it out.

    Args:
        protocol: none | quick | standard | long.
        warmup_s: seconds of warm-up at least, of each operating point.
        steady_window_s: after that, windows of this length are timed until they agree; None does not wait for that.
        steady_windows: how many successive windows have to agree.
        steady_within: the fastest of them may be faster than the slowest by this share.
        warmup_at_most_s: the wait for a steady state ends here.
        n_blocks: blocks at most, each with every variant once.
        trial_s: of each operating point.
        turn_s: a trial is cut into turns of about this length, and the variants of a block take turns; None does not cut it.
        early_stop_width: the blocks end when every throughput's interval is narrower than this share; None fixes their number.
        early_stop_min_blocks: not before so many of them.
        offline_batch_rows: rows of a batch at the operating point `offline`, one point for each.
        crosscheck_share: share of rows whose scores are compared with the kept ones.
        threads: thread counts of the session, each with all points; empty: those of the variant's `deploy.threads`, else all cores.
        arrivals: none | poisson | log: open-loop trials besides the closed-loop ones.
        rate_per_s: requests per second of Poisson arrivals; None: half of the variant's own single-request rate.
        speed_up: how many times faster the log's own timestamps are replayed.
        generator: harness | loadgen.
        slo_ms: p99 that a search for the highest Poisson rate holds; None searches nothing.
        estimated_tdp_w: power to estimate energy with where nothing can be read; None leaves it unavailable.
    """

    protocol: str
    warmup_s: float = 0.5
    steady_window_s: float | None = None
    steady_windows: int = 3
    steady_within: float = 0.10
    warmup_at_most_s: float = 60.0
    n_blocks: int = 3
    trial_s: float = 1.0
    turn_s: float | None = None
    early_stop_width: float | None = None
    early_stop_min_blocks: int = 3
    offline_batch_rows: tuple[int, ...] = (4096,)
    crosscheck_share: float = 0.01
    threads: tuple[int, ...] = ()
    arrivals: str = "none"
    rate_per_s: float | None = None
    speed_up: float = 1.0
    generator: str = "harness"
    slo_ms: float | None = None
    estimated_tdp_w: float | None = None


@dataclass(frozen=True)
class PriceConf:
    """`conf/price/NAME.yaml`: which row of which price sheet, and under which traffic.

    Args:
        file: the price sheet.
        sku: of variants whose `deploy.sku` is null.
        currency: that every price is converted into; None: that of the sheet.
        rates: (currency, what one unit of it is worth in `currency`): what a sheet with other currencies is converted by.
        lifetime_hours: of a machine that is owned: its purchase price is divided by them.
        tariff_per_kwh: in `currency`, for power that the hourly price does not include.
        pue: power of the building over power of the machine.
        requests_per_day: what the log's arrivals are scaled to; None: as many as in the log.
        target_utilisation: share of its throughput that a replica may use in the busiest minute; without `slo_ms` it sizes the fleet.
        stated_utilisation: share of use of the third figure.
        min_replicas: that stay up without arrivals.
        slo_ms: p99 from arrival to answer that the replayed arrivals of every hour must hold; None: peak minutes size the fleet.
        batch_delay_ms: how long a free replica waits for a batch to fill.
        scale_up_delay_s: how long a replica takes to come up: it is started, and paid, so long before the hour that needs it.
    """

    name: str
    file: str
    sku: str
    region: str | None = None
    pricing_category: str | None = None
    as_of: str | None = None
    tariff_per_kwh: float = 0.0
    pue: float = 1.0
    fee_per_1k: float = 0.0
    requests_per_day: float | None = None
    target_utilisation: float = 0.6
    stated_utilisation: float | None = None
    min_replicas: int = 1
    currency: str | None = None
    rates: tuple[tuple[str, float], ...] = ()
    lifetime_hours: float | None = None
    slo_ms: float | None = None
    batch_delay_ms: float = 0.0
    scale_up_delay_s: float = 0.0


@dataclass(frozen=True)
class DriftConf:
    """`conf/drift/NAME.yaml`: how a log is compared with its reference; key by key as in the option's file.

    Args:
        profile: whose conventions: harness | evidently | nannyml.
        columns: that are compared; None: every column of the log but id, time, label and what production logged.
        alpha: of the p-values after Benjamini and Hochberg's correction over columns.
        resample: days, where by-window tests resample days, or rows.
        n_resamples: of them.
        max_categories: counted one by one; the others are together.
        reference_profile: file of a stored profile that stands in for the reference rows.
        parity_tolerance: greatest absolute difference of two scores that are the same.
        statistics: plug-in objects that the conf named with `_target_`.
        gates: those of `harness drift`.
    """

    name: str
    profile: str
    columns: tuple[str, ...] | None
    alpha: float
    resample: str
    n_resamples: int
    max_categories: int
    reference_profile: str | None
    parity_tolerance: float
    statistics: tuple[Any, ...] = ()
    gates: tuple[Any, ...] = ()


@dataclass(frozen=True)
class SearchConf:
    """`conf/slice_search/NAME.yaml`: the search for the worst slices; key by key as in the option's file."""

    loss: str | None
    against: str | None
    ranking: str
    n_carried: int
    min_n: int | None
    min_n_confirm: int
    n_bins: int
    pairs: bool
    alpha: float


@dataclass(frozen=True)
class SweepConf:
    """All of one `harness sweep`: the common groups and one `VariantConf` per combination.

    `metrics`, `gain` and `gates` hold the plug-in objects that the conf named with `_target_`.
    """

    name: str
    champion: str | None
    candidate: str | None
    results_dir: str
    cache_dir: str
    confidence: float
    seed: int
    timeout_s: float
    force: bool
    replay: ReplayConf
    variants: tuple[VariantConf, ...]
    measure: MeasureConf
    price: PriceConf | None
    review: str
    metrics: tuple[Any, ...] = ()
    gain: Any = None
    gates: tuple[Any, ...] = ()
    conf_dirs: tuple[str, ...] = ()
    slice_search: SearchConf | None = None
    drift: DriftConf | None = None
    retrain: tuple[RetrainRule, ...] = ()
    saved: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # (variant label, unresolved YAML)


@dataclass(frozen=True)
class DriftRunConf:
    """All of one `harness drift`: a log, its reference, and how they are compared."""

    name: str
    results_dir: str
    cache_dir: str
    timeout_s: float
    seed: int
    replay: ReplayConf
    drift: DriftConf
