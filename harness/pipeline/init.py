"""`harness init`: look at a log and at models, write a configuration and a sweep that run, say what was guessed and why."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from harness.errors import ConfigError, ModelError, one_of
from harness.inference.inspect import inspect_model
from harness.onboarding import guess, write
from harness.pipeline.progress import say
from harness.records.model import ModelSummary
from harness.records.onboarding import ColumnSummary, Guess, Proposal
from harness.records.replay import LogFiles
from harness.replay.log_files import open_log
from harness.replay.look import look, time_span
from harness.runs import folder as files


def init(
    log_path: str, models: Sequence[str], out: str, label: str | None, timestamp: str | None, name: str | None, features: str | None = None
) -> int:
    """Write `out`/replay, `out`/model and `out`/sweep for this log and these models, and print every guess."""
    log = open_log(log_path, None)
    columns = look(log)
    summaries = _models(models)
    name = _plain(name or Path(log_path.rstrip("/*")).stem.rstrip("*_-.") or "log")
    proposal = _propose(log, columns, summaries, name, label, timestamp, [f.strip() for f in features.split(",")] if features else None)
    variants = _variants(summaries, proposal)
    if not variants:
        raise ConfigError("init: no model to judge; give ONNX files with --models 'models/*.onnx', or a log that holds a score column")
    texts = {f"replay/{name}.yaml": write.replay_yaml(proposal, log_path)} | {f"model/{v}.yaml": text for v, text in variants.items()}
    champion = "logged" if "logged" in variants else next(iter(variants))
    texts[f"sweep/{name}.yaml"] = write.sweep_yaml(name, list(variants), champion)
    _write(Path(out), texts)
    why = (
        "the score that the log holds is what runs today"
        if champion == "logged"
        else "the first model: change it to the one that runs today"
    )
    for g in (*proposal.guesses, Guess("champion", champion, why)):
        say(f"{g.what}: {g.value} — {g.why}")
    for file in texts:
        say(f"written: {Path(out) / file}")
    say(f"next: harness sweep --config-dir {out} sweep={name}")
    return 0


def _models(patterns: Sequence[str]) -> dict[str, ModelSummary]:
    found: dict[str, ModelSummary] = {}
    for pattern in patterns:
        here = Path(pattern)
        paths = sorted(here.glob("*.onnx")) if here.is_dir() else sorted(Path(p) for p in glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not paths:
            raise ModelError(f"--models: no file matches '{pattern}'; give ONNX files or their folder, as models/*.onnx")
        found |= {_plain(p.stem): inspect_model(str(p)) for p in paths}
    fit = {name: m for name, m in found.items() if any(t.dtype in ("float", "double") for t in m.outputs)}
    for name in found.keys() - fit.keys():
        say(
            f"left out: {found[name].path} has no float output; export its probabilities as a tensor (with skl2onnx: options={{'zipmap': False}})"
        )
    return fit


def _propose(
    log: LogFiles,
    columns: Sequence[ColumnSummary],
    models: dict[str, ModelSummary],
    name: str,
    label: str | None,
    timestamp: str | None,
    features: Sequence[str] | None,
) -> Proposal:
    label_column, label_guess = guess.guess_label(columns, label)
    positive, positive_guess = guess.guess_positive(label_column)
    time_column, time_guess = guess.guess_timestamp(columns, timestamp)
    score, score_guess = guess.guess_score([c for c in columns if c is not label_column])
    id_column = guess.guess_id(columns)
    taken = {label_column.name, *([time_column] if time_column else []), *([id_column] if id_column else [])}
    taken |= {c.name for c in columns if guess.looks_like_score(c.name)}
    guesses = [label_guess, positive_guess, guess.guess_task(label_column), time_guess]
    chosen, feature_guess = _features(columns, models, taken, features)
    slices, slice_guess = guess.guess_slices(columns, taken)
    guesses += [slice_guess, feature_guess, *([score_guess] if score_guess else [])]
    windows = since = until = None
    if time_column:
        first, last = time_span(log, time_column)
        windows, window_guess = guess.guess_windows(first, last)
        start, end, reference_guess = guess.guess_reference(first, last)
        guesses += [window_guess, reference_guess]
        since, until = start.isoformat(), end.isoformat()
    return Proposal(name, label_column.name, positive, time_column, chosen, slices, windows, since, until, score, id_column, tuple(guesses))


def _features(
    columns: Sequence[ColumnSummary], models: dict[str, ModelSummary], taken: set[str], given: Sequence[str] | None
) -> tuple[tuple[str, ...], Guess]:
    if not models:
        return (), Guess("features", "none", "no model was given; the log's own score is judged")
    named = [m for m in models.values() if len(m.inputs) > 1]
    if len(named) == len(models) and given is None:
        names = tuple(dict.fromkeys(t.name for m in named for t in m.inputs))
        known = {c.name for c in columns}
        if set(names) <= known:
            return names, Guess("features", one_of(names), "the models' inputs are named like columns of the log")
    widths = {m.inputs[0].shape[-1] for m in models.values() if len(m.inputs) == 1 and len(m.inputs[0].shape) > 1}
    fixed = {w for w in widths if w is not None}
    if len(fixed) > 1:
        raise ConfigError(
            f"init: the models take different numbers of features ({one_of(sorted(map(str, fixed)))}); give them one at a time with --models"
        )
    return guess.guess_features(columns, taken, fixed.pop() if fixed else None, given)


def _variants(models: dict[str, ModelSummary], proposal: Proposal) -> dict[str, str]:
    found = {}
    for name, m in models.items():
        floats = [t.name for t in m.outputs if t.dtype in ("float", "double")]
        output = None if len(floats) == 1 else next((n for n in floats if "prob" in n.lower()), floats[0] if floats else None)
        found[name] = write.model_yaml(name, m.path, m.precision, "none", {}, output)
    if proposal.score:
        found["logged"] = write.logged_yaml("logged", proposal.score)
    return found


def _write(out: Path, texts: dict[str, str]) -> None:
    there = [file for file in texts if (out / file).exists()]
    if there:
        raise ConfigError(f"init: {out / there[0]} exists; remove it, or write elsewhere with --out")
    for file, text in texts.items():
        files.write_text(out / file, text)


def _plain(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower() or "log"
