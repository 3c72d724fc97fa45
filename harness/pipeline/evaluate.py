"""From what is stored to the comparison, the differences and the sign-off; no log, no model, no inference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.compare.pareto import pareto_front
from harness.compare.worst_slice import WorstSlice, worst_slice
from harness.cost.cost import cost_of
from harness.cost.price_sheet import Price, load_price
from harness.cost.traffic import scaled
from harness.gates.verdict import signoff, verdicts
from harness.records.comparison import Comparison, ComparisonRow, MetricSummary
from harness.records.conf import SweepConf, VariantConf
from harness.records.evidence import Evidence, Lineage, Signoff, Verdict
from harness.records.measurement import Measurement
from harness.records.metric import Differences, MetricValues
from harness.records.money import CostRow, GainRow
from harness.records.run import OK, RunRecord
from harness.records.tally import BinaryTally, PairedTally
from harness.runs import folder as files
from harness.runs import store
from harness.runs.manifest import Manifest, ReplayProfile, read_replay
from harness.tallies.stored import binary_from_columns, paired_from_columns

_HEADLINES = ("auc", "log_loss", "brier", "accuracy")


@dataclass(frozen=True)
class StoredVariant:
    """One variant that was scored, as its folder holds it."""

    conf: VariantConf
    run: RunRecord
    tally: BinaryTally
    paired: PairedTally | None
    values: tuple[MetricValues, ...]
    measurement: Measurement | None

    @property
    def label(self) -> str:
        """The variant's full name."""
        return self.conf.label


@dataclass(frozen=True)
class Money:
    """Cost, gain and net of one variant, with what is needed to compare two."""

    cost: CostRow | None
    gain: GainRow | None
    net: float | None
    low: float | None
    high: float | None
    vs: float | None = None
    vs_low: float | None = None
    vs_high: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """Everything that the tables, pages and exit code are made of."""

    comparison: Comparison
    differences: tuple[Differences, ...]
    signoff: Signoff
    replay: ReplayProfile


def evaluate(root: Path, conf: SweepConf, manifest: Manifest) -> Evaluation:
    """Compute the comparison and the sign-off of a results folder under this configuration."""
    replay = read_replay(root)
    variants = [_load(root, m.folder, conf, v, replay) for m, v in _pairs(manifest, conf) if m.status == OK]
    differences = {v.label: _differences(v, conf, replay, sum(1 for o in variants if o.paired)) for v in variants}
    price = load_price(Path(conf.price.file), conf.price, datetime.now(UTC).date()) if conf.price else None
    money = _money(variants, conf, price, replay)
    evidence = [_evidence(v, differences[v.label], money, conf, manifest, replay) for v in variants if v.paired is not None]
    given = verdicts(evidence, conf.gates, conf.candidate)
    n_failed = sum(m.status != OK for m in manifest.members)
    sign = signoff(conf.review, conf.name, conf.champion, conf.candidate, given, n_failed)
    comparison = _comparison(root, conf, manifest, replay, variants, differences, money, given, price)
    return Evaluation(comparison, tuple(d for v in variants for d in differences[v.label]), sign, replay)


def _pairs(manifest: Manifest, conf: SweepConf) -> list[tuple[Any, VariantConf]]:
    by_label = {v.label: v for v in conf.variants}
    return [(m, by_label[m.variant]) for m in manifest.members]


def _load(root: Path, name: str, conf: SweepConf, variant: VariantConf, replay: ReplayProfile) -> StoredVariant:
    path = root / name
    run = store.read_run(path)
    assert run is not None
    tally = binary_from_columns(files.read_columns(path / store.TALLIES))
    paired_file = path / store.PAIRED
    paired = paired_from_columns(files.read_columns(paired_file)) if paired_file.is_file() and conf.champion else None
    names = [m.name for m in conf.metrics]
    values = store.read_metrics(path, replay.grid, names, conf.confidence) or tuple(
        m.compute(tally, conf.confidence, conf.seed) for m in conf.metrics if tally.ranks is not None or not m.needs_ranks
    )
    return StoredVariant(variant, run, tally, paired, values, store.read_measurement(path))


def _differences(variant: StoredVariant, conf: SweepConf, replay: ReplayProfile, n_challengers: int) -> tuple[Differences, ...]:
    if variant.paired is None or conf.champion is None:
        return ()
    names = [m.name for m in conf.metrics if m.name in PAIRED_METRICS]
    return tuple(
        paired_differences(variant.paired, name, conf.champion, variant.label, conf.confidence, n_windows=replay.grid.n_windows)
        for name in names
    )


def _money(variants: Sequence[StoredVariant], conf: SweepConf, price: Price | None, replay: ReplayProfile) -> dict[str, Money]:
    traffic = replay.traffic
    if traffic is not None and conf.price is not None:
        traffic = scaled(traffic, conf.price.requests_per_day)
    z = float(ndtri((1 + conf.confidence) / 2))
    found: dict[str, Money] = {}
    for v in variants:
        cost = (
            cost_of(v.label, v.measurement, price, traffic, v.conf.deploy, conf.price, conf.confidence, conf.replay.rows_per_request)
            if price
            else None
        )
        gain = conf.gain.gain(v.label, v.tally, v.paired, is_champion=v.label == conf.champion) if conf.gain else None
        found[v.label] = _net(cost, gain, z)
    champion = found.get(conf.champion or "")
    return {label: _against(m, champion, z) for label, m in found.items()}


def _net(cost: CostRow | None, gain: GainRow | None, z: float) -> Money:
    if cost is None or gain is None or cost.cost_per_1k is None:
        return Money(cost, gain, None, None, None)
    net = gain.gain_per_1k - cost.cost_per_1k
    half = z * math.hypot(gain.se_per_1k, _cost_se(cost, z))
    return Money(cost, gain, net, net - half, net + half)


def _cost_se(cost: CostRow, z: float) -> float:
    if cost.cost_per_1k_low is None or cost.cost_per_1k_high is None:
        return 0.0
    return (cost.cost_per_1k_high - cost.cost_per_1k_low) / (2 * z)


def _against(own: Money, champion: Money | None, z: float) -> Money:
    if champion is None or own.gain is None or own.gain.vs_champion_per_1k is None or own.gain.vs_champion_se_per_1k is None:
        return own
    if own.cost is None or champion.cost is None or own.cost.cost_per_1k is None or champion.cost.cost_per_1k is None:
        return own
    vs = own.gain.vs_champion_per_1k - (own.cost.cost_per_1k - champion.cost.cost_per_1k)
    half = z * math.hypot(own.gain.vs_champion_se_per_1k, _cost_se(own.cost, z), _cost_se(champion.cost, z))
    return Money(own.cost, own.gain, own.net, own.low, own.high, vs, vs - half, vs + half)


def _evidence(
    v: StoredVariant,
    differences: tuple[Differences, ...],
    money: dict[str, Money],
    conf: SweepConf,
    manifest: Manifest,
    replay: ReplayProfile,
) -> Evidence:
    own, champion = money[v.label], money.get(conf.champion or "")
    lineage = Lineage(
        model_sha256=v.run.model_sha256,
        replay_fingerprint=manifest.replay_fingerprint,
        trained_until=v.run.trained_until,
        first_judged=manifest.first_judged,
        n_judged_in_training=0,  # such rows are left out of every tally
        git_commit=manifest.git_commit,
        git_dirty=manifest.git_dirty,
        limited=manifest.limited,
        is_logged=v.run.source == "logged",
    )
    return Evidence(
        variant=v.label,
        champion=conf.champion,
        grid=replay.grid,
        differences=differences,
        measurement=v.measurement,
        cost=own.cost,
        champion_cost=champion.cost if champion else None,
        gain=own.gain,
        net_per_1k=own.net,
        net_per_1k_ci_low=own.low,
        net_per_1k_ci_high=own.high,
        net_vs_champion=own.vs,
        net_vs_champion_low=own.vs_low,
        net_vs_champion_high=own.vs_high,
        lineage=lineage,
        confidence=conf.confidence,
    )


def _comparison(
    root: Path,
    conf: SweepConf,
    manifest: Manifest,
    replay: ReplayProfile,
    variants: Sequence[StoredVariant],
    differences: dict[str, tuple[Differences, ...]],
    money: dict[str, Money],
    given: Sequence[Verdict],
    price: Price | None,
) -> Comparison:
    ok = {v.label: v for v in variants}
    front = _front(variants, money, conf.confidence)
    by_variant = {v.variant: v.status for v in given}
    names = [m.name for m in conf.metrics]
    headline = tuple(n for n in _HEADLINES if n in names) or tuple(names[:1])
    directions = {m.name: m.direction for m in conf.metrics}
    rows = []
    for member, variant in _pairs(manifest, conf):
        if member.variant not in ok:
            rows.append(_failed_row(variant, member.status, member.reason))
            continue
        v = ok[member.variant]
        own = money[v.label]
        worst = _worst(v, headline[0], differences[v.label], replay, directions[headline[0]] != "lower")
        verdict = "champion" if v.label == conf.champion else by_variant.get(v.label, "UNDECIDED" if conf.gates else "not judged")
        rows.append(_row(v, own, differences[v.label], worst, front.get(v.label), verdict))
    return Comparison(
        name=conf.name,
        champion=conf.champion,
        account=replay.account,
        parity=_parity(conf),
        training_note=_training(variants, replay),
        rows=tuple(rows),
        headline_metrics=headline,
        notes=_notes(conf, replay, price),
        next_command=_next(root, conf, by_variant),
    )


def _front(variants: Sequence[StoredVariant], money: dict[str, Money], confidence: float) -> dict[str, bool]:
    known = [(v.label, m.gain, m.cost) for v in variants if (m := money[v.label]).gain and m.cost and m.cost.cost_per_1k is not None]
    if not known:
        return {}
    gains = np.array([g.gain_per_1k if g else math.nan for _, g, _ in known])
    errors = np.array([g.se_per_1k if g else math.nan for _, g, _ in known])
    paired = [(g.vs_champion_per_1k, g.vs_champion_se_per_1k) for _, g, _ in known if g]
    if all(d is not None and se is not None for d, se in paired):  # differences to the champion are sharper than the gains themselves
        gains, errors = np.array([d for d, _ in paired], float), np.array([se for _, se in paired], float)
    low = np.array([_or(c.cost_per_1k_low, c.cost_per_1k) if c else math.nan for _, _, c in known], float)
    high = np.array([_or(c.cost_per_1k_high, c.cost_per_1k) if c else math.nan for _, _, c in known], float)
    return dict(zip([label for label, _, _ in known], pareto_front(gains, errors, low, high, confidence).tolist(), strict=True))


def _or(value: float | None, default: float | None) -> float:
    return value if value is not None else default if default is not None else math.nan


def _worst(v: StoredVariant, metric: str, differences: tuple[Differences, ...], replay: ReplayProfile, higher: bool) -> WorstSlice | None:
    values = next((x for x in v.values if x.metric == metric), None)
    if values is None:
        return None
    difference = next((d for d in differences if d.metric == metric), None)
    return worst_slice(values, difference, v.tally.n, replay.grid, higher_is_better=higher)


def _row(
    v: StoredVariant, own: Money, differences: tuple[Differences, ...], worst: WorstSlice | None, pareto: bool | None, verdict: str
) -> ComparisonRow:
    by_metric = {d.metric: d for d in differences}
    return ComparisonRow(
        variant=v.label,
        status=OK,
        reason=None,
        precision=v.run.precision,
        device=v.run.device,
        n_rows=v.run.n_judged,
        metrics=tuple(_summary(values, by_metric.get(values.metric)) for values in v.values),
        worst_slice=worst.name if worst else None,
        worst_slice_metric=worst.value if worst else None,
        worst_slice_vs_champion=worst.vs_champion if worst else None,
        measurement=v.measurement,
        cost=own.cost,
        gain=own.gain,
        net_per_1k=own.net,
        net_per_1k_ci_low=own.low,
        net_per_1k_ci_high=own.high,
        currency=own.cost.currency if own.cost and own.cost.currency else own.gain.currency if own.gain else None,
        pareto=pareto,
        verdict=verdict,
    )


def _summary(values: MetricValues, d: Differences | None) -> MetricSummary:
    own = (float(values.value[0]), float(values.ci_low[0]), float(values.ci_high[0]))
    against = (float(d.difference[0]), float(d.ci_low[0]), float(d.ci_high[0])) if d else (None, None, None)
    return MetricSummary(values.metric, *own, *against)


def _failed_row(variant: VariantConf, status: str, reason: str | None) -> ComparisonRow:
    empty = dict.fromkeys(
        "n_rows worst_slice worst_slice_metric worst_slice_vs_champion measurement cost gain net_per_1k net_per_1k_ci_low net_per_1k_ci_high currency pareto".split()
    )
    return ComparisonRow(
        variant=variant.label,
        status=status,
        reason=reason,
        precision=variant.precision,
        device=variant.device,
        metrics=(),
        verdict="",
        **empty,
    )


def _parity(conf: SweepConf) -> str:
    if conf.replay.production.score is None:
        return "replay parity: not measured, the log names no score of the live model (replay.production.score)"
    return "replay parity: not measured in this version"


def _training(variants: Sequence[StoredVariant], replay: ReplayProfile) -> str:
    unknown = [v.label for v in variants if v.run.trained_until is None]
    held_back = [f"{v.label}: {v.run.n_in_training:,}" for v in variants if v.run.n_in_training]
    if unknown:
        return f"training: not known of {', '.join(unknown)} (trained_until is not set), so judged rows may have been trained on"
    if held_back:
        return f"no judged row was trained on; left out because the variant had learned from them: {', '.join(held_back)} rows"
    return "no judged row was trained on by any variant"


def _notes(conf: SweepConf, replay: ReplayProfile, price: Price | None) -> tuple[str, ...]:
    notes = list(replay.notes)
    if price is not None and price.warning:
        notes.append(price.warning)
    if conf.gain is not None and getattr(conf.gain, "note", ""):
        notes.append(f"gain: {conf.gain.note}")
    if conf.price is not None and conf.price.requests_per_day is not None:
        notes.append(f"cost: the log's traffic scaled to {conf.price.requests_per_day:,.0f} requests a day (price.requests_per_day)")
    if conf.measure.protocol == "quick":
        notes.append("speed: protocol quick, a first look; gates on cost and latency stay UNDECIDED on it")
    return tuple(notes)


def _next(root: Path, conf: SweepConf, by_variant: dict[str, str]) -> str:
    if conf.champion is None and conf.variants:
        return f"run again with champion={conf.variants[0].label} to compare on the same rows"
    order = ("PASS", "UNDECIDED", "FAIL")
    ranked = sorted(by_variant, key=lambda v: order.index(by_variant[v]) if by_variant[v] in order else 3)
    if not ranked:
        return f"harness status {root}"
    return f"harness signoff {root} review={conf.review} candidate={ranked[0]}"
