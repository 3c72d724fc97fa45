"""From what is stored to the comparison, the differences and the sign-off; no log, no model, no inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.compare.fairness import fairness
from harness.compare.paired_differences import PAIRED_METRICS, paired_differences
from harness.compare.worst_slice import WorstSlice, worst_slice
from harness.cost.operating_point import chosen_point
from harness.gates.verdict import signoff, verdicts
from harness.meters.speed_ratio import point_ratio
from harness.pipeline.comparison_texts import contract_notes, data_lines, next_command, notes, parity_text, reasons, training_text
from harness.pipeline.gain_tallies import gain_evidence
from harness.pipeline.log_comparison import data_evidence, why_not_compared
from harness.pipeline.missing import missing_gain_of, missing_of, n_unlabelled_of
from harness.pipeline.money import Money, costs_of, front_of, gains_of, money_of, prices_of, sides_of, traffic_for
from harness.pipeline.money_findings import MoneyWorld, break_evens, money_notes, parts_of, sensitivities
from harness.pipeline.pairs import read_pairs
from harness.pipeline.reduction import Paired
from harness.pipeline.stored_traffic import read_slice_traffic
from harness.pipeline.stored_variant import StoredVariant, load_variant
from harness.pipeline.time_tables import over_time_of, retrain_of
from harness.pipeline.variant_drift import why_no_parity
from harness.records.comparison import Comparison, ComparisonRow, MetricSummary
from harness.records.conf import SweepConf, VariantConf
from harness.records.data_evidence import DataEvidence
from harness.records.evidence import Evidence, Lineage, Signoff, Verdict
from harness.records.fairness import Fairness
from harness.records.log_findings import LogFindings
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.metric import Differences, MetricValues
from harness.records.over_time import PeriodValue
from harness.records.run import OK, RunRecord
from harness.records.tally import ALL, BinaryTally
from harness.records.task_tally import PairedMulticlassTally
from harness.records.trial import SpeedRatio
from harness.runs.findings import read_findings
from harness.runs.manifest import Manifest, StoredReplay, read_replay

_HEADLINES = ("auc", "mae", "log_loss", "brier", "accuracy", "macro_f1", "rmse")


@dataclass(frozen=True)
class Evaluation:
    """Everything that the tables, pages and exit code are made of."""

    comparison: Comparison
    differences: tuple[Differences, ...]
    signoff: Signoff
    replay: StoredReplay
    over_time: tuple[PeriodValue, ...] = ()
    fairness: tuple[tuple[str, Fairness], ...] = ()  # by variant
    measurements: tuple[Measurement, ...] = ()
    error_costs: Mapping[str, float | None] = field(default_factory=dict)  # of one more wrong decision, by variant


def evaluate(root: Path, conf: SweepConf, manifest: Manifest, n_unscored: int = 0) -> Evaluation:
    """Compute the comparison and the sign-off of a results folder under this configuration.

    `n_unscored` variants of the sweep are not in `manifest`, because they have not been scored yet.
    """
    replay = read_replay(root)
    has_champion = any(m.variant == conf.champion and m.status == OK for m in manifest.members)
    variants = [load_variant(root, m.folder, conf, v, replay, has_champion) for m, v in _pairs(manifest, conf) if m.status == OK]
    alone = conf.candidate if conf.candidate == manifest.candidate else None  # who was named before the data was seen
    differences = {v.label: _differences(v, conf, replay, 1 if alone else sum(1 for o in variants if o.paired)) for v in variants}
    prices = prices_of(conf)
    traffic = traffic_for(root, conf, replay)
    read = {v.label: gain_evidence(v, conf.champion, replay.grid, differences[v.label]) for v in variants}
    labels = [v.label for v in variants]
    costs = costs_of(variants, conf, prices, traffic)
    sides = sides_of(variants, costs, conf, prices, traffic)
    money = money_of(costs, gains_of(read, conf), sides, labels, conf)
    world = MoneyWorld(tuple(variants), read, conf, prices, traffic, money, sides)
    champion_variant = next((v for v in variants if v.label == conf.champion), None)
    findings = None if why_not_compared(conf.replay, conf.drift) else read_findings(root / "replay")  # else it is no part of this sweep
    data = _data_evidence(root, findings, champion_variant, conf, replay)
    evidence = [
        replace(
            _evidence(v, champion_variant, differences[v.label], world, manifest, replay),
            data=replace(data, drift=(*data.drift, *v.drift)),
        )
        for v in variants
        if v.paired is not None
    ]
    given = verdicts(evidence, conf.gates, alone)
    n_failed = sum(m.status != OK for m in manifest.members)
    sign = signoff(
        conf.review,
        conf.name,
        conf.champion,
        conf.candidate,
        given,
        n_failed,
        n_challengers=n_unscored + sum(m.variant != conf.champion for m in manifest.members) if conf.champion else 0,
        n_gates=len(conf.gates),
    )
    comparison = _comparison(root, conf, manifest, replay, variants, differences, world, given)
    periods = over_time_of(variants, conf, replay)
    headline = [p for p in periods if p.metric in comparison.headline_metrics[:1] and p.slice_by == ALL]
    comparison = replace(
        comparison,
        parity=parity_text(conf, data),
        data_lines=data_lines(findings, data),
        loss_changes=tuple(v.loss_change for v in variants if v.loss_change),
        notes=(*comparison.notes, *money_notes(world), *contract_notes(findings)),
        over_time=tuple(headline),
        retrain=retrain_of(variants, conf, replay),
        worst_slices=tuple(v.worst_slices for v in variants if v.worst_slices),
        break_even=break_evens(world),
        sensitivity=sensitivities(world),
        parts=parts_of(world, replay.grid, read_slice_traffic(root / "replay")),
    )
    return Evaluation(
        comparison,
        tuple(d for v in variants for d in differences[v.label]),
        sign,
        replay,
        periods,
        _fairness(variants, conf, replay),
        tuple(v.measurement for v in variants if v.measurement is not None),
        {label: conf.gain.error_cost_per_row(given) if conf.gain else None for label, given in read.items()},
    )


def _data_evidence(
    root: Path, findings: LogFindings | None, champion: StoredVariant | None, conf: SweepConf, replay: StoredReplay
) -> DataEvidence:
    found = data_evidence(root / "replay", findings, why_not_compared(conf.replay, conf.drift) or "it was not compared")
    parity = champion.parity if champion is not None else None
    return replace(found, parity=parity, parity_reason=why_no_parity(conf) if parity is None else None, windows=replay.grid.windows)


def _fairness(variants: Sequence[StoredVariant], conf: SweepConf, replay: StoredReplay) -> tuple[tuple[str, Fairness], ...]:
    if replay.grid.n_slices == 1:
        return ()
    return tuple((v.label, fairness(v.tally, replay.grid, conf.confidence)) for v in variants if isinstance(v.tally, BinaryTally))


def _pairs(manifest: Manifest, conf: SweepConf) -> list[tuple[Any, VariantConf]]:
    by_label = {v.label: v for v in conf.variants}
    return [(m, by_label[m.variant]) for m in manifest.members]


def _differences(variant: StoredVariant, conf: SweepConf, replay: StoredReplay, n_challengers: int) -> tuple[Differences, ...]:
    if variant.paired is None or conf.champion is None:
        return ()
    names = [m.name for m in conf.metrics if m.name in PAIRED_METRICS[type(variant.paired)] and _has_its_k(m.needs().top_k, variant.paired)]
    n_family = replay.grid.n_slices * n_challengers if n_challengers > 1 else None
    return tuple(
        paired_differences(variant.paired, name, conf.champion, variant.label, conf.confidence, n_family, replay.grid.n_windows)
        for name in names
    )


def _has_its_k(top_k: int | None, paired: Paired) -> bool:
    """Say whether a pair counted the k classes that a metric asks for; stored results hold one k."""
    return top_k is None or not isinstance(paired, PairedMulticlassTally) or int(paired.top_k[0]) == min(top_k, int(paired.n_classes[0]))


def _evidence(
    v: StoredVariant,
    champion_variant: StoredVariant | None,
    differences: tuple[Differences, ...],
    world: MoneyWorld,
    manifest: Manifest,
    replay: StoredReplay,
) -> Evidence:
    conf = world.conf
    own, champion = world.money[v.label], world.money.get(conf.champion or "")
    lineage = Lineage(
        model_sha256=v.run.model_sha256,
        replay_fingerprint=manifest.replay_fingerprint,
        trained_until=v.run.trained_until,
        first_judged=_first_judged(v.run, manifest),
        n_judged_in_training=0,  # such rows are left out of every tally
        git_commit=manifest.git_commit,
        git_dirty=manifest.git_dirty,
        limited=manifest.limited,
        is_logged=v.run.source == "logged",
        champion_is_known=champion_variant is not None and champion_variant.run.trained_until is not None,
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
        champion_measurement=champion_variant.measurement if champion_variant else None,
        missing_gain=missing_gain_of(v, conf.gain, own.gain.vs_champion_per_1k if own.gain else None, world.evidence[v.label]),
        n_unlabelled=n_unlabelled_of(v),
        missing_bounds=missing_of(v, [d.metric for d in differences], replay.grid),
    )


def _first_judged(run: RunRecord, manifest: Manifest) -> str | None:
    """Return the first row that was judged of this variant: those that it had learned from are left out."""
    if manifest.first_judged is None or run.trained_until is None:
        return manifest.first_judged
    return str(max(manifest.first_judged, run.trained_until[: len(manifest.first_judged)]))


def _comparison(
    root: Path,
    conf: SweepConf,
    manifest: Manifest,
    replay: StoredReplay,
    variants: Sequence[StoredVariant],
    differences: dict[str, tuple[Differences, ...]],
    world: MoneyWorld,
    given: Sequence[Verdict],
) -> Comparison:
    ok = {v.label: v for v in variants}
    front, front_notes = front_of(variants, world.money, world.evidence, read_pairs(root, variants), world.sides, conf)
    champion = ok.get(conf.champion or "")
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
        own = world.money[v.label]
        worst = _worst(v, headline[0], differences[v.label], replay, directions[headline[0]] != "lower")
        verdict = "champion" if v.label == conf.champion else by_variant.get(v.label, "UNDECIDED" if conf.gates else "not judged")
        row = _row(v, own, differences[v.label], worst, front.get(v.label), verdict)
        rows.append(replace(row, operating_point=_point(v, conf), speed_ratio=_speed_ratio(v, champion, conf.confidence)))
    return Comparison(
        name=conf.name,
        champion=conf.champion,
        account=replay.account,
        parity="",
        training_note=training_text(variants, manifest),
        rows=tuple(rows),
        headline_metrics=headline,
        notes=(
            *reasons(given),
            *notes(conf, replay, world.prices, variants, conf.candidate not in (None, manifest.candidate)),
            *front_notes,
        ),
        next_command=next_command(root, conf, by_variant),
    )


def _point(v: StoredVariant, conf: SweepConf) -> OperatingPoint | None:
    """Return the operating point that the table speaks of: the one that is priced, or would be."""
    if v.measurement is None or v.measurement.status in ("invalid", "not_measured"):
        return None
    return chosen_point(v.measurement, v.conf.deploy, conf.price.slo_ms if conf.price else None)[0]


def _speed_ratio(v: StoredVariant, champion: StoredVariant | None, confidence: float) -> SpeedRatio | None:
    """Compare the throughput of offline batches with the champion's, block by block; None where the two were not timed together."""
    if champion is None or champion is v or v.measurement is None or champion.measurement is None:
        return None
    own, theirs = v.measurement.point("offline"), champion.measurement.point("offline")
    if own is None or theirs is None or v.measurement.set_identity != champion.measurement.set_identity:
        return None
    return point_ratio(own, theirs, confidence)


def _worst(v: StoredVariant, metric: str, differences: tuple[Differences, ...], replay: StoredReplay, higher: bool) -> WorstSlice | None:
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
        net_vs_champion=own.vs,
    )


def _summary(values: MetricValues, d: Differences | None) -> MetricSummary:
    own = (float(values.value[0]), float(values.ci_low[0]), float(values.ci_high[0]))
    against = (float(d.difference[0]), float(d.ci_low[0]), float(d.ci_high[0])) if d else (None, None, None)
    return MetricSummary(values.metric, *own, *against)


def _failed_row(variant: VariantConf, status: str, reason: str | None) -> ComparisonRow:
    return ComparisonRow(
        variant=variant.label,
        status=status,
        reason=reason,
        precision=variant.precision,
        device=variant.device,
        n_rows=None,
        metrics=(),
        worst_slice=None,
        worst_slice_metric=None,
        worst_slice_vs_champion=None,
        measurement=None,
        cost=None,
        gain=None,
        net_per_1k=None,
        net_per_1k_ci_low=None,
        net_per_1k_ci_high=None,
        currency=None,
        pareto=None,
        verdict="",
    )
