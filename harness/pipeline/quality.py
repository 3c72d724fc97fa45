"""The quality phase: every variant is scored and reduced in a child process of its own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.device import first_device
from harness.errors import ReplayError, ScoreError
from harness.records.conf import SweepConf, VariantConf
from harness.records.model import ScoringPlan
from harness.records.needs import combined
from harness.records.replay import PreparedReplay, is_known
from harness.records.run import OK, Identity, RunRecord
from harness.records.tally import PairedTally
from harness.runs import folder as files
from harness.runs import store
from harness.workers.child import Channel, run_child

_REPORT_EVERY_S = 0.2
Known = tuple[VariantConf, NDArray[np.float32] | None, float | None]  # a champion with its scores and threshold, as far as there are any


@dataclass(frozen=True)
class Member:
    """One variant of the sweep with everything that is known before it runs."""

    conf: VariantConf
    plan: ScoringPlan
    identity: Identity
    folder: Path
    yaml: str


@dataclass(frozen=True)
class QualityResult:
    """What a quality child gives back; its tables are already on disk."""

    threshold: float | None
    n_judged: int
    n_in_training: int
    n_scored: int
    inference_s: float
    scores_reused: bool
    batch_rows: int
    card: str | None = None


@dataclass(frozen=True)
class _Scored:
    """The scores of all rows on the host, and on the card where they were made there; and the rows of a batch that were really used.

    `card` is the one that rows were sent to, and counted on, while they were scored; None where that was not begun.
    """

    scores: NDArray[np.float32]
    on_card: Any
    batch_rows: int
    card: Any = None


def run_quality(
    member: Member,
    champion: Member | None,
    conf: SweepConf,
    prepared: PreparedReplay,
    root: Path,
    on_rows: Callable[[int], None],
    card: str | None = None,
) -> RunRecord:
    """Score and reduce one variant; whatever happens, the result is a record and not an exception.

    `card` is the only one that the child sees, as `card_lanes.cards_of` names it; None leaves it what this process sees.
    """
    began = time.perf_counter()
    files.write_text(member.folder / store.CONFIG, member.yaml)
    store.remove_results(member.folder)  # a table of an earlier attempt must not be read beside those of this one
    files.write_text(member.folder / store.LOG, "")
    kept = None if conf.force else store.kept_scores(root, member.identity, member.folder)
    work = (card, member, champion, conf, prepared.folder, kept)
    outcome = run_child(on_one_card, work, conf.timeout_s, member.folder / store.LOG, on_rows)
    (member.folder / store.RAW_SCORES).unlink(missing_ok=True)
    result: QualityResult | None = outcome.value
    record = RunRecord(
        variant=member.conf.label,
        status=outcome.status,
        reason=outcome.reason,
        identity=member.identity,
        source=member.plan.source,
        precision=member.conf.precision,
        device=member.plan.device,
        model_sha256=member.plan.sha256,
        trained_until=member.conf.trained_until.isoformat() if member.conf.trained_until else None,
        threshold=result.threshold if result else None,
        n_judged=result.n_judged if result else None,
        n_in_training=result.n_in_training if result else None,
        n_scored=result.n_scored if result else None,
        inference_s=result.inference_s if result else None,
        elapsed_s=time.perf_counter() - began,
        scores_reused=bool(result and result.scores_reused),
        batch_rows=result.batch_rows if result else member.plan.batch_rows,
        metrics=tuple(repr(m) for m in conf.metrics),
        seed=conf.seed,
        card=result.card if result else card,
    )
    store.write_run(member.folder, record)
    return record


def on_one_card(channel: Channel, card: str | None, *work: Any) -> QualityResult:
    """Let this process see one card only, before anything has asked CUDA for one, and do the work."""
    from harness.pipeline.card_errors import card_errors

    if card is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = card
    with card_errors("between scoring and writing its tables"):  # wherever a card is asked for something that is not guarded more closely
        return score_and_reduce(channel, *work)


def score_and_reduce(
    channel: Channel, member: Member, champion: Member | None, conf: SweepConf, replay_folder: Path, kept: Path | None
) -> QualityResult:
    """Do the work of one variant inside its child: scores, tallies, paired tallies, metrics."""
    from harness.inference.outputs import check
    from harness.pipeline.card_errors import card_errors
    from harness.pipeline.device_rows import Asked, Card, where_parts_run
    from harness.pipeline.gain_tallies import write_value_moments
    from harness.pipeline.reduction import Orders, judged_rows, paired_of, tally_of
    from harness.pipeline.variant_drift import write_variant_drift
    from harness.pipeline.variant_tables import write_confusion, write_reference, write_unlabelled, write_worst_slices
    from harness.replay.prepared import open_prepared
    from harness.report.metric_frames import metrics_frame
    from harness.tallies.stored import to_columns

    prepared, task = open_prepared(replay_folder), conf.replay.task
    champion_scores, champion_threshold = _kept_scores(champion), _champion_threshold(champion)
    began = time.perf_counter()
    if kept is not None:
        store.link(kept, member.folder / store.SCORES)
        scored = _Scored(store.read_scores(member.folder / store.SCORES), None, member.plan.batch_rows)
    else:
        scored = _scores(
            member, None if champion is None else (champion.conf, champion_scores, champion_threshold), conf, prepared, channel
        )
    inference_s, scores, batch_rows = time.perf_counter() - began, scored.scores, scored.batch_rows
    if len(scores) != prepared.n_rows:
        raise ScoreError(f"scores: {len(scores):,} are kept for {prepared.n_rows:,} rows; run the sweep again with force=true")
    check(scores, member.plan, prepared.classes)
    if kept is None:
        scores = store.keep_scores(member.folder, scores)

    def alive() -> None:
        channel.progress(prepared.n_rows)

    alive()
    threshold = _threshold(member.conf, scores, prepared, conf, champion_scores, champion_threshold) if task == "binary" else None
    needs = combined(m.needs() for m in conf.metrics)
    rows = judged_rows(task, prepared, (member.conf,))
    card = (scored.card or Card()) if member.plan.device == "cuda" else None
    if member.plan.device == "cuda":
        _say(where_parts_run(Asked(rows, needs, conf, member.conf, champion_scores is not None)))
    there = scores if scored.on_card is None else scored.on_card
    del scored
    paired, both, orders = None, None, Orders()
    if champion is not None and champion_scores is not None:
        both = judged_rows(task, prepared, (member.conf, champion.conf))
        if np.array_equal(both.labels, rows.labels, equal_nan=rows.labels.dtype.kind == "f"):
            both = rows  # the very same arrays, so that nothing of them is sent or ordered twice
        with card_errors():
            on_card = card.scored(both, champion_scores, there) if card else None
            kept_order = orders if both is rows and needs.curve else None
            paired = paired_of(champion_scores, scores, both, champion_threshold, threshold, needs, alive, on_card, kept_order)
        files.write_columns(member.folder / store.PAIRED, to_columns(paired))
        alive()
    # A pair on the very rows that are judged alone has ordered them already.
    ordered = paired.ranks.challenger if isinstance(paired, PairedTally) and paired.ranks and both is rows else None
    with card_errors():
        tally = tally_of(scores, rows, threshold, needs, ordered, alive, card.scored(rows, there) if card else None, orders)
    del orders
    on_card = None
    files.write_columns(member.folder / store.TALLIES, to_columns(tally))
    alive()
    values = []
    for metric in conf.metrics:
        values.append(metric.compute(tally, conf.confidence, conf.seed))
        alive()
    files.write_parquet(member.folder / store.METRICS, metrics_frame(member.conf.label, prepared.grid, values, tally, conf.confidence))
    write_reference(member.folder, scores, prepared, member.conf, task, threshold, needs)
    alive()
    against = None if champion_scores is None else (champion_scores, champion_threshold)
    pair = (member.conf, champion.conf) if champion is not None else (member.conf,)
    write_unlabelled(member.folder, scores, threshold, against, rows, prepared, pair)
    alive()
    with card_errors():
        write_value_moments(member.folder, there, threshold, against, rows, both, prepared, pair, conf, card)
    alive()
    write_confusion(member.folder, member.conf.label, tally, rows, prepared)
    with card_errors():
        write_variant_drift(member.folder, member.conf, scores, prepared, conf, card, there)
        alive()
        write_worst_slices(member.folder, member.conf.label, there, threshold, against, rows, prepared, member.plan, conf, card)
    n_judged = int(is_known(rows.labels).sum())
    n_in_training = prepared.account.n_judged - n_judged
    used = first_device() if member.plan.device == "cuda" and member.plan.source == "onnx" else None
    named = None if used is None else str(used)
    return QualityResult(threshold, n_judged, n_in_training, len(scores), inference_s, kept is not None, batch_rows, named)


def _say(line: str) -> None:
    """Write a line to run.log, to which a child's output goes."""
    sys.stdout.write(f"{line}\n")


def _scores(member: Member, champion: Known | None, conf: SweepConf, prepared: PreparedReplay, channel: Channel) -> _Scored:
    """Score every row, on a card where the plan says so."""
    plan = member.plan
    if plan.device == "cuda" and plan.source == "onnx":
        return _scores_on_card(member, champion, conf, prepared, channel)
    return _Scored(_scores_on_host(plan, prepared, member.folder / store.RAW_SCORES, channel), None, plan.batch_rows)


def _scores_on_card(member: Member, champion: Known | None, conf: SweepConf, prepared: PreparedReplay, channel: Channel) -> _Scored:
    """Score every row on a card, and count there while later rows are scored what needs no more than the scores so far."""
    from harness.inference.onnx_cuda import OnnxCuda
    from harness.pipeline.card_errors import card_errors
    from harness.pipeline.running_tally import CountingCard, running_tally
    from harness.replay.prepared import open_tensor
    from kernels.devices import to_host

    plan, card = member.plan, CountingCard()
    running, why_after = running_tally(card, member.conf, champion, conf, prepared)
    reported = time.monotonic()

    def on_rows(done: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > _REPORT_EVERY_S:
            reported = time.monotonic()
            channel.progress(done)

    scorer = OnnxCuda(plan, 0)
    scorer.reduction = running
    tensors = [open_tensor(prepared.folder, planned.group) for planned in plan.inputs]
    on_card = scorer.score_rows(tensors, prepared.n_rows, plan.batch_rows, on_rows)
    for note in scorer.notes:
        _say(f"device: {note}")
    with card_errors():
        card.keep(on_card, running.finish() if running is not None else None)
    after = why_after if running is None else running.why_after
    _say(f"device: counts are reduced after scoring: {after}" if after else "device: counts were reduced while scoring")
    return _Scored(to_host(on_card), on_card, scorer.batch_rows, card)


def _scores_on_host(plan: ScoringPlan, prepared: PreparedReplay, raw: Path, channel: Channel) -> NDArray[np.float32]:
    """Score every row into a mapped file, so that memory does not grow with the rows."""
    from harness.inference.outputs import scores_of
    from harness.replay.prepared import open_tensor

    tensors = [open_tensor(prepared.folder, planned.group) for planned in plan.inputs]
    score: Callable[[Sequence[NDArray[Any]]], NDArray[np.float32]]
    if plan.source == "logged":

        def score(batch: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
            scores: NDArray[np.float32] = scores_of(batch[0], plan)
            return scores
    else:
        from harness.inference.onnx_cpu import OnnxCpu

        score = OnnxCpu(plan).score
    scores: NDArray[np.float32] | None = None
    reported = time.monotonic()
    for start in range(0, prepared.n_rows, plan.batch_rows):
        stop = min(start + plan.batch_rows, prepared.n_rows)
        batch = score([t[start:stop] for t in tensors])
        if len(batch) != stop - start:
            raise ScoreError(
                f"model.output: '{plan.output}' gave {len(batch)} scores for {stop - start} rows, wanted one a row; name another output"
            )
        if scores is None:
            scores = files.new_mapped(raw, batch.dtype, (prepared.n_rows, *batch.shape[1:]))
        scores[start:stop] = batch
        if time.monotonic() - reported > _REPORT_EVERY_S:
            reported = time.monotonic()
            channel.progress(stop)
    return np.empty(0, np.float32) if scores is None else scores


def _kept_scores(champion: Member | None) -> NDArray[np.float32] | None:
    record = store.read_run(champion.folder) if champion else None
    return store.read_scores(champion.folder / store.SCORES) if champion and record is not None and record.status == OK else None


def _champion_threshold(champion: Member | None) -> float | None:
    record = store.read_run(champion.folder) if champion else None
    return record.threshold if record is not None else None


def _threshold(
    variant: VariantConf,
    scores: NDArray[np.float32],
    prepared: PreparedReplay,
    conf: SweepConf,
    champion_scores: NDArray[np.float32] | None,
    champion_threshold: float | None,
) -> float:
    from harness.gain.threshold import best_threshold, threshold_for_rate, threshold_matching
    from harness.pipeline.gain_tallies import tuning_values

    rule = variant.threshold
    if rule.value is not None:
        return rule.value
    tuning = (prepared.roles & 2) > 0
    if rule.maximise is not None:
        return best_threshold(scores[tuning], prepared.tuning_labels[tuning], conf.gain, *tuning_values(prepared, conf.gain, tuning))
    if rule.selection_rate is not None:
        return threshold_for_rate(scores[tuning], rule.selection_rate)
    if champion_scores is None or champion_threshold is None:
        raise ReplayError("model.threshold: match: champion needs a champion that was scored; name one, or give a number")
    return threshold_matching(scores[tuning], champion_scores[tuning], champion_threshold)
