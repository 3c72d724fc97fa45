"""Reads the `drift` group into its record, and the whole configuration of `harness drift`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from harness.errors import ConfigError
from harness.node import Node, folder_name
from harness.plugins import build_all
from harness.records.conf import DriftConf, DriftRunConf
from harness.replay_schema import read_replay

PROFILES = ("harness", "evidently", "nannyml")
_NEEDS_NO_LOG = ("model", "params", "sweep", "metrics", "measure", "price", "gain", "review", "slice_search", "champion", "candidate")


def read_drift(data: object, seed: int) -> DriftConf | None:
    """Read the `drift` group; None for `none`."""
    node = Node(data, "drift")
    if node.data == {"name": "none"}:
        return None
    n_resamples = node.whole("n_resamples", 999, low=99)
    statistics = build_all(node.raw("statistics"), "statistics")
    if not statistics:
        raise ConfigError("drift.statistics: found none; name some, as in conf/drift/standard.yaml, or use drift=none")
    columns = node.raw("columns", None)
    conf = DriftConf(
        name=node.text("name"),
        profile=node.choice("profile", PROFILES, "harness"),
        columns=None if columns is None else node.names("columns"),
        alpha=node.number("alpha", 0.05, low=0.0, high=1.0),
        resample=node.choice("resample", ("days", "rows"), "days"),
        n_resamples=n_resamples,
        max_categories=node.whole("max_categories", 1000, low=2),
        reference_profile=node.text("reference_profile", None),
        parity_tolerance=node.number("parity_tolerance", 1e-4, low=0.0),
        statistics=tuple(_resampled(s, n_resamples, seed) for s in statistics),
        gates=build_all(node.raw("gates", {}), "gates"),
    )
    node.done()
    _one_convention(conf)
    for gate in conf.gates:
        if not hasattr(gate, "judge_data"):
            raise ConfigError(f"drift.gates: '{gate.name}' judges variants, and there are none here; name it in a review")
    return conf


def _one_convention(conf: DriftConf) -> None:
    """Refuse statistics of one convention under the name of another: rows say whose profile they are of."""
    for statistic in conf.statistics:
        parts = type(statistic).__module__.split(".")
        own = parts[2] if len(parts) > 3 else "harness"
        if own != conf.profile:
            raise ConfigError(
                f"drift.profile: found {conf.profile}, and statistic '{statistic.name}' is by the conventions of {own}; use statistics of {conf.profile}, or set"
                f" profile to {own}"
            )


def _resampled(statistic: Any, n_resamples: int, seed: int) -> Any:
    known = {f.name for f in fields(statistic)}
    return replace(statistic, **{k: v for k, v in (("n_resamples", n_resamples), ("seed", seed)) if k in known})


def read_drift_run(plain: Mapping[str, Any]) -> DriftRunConf:
    """Type what `harness drift` needs; what is of models alone is not looked at.

    Raises
    ------
    ConfigError
        When it cannot run; the message names the key.
    """
    top = Node({k: v for k, v in plain.items() if k not in _NEEDS_NO_LOG}, "")
    seed = top.whole("seed", 0)
    drift = read_drift(top.raw("drift"), seed)
    if drift is None:
        raise ConfigError("drift: found none, and harness drift has nothing else to do; use drift=standard")
    conf = DriftRunConf(
        name=folder_name(top.text("name")),
        results_dir=top.text("results_dir"),
        cache_dir=top.text("cache_dir"),
        timeout_s=top.number("timeout_s", 3600, low=0.1),
        seed=seed,
        replay=read_replay(top.raw("replay"), needs_label=False),
        drift=drift,
    )
    for key in ("device", "confidence", "force", "retrain"):
        top.raw(key, None)
    top.done()
    return conf
