"""Configurations with defaults, so that a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.records.conf import LabelMaturity, ReplayConf
from harness.replay_schema import read_replay

_REPLAY = {"name": "log", "path": "log.parquet", "task": "binary", "label": "y", "features": ["a", "b"], "timestamp": "t"}


def replay_conf(age_s: float = 0.0, **changes: Any) -> ReplayConf:
    """Return a replay configuration; keys of `ReplayConf` may be changed."""
    conf = read_replay(_REPLAY)
    return replace(conf, label_maturity=LabelMaturity(age_s, None, True), **changes)
