"""`harness compare`, `signoff` and `status`: answers from what a results folder holds, without inference."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from rich.table import Table

from harness.config import TOP_LEVEL
from harness.errors import ConfigError, ResultsError, did_you_mean, one_of
from harness.pipeline import reports
from harness.pipeline.evaluate import evaluate
from harness.pipeline.progress import printing, say
from harness.records.conf import SweepConf
from harness.records.evidence import Signoff
from harness.records.run import OK, PENDING
from harness.report.sorted_rows import sorted_rows
from harness.report.table import report_console
from harness.runs import folder as files
from harness.runs.manifest import Manifest, read_composed, read_manifest
from harness.stored_config import compose_stored

_FROM_STORED = ("price", "gain", "review", "metrics", "candidate", "confidence", "retrain")


def compare(directory: str, overrides: Sequence[str], config_dirs: Sequence[str], sort: str | None = None) -> int:
    """Make the tables and the report again, also with another price, gain, review or metric, or in the order of a column.

    A review is the same review in whatever order its table was looked at: it keeps the order of the sweep.
    """
    root, manifest, conf, n_unscored = _stored(directory, overrides, config_dirs)
    with files.writing(root):
        evaluation = evaluate(root, conf, manifest, n_unscored)
        shown = (
            evaluation
            if sort is None
            else replace(evaluation, comparison=sorted_rows(evaluation.comparison, sort, {m.name: m.direction for m in conf.metrics}))
        )
        reports.write_comparison(root, shown)
        reports.write_signoff(root, evaluation, conf)
    reports.show(shown)
    return evaluation.signoff.exit_code


def signoff(directory: str, overrides: Sequence[str], config_dirs: Sequence[str]) -> int:
    """Apply a review's gates to the stored evidence, keep the review, and print the verdict."""
    root, manifest, conf, n_unscored = _stored(directory, overrides, config_dirs)
    with files.writing(root):
        evaluation = evaluate(root, conf, manifest, n_unscored)
        review = reports.write_signoff(root, evaluation, conf)
    with printing():
        _print_signoff(evaluation.signoff, review)
    return evaluation.signoff.exit_code


def _print_signoff(sign: Signoff, review: Path) -> None:
    console = report_console()
    table = Table(box=None, pad_edge=False)
    for title in ("challenger", "gate", "status", "why"):
        table.add_column(title, overflow="fold")
    for verdict in [v for v in sign.verdicts if sign.candidate in (None, v.variant)]:
        for i, gate in enumerate(verdict.gates):
            table.add_row(verdict.variant if i == 0 else "", gate.gate, gate.status, gate.sentence)
    console.print(table, markup=False) if sign.verdicts else None
    console.print(f"\n{sign.status}: {sign.reason}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"written: {review / 'signoff.html'}", markup=False, highlight=False, soft_wrap=True)


def status(directory: str) -> int:
    """Say how far a running or interrupted sweep is."""
    root = Path(directory)
    manifest = read_manifest(root)
    with printing():
        _print_status(root, manifest)
    return 0


def _print_status(root: Path, manifest: Manifest) -> None:
    console = report_console()
    running = _is_running(root)
    ended = len(manifest.members) - manifest.n_pending
    state = "running" if running else "finished" if manifest.phase == "done" else "interrupted"
    console.print(
        f"{manifest.name}: {state}, phase {manifest.phase}, {ended} of {len(manifest.members)} variants ended, last change {manifest.updated_at}",
        highlight=False,
    )
    for member in manifest.members:
        console.print(
            f"  {member.variant}: {member.status}" + (f": {member.reason}" if member.reason else ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if state == "interrupted":
        console.print(f"next: {_command_of(manifest)}", markup=False, highlight=False, soft_wrap=True)


def _command_of(manifest: Manifest) -> str:
    """Return the command that goes on with a sweep, as a shell takes it."""
    dirs = [part for folder in manifest.conf_dirs for part in ("--config-dir", folder)]
    return shlex.join(["harness", "sweep", *dirs, *manifest.overrides])


def _is_running(root: Path) -> bool:
    try:
        with FileLock(root / ".lock", timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written is nobody's running sweep
        return False


def _stored(directory: str, overrides: Sequence[str], config_dirs: Sequence[str]) -> tuple[Path, Manifest, SweepConf, int]:
    root = Path(directory)
    manifest = read_manifest(root)
    for override in overrides:
        key = override.split("=")[0].lstrip("+~")
        top = key.split(".")[0].split("/")[0]
        if top not in TOP_LEVEL:
            raise ConfigError(
                f"{key}: unknown key; from stored results can be changed: {one_of(_FROM_STORED)}{did_you_mean(top, _FROM_STORED)}"
            )
        if top not in _FROM_STORED:
            raise ConfigError(
                f"{key}: cannot be changed without the log; run harness sweep with it. From stored results: {one_of(_FROM_STORED)}"
            )
    for folder in config_dirs:
        if not Path(folder).is_dir():
            raise ConfigError(f"--config-dir: no folder {folder}; create it or correct the path")
    dirs = [*(d for d in manifest.conf_dirs if Path(d).is_dir()), *config_dirs]
    conf = compose_stored(read_composed(root, manifest), manifest.overrides, overrides, dirs)
    pending = [m.variant for m in manifest.members if m.status == PENDING]
    if pending:
        say(f"{len(pending)} variants have not been scored: {one_of(pending)}; they are left out")
        manifest = replace(manifest, members=tuple(m for m in manifest.members if m.status != PENDING))
        conf = replace(conf, variants=tuple(v for v in conf.variants if v.label not in pending))
    if not any(m.status == OK for m in manifest.members):
        raise ResultsError(f"results: no variant of {root} was scored; run the sweep again")
    return root, manifest, conf, len(pending)
