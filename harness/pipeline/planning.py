"""Before the first batch: the models and the log are looked at, and whatever cannot run is refused."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.device import CudaDriver
from harness.errors import ConfigError, DeviceError, ReplayError
from harness.gpu_stack import cuda_stack, why_not_cuda
from harness.inference.inspect import inspect_model
from harness.inference.plan import plan_logged, plan_onnx
from harness.meters.cards import describe_cards, visible_uuids
from harness.pipeline.card_lanes import card_notes, cards_of
from harness.pipeline.environment import sources
from harness.pipeline.gain_tallies import check_value_columns, value_group
from harness.pipeline.progress import say
from harness.pipeline.quality import Member
from harness.records.conf import SweepConf, VariantConf
from harness.records.model import ScoringPlan
from harness.records.replay import InputGroup, LogFiles
from harness.records.run import Identity
from harness.replay import contract, log_files
from harness.replay.prepared import folder_of
from harness.runs import store
from harness.runs.identity import code_hash, digest

_SCORES_CODE = ("inference", "replay", "slicing", "pipeline/prepare.py", "pipeline/quality.py")
_QUALITY_CODE = (
    "pipeline/quality.py",
    "pipeline/reduction.py",
    "pipeline/device_rows.py",
    "pipeline/variant_tables.py",
    "pipeline/variant_drift.py",
    "pipeline/gain_tallies.py",
    "pipeline/worst_slices.py",
)
_DEMO_LOG = "data/flights/*.parquet"


@dataclass(frozen=True)
class Plan:
    """A sweep that can run: its log, how each variant is scored, and the columns that are needed for it."""

    log: LogFiles
    plans: tuple[ScoringPlan, ...]
    groups: tuple[InputGroup, ...]
    replay_code: str


def plan_sweep(conf: SweepConf, cache_dir: Path | None) -> Plan:
    """Look at every model and at the log's schema, and refuse what cannot run.

    Parameters
    ----------
    cache_dir
        Where the log's fingerprint is remembered; None remembers nothing.
    """
    driver = _check_devices(conf.variants, is_timed=conf.measure.protocol != "none")
    for variant in conf.variants:
        _check_threshold(variant, conf)
    if conf.replay.path == _DEMO_LOG and not any(Path().glob(_DEMO_LOG)):
        raise ReplayError(
            f"replay.path: no file '{_DEMO_LOG}' here; `python -m harness.demo` builds this log, or name your own (harness init LOG)"
        )
    log = log_files.open_replay(conf.replay, cache_dir)
    contract.check_columns(log, conf.replay)
    plans = tuple(_plan(v, conf, log) for v in conf.variants)
    check_value_columns(log, conf.gain)
    values = value_group(conf.gain)
    if driver is not None:
        _say_cards(driver, conf)
    groups = tuple(dict.fromkeys((*(i.group for p in plans for i in p.inputs), *([values] if values else []))))
    return Plan(log, plans, groups, code_hash(sources("replay", "slicing", "records/replay.py", "pipeline/prepare.py")))


def members_of(conf: SweepConf, plan: Plan, root: Path, cache_dir: Path) -> tuple[Member, ...]:
    """Give every variant its identities and its folder."""
    replay_key = folder_of(cache_dir, plan.log, conf.replay, plan.replay_code).name
    r = conf.replay
    rows_key = digest(plan.log.fingerprint, r.timestamp, repr(r.where), repr(r.training), r.limit)  # which rows are scored
    own = {v.label: _own_identity(v, p, conf, rows_key, replay_key) for v, p in zip(conf.variants, plan.plans, strict=True)}
    found = []
    for variant, scoring, (label, text) in zip(conf.variants, plan.plans, conf.saved, strict=True):
        scores, alone = own[label]
        against = own[conf.champion][1] if conf.champion and label != conf.champion else None
        identity = Identity(scores, digest(alone, against))
        found.append(Member(variant, scoring, identity, store.variant_folder(root, label, identity), text))
    return tuple(found)


def _own_identity(variant: VariantConf, plan: ScoringPlan, conf: SweepConf, rows_key: str, replay_key: str) -> tuple[str, str]:
    runtime = _runtime_version() if plan.source == "onnx" else None
    how = (
        plan.sha256,
        plan.source,
        repr(plan.inputs),
        plan.output,
        plan.transform,
        plan.task,
        plan.batch_rows,
        plan.threads,
        plan.device,
        plan.card,
        runtime,
    )
    scores = digest(*how, rows_key, code_hash(sources(*_SCORES_CODE)))
    rule = repr(conf.gain) if variant.threshold.maximise else None
    values = (conf.gain.columns(), conf.gain.policy_column()) if value_group(conf.gain) else None  # what is kept of the rows for it
    metrics = [repr(m) for m in conf.metrics]
    code = code_hash(
        sources(
            "kernels",
            "tallies",
            "metrics",
            "gain",
            "records",
            "stats",
            "compare",
            "drift",
            "drift/evidently",
            "drift/nannyml",
            "report",
            *_QUALITY_CODE,
        )
    )
    quality = digest(
        scores,
        replay_key,
        repr(variant.threshold),
        rule,
        values,
        str(variant.trained_until),
        metrics,
        conf.confidence,
        conf.seed,
        repr(conf.slice_search),
        repr(replace(conf.drift, gates=()) if conf.drift else None),
        conf.replay.production.score is not None and conf.champion == variant.label,  # whose parity is measured
        code,
    )
    return scores, quality


def _runtime_version() -> str:
    for name in ("onnxruntime", "onnxruntime-gpu"):
        with contextlib.suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    raise DeviceError("onnxruntime is not installed, and models are scored with it; run: pip install 'replay-harness[cpu]'")


def _plan(variant: VariantConf, conf: SweepConf, log: LogFiles) -> ScoringPlan:
    if variant.source == "logged":
        plan = plan_logged(variant, conf.replay)
    else:
        assert variant.path is not None
        summary = inspect_model(variant.path)
        for name in _named_columns(variant, conf):
            contract.require(log, f"variant {variant.label}", name)
        plan = plan_onnx(variant, summary, conf.replay, log)
    for planned in plan.inputs:
        contract.check_group(log, planned.group, variant.label)
    return plan


def _named_columns(variant: VariantConf, conf: SweepConf) -> Sequence[str]:
    named = [name for given in variant.inputs for name in given.columns]
    return [*named, *(variant.features or conf.replay.features if not variant.inputs else ())]


def _check_devices(variants: Sequence[VariantConf], *, is_timed: bool) -> CudaDriver | None:
    """Refuse device=cuda where the driver has no card or a package is missing; return the driver, or None where no variant has a card."""
    on_card = [variant for variant in variants if variant.device == "cuda"]
    if not on_card:
        return None
    stack = cuda_stack()
    trouble = why_not_cuda(stack)
    if trouble is not None:
        raise DeviceError(
            f"device: cuda was asked for by variant '{on_card[0].label}', and {trouble.text}; {trouble.remedy}, or use device=cpu"
        )
    n_processes, first = len(on_card), next(iter(stack.driver.devices), None)
    if is_timed and n_processes > 1 and first and first.compute_mode == "Exclusive_Process" and not _has_mps():
        raise DeviceError(
            f"device: the compute mode of {first} is Exclusive_Process, which lets one process in, and the speed phase keeps one for each of the"
            f" {n_processes} variants on it; run: sudo nvidia-smi -i {first.uuid} -c DEFAULT, or use measure=none"
        )
    return stack.driver


def _has_mps() -> bool:
    """Say whether the Multi-Process Service runs: behind it all processes are one, and the mode lets them in."""
    return (Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY") or "/tmp/nvidia-mps") / "control").exists()


def _say_cards(driver: CudaDriver, conf: SweepConf) -> None:
    n_variants = sum(variant.device == "cuda" for variant in conf.variants)
    cards = cards_of(visible_uuids(), driver.n_devices)
    for note in card_notes(cards, driver.devices, describe_cards()[0], n_variants, is_timed=conf.measure.protocol != "none"):
        say(note)


def _check_threshold(variant: VariantConf, conf: SweepConf) -> None:
    rule = variant.threshold
    if rule.value is not None:
        return
    if conf.replay.task != "binary":
        raise ConfigError(
            f"model.threshold: variant '{variant.label}' has a rule for its threshold, and task {conf.replay.task} has none; leave it out"
        )
    if conf.replay.tuning is None:
        raise ConfigError(
            f"model.threshold: variant '{variant.label}' finds its threshold on tuning rows, and replay.tuning is null; give a period or a number"
        )
    if rule.maximise and conf.gain is None:
        raise ConfigError(f"model.threshold: variant '{variant.label}' maximises gain, and gain=none; name a gain option or give a number")
    if rule.match and (conf.champion is None or variant.label == conf.champion):
        raise ConfigError(
            f"model.threshold: variant '{variant.label}' matches the champion, and there is no other variant that is it; set champion= or give a number"
        )
