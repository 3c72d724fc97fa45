"""`harness drift`: contract and drift of a log against its reference; no model needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.config import Composer, compose_drift
from harness.errors import EXIT_FAIL, EXIT_PASS, EXIT_UNDECIDED, ResultsError
from harness.pipeline import environment
from harness.pipeline.column_work import LogWork
from harness.pipeline.log_comparison import compare_with_reference, data_evidence, log_work
from harness.pipeline.progress import printing, say
from harness.records.conf import DriftRunConf
from harness.records.evidence import FAIL, UNDECIDED, GateResult
from harness.report.drift_text import render_findings
from harness.report.table import report_console
from harness.runs import folder as files
from harness.runs.findings import read_findings
from harness.runs.manifest import MANIFEST, read_manifest


def drift(overrides: Sequence[str], config_dirs: Sequence[str]) -> int:
    """Compare a log with its reference, apply the option's gates, and return the exit code."""
    conf = compose_drift(overrides, config_dirs)
    for option in Composer(config_dirs).overridden() if config_dirs else ():
        say(f"conf: your {option} is used instead of the shipped one")
    root, cache_dir = Path(conf.results_dir) / conf.name, Path(conf.cache_dir)
    work = log_work(conf.replay, conf.drift, cache_dir, root / "replay")
    environment.set_environment(cache_dir)
    with files.writing(root):
        _refuse_other_sweep(root, work.log.fingerprint, conf)
        work = replace(work, folder=_folder(root, work))
        findings = compare_with_reference(work, conf.timeout_s)
        evidence = data_evidence(work.folder, findings)
    gates = tuple(gate.judge_data(evidence) for gate in conf.drift.gates)
    with printing():
        render_findings(conf.name, findings, gates, report_console())
    say(f"written: {work.folder}")
    return EXIT_FAIL if findings.contract.violations else _exit_code(gates)  # whether the option has a gate for it or not


def _folder(root: Path, work: LogWork) -> Path:
    """Return where the comparison is written: beside a sweep that made another one, in a folder of its own, since sign-offs read the sweep's."""
    kept = read_findings(root / "replay") if (root / MANIFEST).is_file() else None
    if kept is None or kept.identity == work.identity:
        return root / "replay"
    return root / "drift" / f"{work.drift.name}-{work.identity[:8]}"


def _refuse_other_sweep(root: Path, fingerprint: str, conf: DriftRunConf) -> None:
    if not (root / MANIFEST).is_file():
        return
    try:
        other = read_manifest(root).replay_fingerprint != fingerprint
    except ResultsError:
        other = True  # of an older harness, or damaged: nobody can say which log it is of
    if other:
        raise ResultsError(
            f"results: {root} holds a sweep over another log; give this comparison a name of its own, as name={conf.name}_drift"
        )


def _exit_code(gates: Sequence[GateResult]) -> int:
    status = {gate.status for gate in gates}
    return EXIT_FAIL if FAIL in status else EXIT_UNDECIDED if UNDECIDED in status else EXIT_PASS
