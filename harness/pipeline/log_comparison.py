"""Starts the comparison of a log with its reference in a child, unless it stands there already, and makes evidence of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import psutil

from harness.device import CudaDriver
from harness.drift.contract_file import read_contract
from harness.drift.profile_file import profile_of_text
from harness.errors import ConfigError, HarnessError, ReplayError, ResultsError
from harness.pipeline.card_errors import card_errors
from harness.pipeline.column_work import LogWork, PartResult, compare_columns
from harness.pipeline.environment import sources
from harness.pipeline.log_drift import put_together
from harness.pipeline.progress import bar
from harness.records.conf import DriftConf, ReplayConf
from harness.records.data_evidence import DataEvidence
from harness.records.log_findings import LogFindings
from harness.records.profile import LogProfile
from harness.records.tally import ALL
from harness.replay import contract as log_contract
from harness.replay import log_files
from harness.report.drift_frame import drift_rows_of
from harness.runs import folder as files
from harness.runs.findings import CONTRACT, DRIFT, PROFILE, read_findings, remove_findings
from harness.runs.identity import code_hash, digest
from harness.workers.child import Channel, Outcome, run_child

MAX_CHILDREN = 4  # each holds a column of all rows at a time
ROW_BYTES, ID_BYTES = 70, 8  # of a child, a row, and a row and slice column: 87 were measured with float32 columns and four slice columns
_CODE = (
    "kernels",
    "drift",
    "drift/evidently",
    "drift/nannyml",
    "replay",
    "slicing",
    "records",
    "stats",
    "pipeline/log_drift.py",
    "pipeline/column_work.py",
    "pipeline/column_names.py",
    "pipeline/columns_on_card.py",
)


def log_work(replay: ReplayConf, drift: DriftConf, cache_dir: Path, folder: Path) -> LogWork:
    """Open what is compared, and refuse what cannot be.

    Raises
    ------
    HarnessError
        When a file cannot be read, a column is missing, or there is nothing to compare with.
    """
    log = log_files.open_replay(replay, cache_dir)
    log_contract.check_columns(log, replay)
    path = replay.reference.path if replay.reference else None
    if drift.reference_profile is not None and replay.reference is not None and path is not None:
        raise ConfigError(
            f"drift.reference_profile: found {drift.reference_profile} beside replay.reference.path {path}, wanted one reference; leave one null"
        )
    reference = log_files.open_log(path, cache_dir, "replay.reference.path") if path else None
    contract = read_contract(replay.contract) if replay.contract else None
    stored = _stored(drift.reference_profile) if drift.reference_profile else None
    if contract is None and stored is None and replay.reference is None:
        raise ReplayError(
            "replay.reference: found null; wanted a period ({from, until}), another log ({path: ...}), drift.reference_profile=FILE, or a"
            " contract in replay.contract"
        )
    if stored is not None and not {c.name for c in stored.columns} & {c.name for c in log.columns}:
        raise ReplayError(
            f"drift.reference_profile: {drift.reference_profile} has none of the log's columns (it is of {stored.source}); name the profile of"
            " another stretch of this log"
        )
    identity = digest(
        log.fingerprint,
        log.labels.fingerprint if log.labels else None,
        reference.fingerprint if reference else None,
        repr(replay),
        repr(replace(drift, gates=())),  # gates read what was found
        repr(contract),
        stored.sha256 if stored else None,
        code_hash(sources(*_CODE)),
    )
    return LogWork(log, reference, replay, drift, contract, stored, cache_dir, folder, identity)


def why_not_compared(replay: ReplayConf, drift: DriftConf | None) -> str | None:
    """Say why a sweep does not compare its log with anything; None where it does."""
    if drift is None:
        return "drift=none leaves it out"
    if replay.reference is None and replay.contract is None and drift.reference_profile is None:
        return "replay.reference is null, and replay.contract too"
    return None


def _stored(path: str) -> LogProfile:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as trouble:
        reason = getattr(trouble, "strerror", None) or "it is no text"
        raise ReplayError(
            f"drift.reference_profile: {path} cannot be read ({reason}); name a profile.json that harness drift wrote"
        ) from trouble
    return profile_of_text(text, path)


def compare_with_reference(work: LogWork, timeout_s: float) -> LogFindings:
    """Return what was found of a log; what stands there under the same identity is not found again.

    Raises
    ------
    HarnessError
        When the log is not what the configuration says.
    """
    kept = _kept(work)
    if kept is not None:
        return kept
    remove_findings(work.folder)
    n_parts = n_children(work, thread_count(), psutil.virtual_memory().available)
    with bar("drift", len(work.log.columns)) as progress, ThreadPoolExecutor(n_parts) as pool:
        done, is_over = [0] * n_parts, Event()

        def run(part: int) -> Outcome:
            def on_columns(n: int) -> None:
                if is_over.is_set():
                    raise InterruptedError("nobody waits for this part")
                done[part] = n
                progress(sum(done))

            return run_child(_compare, (work, part, n_parts), timeout_s, None, on_columns)

        try:
            outcomes = list(pool.map(run, range(n_parts)))
        except BaseException:  # an interrupt, say: the pool would wait for every child to end its work
            is_over.set()
            raise
    return put_together(work, [_part_of(outcome) for outcome in outcomes])


def n_children(work: LogWork, n_cores: int, available_bytes: int) -> int:
    """Return into how many children the columns are dealt out: as many as there are cores, and as fit into half of the memory that is there."""
    n_rows = work.log.n_rows + (work.reference.n_rows if work.reference else 0)
    n_ids = len(work.replay.slice_columns) + len(work.replay.crosses)
    fit = int(available_bytes / 2 / (n_rows * (ROW_BYTES + n_ids * ID_BYTES)))
    return max(1, min(MAX_CHILDREN, n_cores, len(work.log.columns), fit))


def children_of_cards(cards: Sequence[str], driver: CudaDriver) -> tuple[str, ...]:
    """Return the card of each child that has one: children share cards in turn, unless these let one process in.

    Most of a column's work is the host's, so that one child a card would be slower than four on the CPU; what a child has on its card is a
    column and the cells of the rows.

    >>> from harness.device import CudaDevice
    >>> driver = CudaDriver(1, None, devices=(CudaDevice("NVIDIA L4", "GPU-a", "Exclusive_Process"),))
    >>> children_of_cards(("GPU-a",), CudaDriver(1, None)), children_of_cards(("GPU-a",), driver), children_of_cards((), driver)
    (('GPU-a', 'GPU-a', 'GPU-a', 'GPU-a'), ('GPU-a',), ())
    """
    is_shared = all(device.compute_mode != "Exclusive_Process" for device in driver.devices)
    n_with_card = MAX_CHILDREN if is_shared else len(cards)
    return tuple(cards[part % len(cards)] for part in range(n_with_card)) if cards else ()


def thread_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _kept(work: LogWork) -> LogFindings | None:
    """Return the findings that stand there under the same identity; None where there are none, or they are damaged: they are found again."""
    try:
        kept = read_findings(work.folder)
    except ResultsError:
        return None
    is_whole = kept is not None and kept.identity == work.identity and all((work.folder / f).is_file() for f in (CONTRACT, PROFILE, DRIFT))
    return kept if is_whole else None


def _compare(channel: Channel, work: LogWork, part: int, n_parts: int) -> tuple[PartResult | None, HarnessError | None]:
    """Hand a refusal over as what it is: the parent knows its exit code."""
    if part < len(work.cards):
        os.environ["CUDA_VISIBLE_DEVICES"] = work.cards[part]  # before anything has asked CUDA for one
    try:
        with card_errors("while columns of the log were reduced on it"):
            return compare_columns(channel, work, part, n_parts), None
    except HarnessError as trouble:
        return None, trouble


def _part_of(outcome: Outcome) -> PartResult:
    if outcome.status == "timed_out":
        raise ReplayError(f"drift: {outcome.reason}; raise timeout_s, or compare fewer columns (drift.columns)")
    if outcome.status != "ok":
        raise RuntimeError(f"drift: {outcome.reason}")
    part, trouble = outcome.value
    if trouble is not None:
        raise trouble
    found: PartResult = part
    return found


def data_evidence(folder: Path, findings: LogFindings | None, reason: str | None = None) -> DataEvidence:
    """Return what gates read of a log; `reason` says why there are no findings."""
    if findings is None:
        return DataEvidence(contract_reason=reason, drift_reason=reason)
    frame = files.read_parquet(folder / DRIFT)
    rows = drift_rows_of(frame[(frame["slice_by"] == ALL) & (frame["slice_value"] == ALL)])
    nothing = None if rows else "no column was compared" if findings.n_reference else "there is no reference, only a contract"
    return DataEvidence(contract=findings.contract, drift=rows, drift_reason=nothing)
