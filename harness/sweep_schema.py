"""Reads a whole composed configuration into the record of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.compatibility import check_task
from harness.drift_schema import read_drift
from harness.errors import ConfigError, did_you_mean, one_of
from harness.node import Node, folder_name
from harness.plugins import build_all, build_gain
from harness.records.conf import SweepConf, VariantConf
from harness.replay_schema import read_replay
from harness.schema import DEVICES, read_measure, read_price, read_retrain, read_search, read_variant


def read_sweep(
    plain: Mapping[str, Any],
    variants: tuple[VariantConf, ...],
    saved: tuple[tuple[str, str], ...],
    dirs: Sequence[Path],
    user_dirs: tuple[str, ...],
) -> SweepConf:
    """Type everything that one sweep needs.

    Parameters
    ----------
    plain
        The composed configuration of the first combination, in plain containers; all but `model` is common to all.
    variants
        One per combination.
    saved
        Their full names and unresolved YAML.
    dirs
        Folders of options, where price sheets lie beside `price/`.
    user_dirs
        Those of the user.

    Raises
    ------
    ConfigError
        When anything cannot run; the message names the key.
    """
    top = Node({k: v for k, v in plain.items() if k not in ("model", "params", "sweep")}, "")
    labels = [v.label for v in variants]
    review = Node(top.raw("review"), "review")
    review_name, gates = review.text("name"), review.raw("gates")
    review.done()
    replay = read_replay(top.raw("replay"))
    seed = top.whole("seed", 0)
    conf = SweepConf(
        name=folder_name(top.text("name")),
        champion=_among(top.text("champion", None), "champion", labels),
        candidate=_among(top.text("candidate", None), "candidate", labels),
        results_dir=top.text("results_dir"),
        cache_dir=top.text("cache_dir"),
        confidence=top.number("confidence", 0.95, low=0.5, high=0.9999),
        seed=seed,
        timeout_s=top.number("timeout_s", 3600, low=0.1),
        force=top.flag("force", False),
        replay=replay,
        variants=variants,
        measure=read_measure(top.raw("measure")),
        price=read_price(top.raw("price"), dirs),
        review=review_name,
        metrics=build_all(plain.get("metrics"), "metrics"),
        gain=build_gain(plain.get("gain")),
        gates=build_all(gates, "gates"),
        conf_dirs=user_dirs,
        slice_search=read_search(top.raw("slice_search"), replay.task),
        drift=read_drift(top.raw("drift"), seed),
        retrain=read_retrain(top.items("retrain", [])),
        saved=saved,
    )
    for key in ("device", "metrics", "gain"):
        top.raw(key, None)
    top.done()
    check_task(conf)
    return conf


def variant_of(plain: Mapping[str, Any], label: str) -> VariantConf:
    """Type one combination's variant; `label` is its full name."""
    device = Node(plain, "").choice("device", DEVICES, "cpu")
    return read_variant(plain["model"], label, device)


def _among(value: str | None, key: str, labels: list[str]) -> str | None:
    if value is not None and value not in labels:
        raise ConfigError(f"{key}: no variant '{value}' in this sweep; variants are: {one_of(labels, 40)}{did_you_mean(value, labels)}")
    return value
