"""Checks the log's schema against the configuration before a row is decoded."""

from __future__ import annotations

from pathlib import Path

from harness.errors import ReplayError, did_you_mean, one_of
from harness.records.conf import LabelSource, ReplayConf
from harness.records.replay import InputGroup, LogFiles
from harness.replay.join_keys import key_kind

_NUMERIC = ("number", "integer", "boolean")


def check_columns(log: LogFiles, conf: ReplayConf) -> None:
    """Refuse a log that lacks a column that the configuration names, or has it in a type that cannot be used.

    Raises
    ------
    ReplayError
        Naming the key, the column, the file and the nearest column.
    """
    wanted = [("label", conf.label)] if conf.label is not None and conf.labels is None else []
    wanted += [(key, c) for key, c in (("timestamp", conf.timestamp), ("weight", conf.weight), ("cluster", conf.cluster)) if c]
    wanted += [("features", name) for name in conf.features]
    wanted += [("slices.columns", s.column) for s in conf.slice_columns] + [("where", f.column) for f in conf.where]
    production = conf.production
    wanted += [("production", c) for c in (production.version, production.score, production.latency_ms, production.error) if c]
    wanted += [("id", conf.id)] if conf.id else []
    for key, name in wanted:
        require(log, f"replay.{key}", name)
    if conf.label in conf.features:
        raise ReplayError(f"replay.features: '{conf.label}' is the label; a model that sees it is not judged: take it out")
    for sliced in conf.slice_columns:
        column = log.column(sliced.column)
        assert column is not None
        if sliced.edges and column.kind not in _NUMERIC:
            raise ReplayError(
                f"replay.slices: column '{sliced.column}' is {column.type} and has edges; only numbers have edges: leave them out"
            )
        if column.kind in ("tensor", "other"):
            raise ReplayError(
                f"replay.slices: column '{sliced.column}' is {column.type}, which has no values to slice by; name another column"
            )
    if conf.labels and log.labels:
        check_label_file(log, log.labels, conf.labels)
    if conf.label is not None:
        _check_label(conf, conf.label, *(("replay.labels.column", log.labels) if log.labels else ("replay.label", log)))
    _check_design(log, conf)
    _check_production(log, conf)
    overlap(conf)


def _check_label(conf: ReplayConf, name: str, key: str, files: LogFiles) -> None:
    label = files.column(name)
    assert label is not None
    if label.kind in ("tensor", "other", "time"):
        raise ReplayError(f"{key}: column '{name}' is {label.type}, wanted {_LABELS[conf.task]}; name another label")
    if conf.task == "regression" and label.kind not in ("number", "integer"):
        raise ReplayError(f"{key}: column '{name}' is {label.type}, wanted numbers for task regression; use task: binary or multiclass")


_LABELS = {"binary": "numbers, texts or booleans", "multiclass": "texts, whole numbers or booleans", "regression": "numbers"}


def _check_design(log: LogFiles, conf: ReplayConf) -> None:
    weight = log.column(conf.weight) if conf.weight else None
    if weight is not None and weight.kind not in ("number", "integer"):
        raise ReplayError(f"replay.weight: column '{weight.name}' is {weight.type}, wanted numbers; write the weights as numbers")
    cluster = log.column(conf.cluster) if conf.cluster else None
    if cluster is not None and cluster.kind in ("tensor", "other"):
        raise ReplayError(
            f"replay.cluster: column '{cluster.name}' is {cluster.type}, which has no values to tell clusters by; name another column"
        )


def _check_production(log: LogFiles, conf: ReplayConf) -> None:
    score = log.column(conf.production.score) if conf.production.score else None
    if score is not None and score.kind not in ("number", "integer"):
        raise ReplayError(
            f"replay.production.score: column '{score.name}' is {score.type}, wanted numbers; name the column that holds the live model's scores"
        )
    version = log.column(conf.production.version) if conf.production.version else None
    if version is not None and version.kind in ("tensor", "other"):
        raise ReplayError(
            f"replay.production.version: column '{version.name}' is {version.type}, wanted texts or numbers; name the column that says which"
            " version answered"
        )


def check_label_file(log: LogFiles, labels: LogFiles, source: LabelSource) -> None:
    """Refuse a label file that lacks a column, or whose keys are of another type than the log's.

    Raises
    ------
    ReplayError
        Naming the key, the column, and both types.
    """
    for name in source.on:
        require(log, "replay.labels.on", name)
        require(labels, "replay.labels.on", name)
        own, other = log.column(name), labels.column(name)
        assert own is not None
        assert other is not None
        kind = key_kind(own.type)
        if kind is None:
            raise ReplayError(
                f"replay.labels.on: column '{name}' is {own.type} in the log, wanted whole numbers, texts, times, dates or booleans;"
                " join by another column"
            )
        if kind != key_kind(other.type):
            raise ReplayError(
                f"replay.labels.on: column '{name}' is {own.type} in the log and {other.type} in {labels.paths[0].name}, wanted one type in"
                " both; write both with one type"
            )
    for key, column in (("column", source.column), ("observed_at", source.observed_at)):
        if column is not None:
            require(labels, f"replay.labels.{key}", column)


def require(log: LogFiles, where: str, name: str) -> None:
    """Refuse a log without column `name`, naming the nearest one."""
    if log.column(name) is None:
        names = [c.name for c in log.columns]
        file = Path(log.paths[0]).name
        raise ReplayError(f"{where}: no column '{name}' in {file}; columns are: {one_of(names)}{did_you_mean(name, names)}")


def check_group(log: LogFiles, group: InputGroup, variant: str) -> int:
    """Refuse columns that cannot fill a tensor of the group's dtype; return the tensor's width.

    Raises
    ------
    ReplayError
        When a column is missing, or holds texts where the model takes numbers, or the reverse.
    """
    width = 0
    for name in group.columns:
        require(log, f"variant {variant}", name)
        column = log.column(name)
        assert column is not None
        width += column.width
        if column.kind == "tensor" and len(group.columns) > 1:
            raise ReplayError(
                f"replay.features: '{name}' is a list of {column.width}; it fills an input alone: name inputs for variant '{variant}'"
            )
        texts = column.kind == "text"
        if texts != (group.dtype == "string") and not (column.kind in _NUMERIC and group.dtype == "string"):
            raise ReplayError(
                f"replay.features: column '{name}' holds {'strings' if texts else column.type} and variant '{variant}' takes {group.dtype};"
                " encode it as numbers in the log, or name inputs for the variant"
            )
        if column.kind in ("time", "other") or (group.dtype == "int64" and column.kind == "number"):
            raise ReplayError(
                f"replay.features: column '{name}' is {column.type} and variant '{variant}' takes {group.dtype}; write it as numbers"
            )
    return width


def overlap(conf: ReplayConf) -> None:
    """Refuse a training period that overlaps the reference or the tuning period; a reference that is another log has no place in time."""
    if conf.training is None:
        return
    for name, other in (("reference", conf.reference), ("tuning", conf.tuning)):
        if other is None or other.path is not None:
            continue
        starts = [p.since for p in (conf.training, other) if p.since is not None]
        ends = [p.until for p in (conf.training, other) if p.until is not None]
        if not starts or not ends or max(starts) < min(ends):
            raise ReplayError(
                f"replay.{name}: overlaps replay.training; a row that the models learned from cannot be in {name}: move one of them"
            )
