"""`harness sweep`: prepare the replay, score every variant, time them, compare, apply the gates, write the report."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from harness.config import Composer, compose_sweep
from harness.device import cuda_driver
from harness.errors import ResultsError
from harness.meters.cards import visible_uuids
from harness.meters.machine import capture
from harness.pipeline import environment, reports
from harness.pipeline.card_lanes import cards_of, deal
from harness.pipeline.column_work import LogWork
from harness.pipeline.evaluate import evaluate
from harness.pipeline.gain_tallies import check_amounts
from harness.pipeline.log_comparison import children_of_cards, compare_with_reference, log_work, why_not_compared
from harness.pipeline.missing import write_missing_labels
from harness.pipeline.money import prices_of
from harness.pipeline.pairs import write_pairs
from harness.pipeline.planning import Plan, members_of, plan_sweep
from harness.pipeline.prepare import prepare
from harness.pipeline.progress import bar, printing, say
from harness.pipeline.quality import Member, run_quality
from harness.pipeline.speed import check_measure, estimate_s, rate_search_text, run_speed
from harness.pipeline.stored_traffic import write_traffic
from harness.records.conf import SweepConf
from harness.records.model import ScoringPlan
from harness.records.needs import combined
from harness.records.replay import PreparedReplay, is_known
from harness.records.run import OK, PENDING, RunRecord
from harness.runs import folder as files
from harness.runs import store
from harness.runs.findings import remove_findings
from harness.runs.identity import digest, git_state
from harness.runs.manifest import FORMAT, MANIFEST, Manifest, ManifestMember, read_manifest, write_composed, write_manifest
from harness.units import human_bytes, human_seconds


def sweep(overrides: Sequence[str], config_dirs: Sequence[str], dry_run: bool) -> int:
    """Run a sweep and return its exit code; with `dry_run` say what it would take and write nothing."""
    conf = compose_sweep(overrides, config_dirs)
    for option in Composer(config_dirs).overridden() if config_dirs else ():
        say(f"conf: your {option} is used instead of the shipped one")
    cache_dir = Path(conf.cache_dir)
    plan = plan_sweep(conf, None if dry_run else cache_dir)
    prices_of(conf)
    check_measure(conf)
    work = _log_work(conf)
    if dry_run:
        _say_plan(conf, plan)
        return 0
    kernels = environment.set_environment(cache_dir)
    root = Path(conf.results_dir) / conf.name
    with files.writing(root):
        prepared = _prepare(conf, plan, cache_dir)
        check_amounts(prepared, conf.gain)
        if environment.compile_kernels(kernels, _kernel_rows(conf, prepared)):
            say("kernels: compiled (once for this machine)")
        _compare_log(root, conf, _with_cards(work, plan))
        members = members_of(conf, plan, root, cache_dir)
        manifest = _begin(root, conf, plan, members, prepared, overrides, config_dirs)
        manifest = _quality(root, conf, members, prepared, manifest)
        ok = [m for m in members if any(x.variant == m.conf.label and x.status == OK for x in manifest.members)]
        write_pairs(root, ok, conf, prepared)
        manifest = _phase(root, manifest, "speed")
        run_speed(ok, conf, prepared, say)
        evaluation = evaluate(root, conf, manifest)
        reports.write_comparison(root, evaluation)
        review = reports.write_signoff(root, evaluation, conf)
        _phase(root, manifest, "done")
    reports.show(evaluation)
    say(f"written: {root} (sign-off: {review / 'signoff.html'})")
    return evaluation.signoff.exit_code


def _prepare(conf: SweepConf, plan: Plan, cache_dir: Path) -> PreparedReplay:
    began = time.perf_counter()
    with bar("replay", plan.log.n_rows) as progress:
        device = "cuda" if any(p.device == "cuda" for p in plan.plans) else "cpu"
        prepared = prepare(plan.log, conf.replay, plan.groups, cache_dir, plan.replay_code, lambda done, _: progress(done), device)
    say(f"replay: {plan.log.n_rows:,} rows of {len(plan.log.paths)} file(s) ready in {human_seconds(time.perf_counter() - began)}")
    return prepared


def _log_work(conf: SweepConf) -> LogWork | None:
    """Open what the log is compared with, before anything is written; None where it is compared with nothing."""
    if conf.drift is None or why_not_compared(conf.replay, conf.drift) is not None:
        return None
    return log_work(conf.replay, conf.drift, Path(conf.cache_dir), Path(conf.results_dir) / conf.name / "replay")


def _with_cards(work: LogWork | None, plan: Plan) -> LogWork | None:
    """Let children reduce the log's columns on the cards that variants are scored on."""
    if work is None or not any(p.device == "cuda" for p in plan.plans):
        return work
    driver = cuda_driver()
    return replace(work, cards=children_of_cards(cards_of(visible_uuids(), driver.n_devices), driver))


def _compare_log(root: Path, conf: SweepConf, work: LogWork | None) -> None:
    if work is None:
        remove_findings(root / "replay")
        return
    began = time.perf_counter()
    findings = compare_with_reference(work, conf.timeout_s)
    took = human_seconds(time.perf_counter() - began)
    say(f"drift: {len(findings.columns)} columns against the reference in {took}: {len(findings.drifted)} drifted")


def _kernel_rows(conf: SweepConf, prepared: PreparedReplay) -> environment.KernelRows:
    return environment.KernelRows(
        task=conf.replay.task,
        needs=combined(m.needs() for m in conf.metrics),
        id_dtype=str(prepared.slice_ids.dtype),
        is_windowed=prepared.window_ids is not None,
        is_weighted=prepared.weights is not None,
        is_clustered=prepared.cluster_ids is not None,
    )


def _begin(
    root: Path,
    conf: SweepConf,
    plan: Plan,
    members: Sequence[Member],
    prepared: PreparedReplay,
    overrides: Sequence[str],
    config_dirs: Sequence[str],
) -> Manifest:
    _say_replaced(root, members)
    write_missing_labels(root, prepared)
    write_traffic(root, conf, prepared)
    git, now = git_state(), _now()
    entries = []
    for member in members:
        done = not conf.force and store.finished(member.folder, member.identity, conf.champion not in (None, member.conf.label))
        where = str(member.folder.relative_to(root))
        entries.append(ManifestMember(member.conf.label, where, OK if done else PENDING, None, member.identity))
    manifest = Manifest(
        format=FORMAT,
        name=conf.name,
        phase="quality",
        overrides=tuple(overrides),
        conf_dirs=tuple(str(Path(d).resolve()) for d in config_dirs),
        champion=conf.champion,
        candidate=conf.candidate,
        replay_fingerprint=plan.log.fingerprint,
        prepared_folder=str(prepared.folder.resolve()),
        first_judged=_first_judged(prepared),
        limited=conf.replay.limit is not None,
        harness_version=version("replay-harness"),
        git_commit=git.commit,
        git_dirty=git.dirty,
        machine=capture(),
        started_at=now,
        updated_at=now,
        members=tuple(entries),
        composed_sha256=digest(dict(conf.saved)),
    )
    write_composed(root, conf.saved)
    write_manifest(root, manifest)
    return manifest


def _say_replaced(root: Path, members: Sequence[Member]) -> None:
    """Say so when the tables of other variants make place for this sweep's."""
    if (root / MANIFEST).is_file():
        try:
            before = {m.variant for m in read_manifest(root).members}
        except ResultsError as trouble:  # of an older harness, or damaged: this sweep is what makes it whole again
            say(f"results: what {root} held cannot be read and is written anew ({str(trouble).removeprefix('results: ')})")
            return
        if before - {m.conf.label for m in members}:
            say(f"results: {root} held the tables of {len(before)} variants; they make place for these {len(members)} (name= keeps both)")


def _quality(root: Path, conf: SweepConf, members: Sequence[Member], prepared: PreparedReplay, manifest: Manifest) -> Manifest:
    champion = next((m for m in members if m.conf.label == conf.champion), None)
    ordered = sorted(members, key=lambda m: m is not champion)  # the champion first: the others are paired with its scores
    status = {m.variant: m.status for m in manifest.members}
    number = {m.conf.label: i for i, m in enumerate(ordered, 1)}
    todo = [m for m in ordered if status[m.conf.label] != OK]
    for member in ordered:
        if member not in todo:
            say(f"quality: {member.conf.label} ({number[member.conf.label]} of {len(ordered)}): unchanged, kept")

    def work(member: Member, card: str | None) -> RunRecord:
        against = champion if champion and champion is not member and status[champion.conf.label] == OK else None
        if card is not None:  # several at once: no bars, which share one line
            return run_quality(member, against, conf, prepared, root, lambda _: None, card)
        with bar(member.conf.label, prepared.n_rows) as progress:
            return run_quality(member, against, conf, prepared, root, progress)

    first = todo[:1] if todo and todo[0] is champion else []
    for some in (first, todo[len(first) :]):
        for member, record in deal(some, _cards(some), lambda m: m.plan.device == "cuda", work):
            label = member.conf.label
            status[label] = record.status
            took = human_seconds(record.elapsed_s or 0.0)
            said = f": {record.reason}" if record.reason else ""
            say(f"quality: {label} ({number[label]} of {len(ordered)}): {record.status} in {took}{said}")
            manifest = manifest.with_status(label, record.status, record.reason, _now())
            write_manifest(root, manifest)
    return manifest


def _cards(members: Sequence[Member]) -> tuple[str, ...]:
    """Name the cards that these members are dealt out to; none where at most one of them has a card."""
    if sum(m.plan.device == "cuda" for m in members) < 2:
        return ()
    return cards_of(visible_uuids(), cuda_driver().n_devices)


def _phase(root: Path, manifest: Manifest, phase: str) -> Manifest:
    manifest = replace(manifest, phase=phase, updated_at=_now())
    write_manifest(root, manifest)
    return manifest


def _first_judged(prepared: PreparedReplay) -> str | None:
    if prepared.timestamps_us is None:
        return None
    first = int(prepared.timestamps_us[is_known(prepared.judged_labels)].min())
    return str(np.datetime64(first, "us").astype("datetime64[s]"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _say_plan(conf: SweepConf, plan: Plan) -> None:
    n_rows, n_variants = min(plan.log.n_rows, conf.replay.limit or plan.log.n_rows), len(conf.variants)
    widths = [
        sum(c.width for c in (plan.log.column(name) for name in g.columns) if c) * (4 if g.dtype == "float" else 8) for g in plan.groups
    ]
    n_ids = 1 + len(conf.replay.slice_columns) + len(conf.replay.crosses)
    r = conf.replay
    label_bytes = {"binary": 1, "multiclass": 4, "regression": 8}[r.task]
    row_bytes = (
        sum(widths) + 2 * n_ids + 4 * bool(r.windows) + 8 * (bool(r.timestamp) + bool(r.weight) + bool(r.cluster)) + 4 * label_bytes + 1
    )
    onnx = [p for p in plan.plans if p.source == "onnx"]
    lines = [
        f"{conf.name}: {n_variants} variants: {', '.join(v.label for v in conf.variants)}",
        f"rows: up to {n_rows:,} of {len(plan.log.paths)} file(s)",
        f"disk: {human_bytes(n_rows * row_bytes)} of prepared replay under {conf.cache_dir}, {human_bytes(4.0 * n_rows * n_variants)} of scores under {conf.results_dir}",
        f"memory: about {human_bytes((110.0 if r.weight or r.cluster else 40.0) * n_rows + 6e8)} in one child at a time, besides mapped pages",
        f"time: speed phase {human_seconds(estimate_s(onnx, conf))}{rate_search_text(conf)}; quality phase {_quality_estimate(onnx, n_rows)}",
        "dry run: nothing was written",
    ]
    with printing():
        print("\n".join(lines))  # noqa: T201


def _quality_estimate(plans: Sequence[ScoringPlan], n_rows: int) -> str:
    from harness.pipeline.probe import seconds_per_row

    total = sum(seconds_per_row(p) for p in plans)
    return (
        "not known (a model could not be run on zeros)"
        if math.isnan(total)
        else f"about {human_seconds(total * n_rows + 2.0 * len(plans))}"
    )
