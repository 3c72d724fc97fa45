"""Which columns of a log are compared with its reference."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.conf import DriftConf, ReplayConf


def compared_names(names: Sequence[str], conf: ReplayConf, drift: DriftConf) -> tuple[str, ...]:
    """Return the columns that statistics look at: those that `drift.columns` names, else all that could be an input.

    Left out are the label, the time, the request's id, weight and cluster, the keys of labels in another file, and what production logged.

    Raises
    ------
    ConfigError
        When a named column is not in the log.
    """
    if drift.columns is not None:
        for name in drift.columns:
            if name not in names:
                raise ConfigError(
                    f"drift.columns: no column '{name}' in the log; columns are: {one_of(names, 40)}{did_you_mean(name, names)}"
                )
        return drift.columns
    production = conf.production
    other = {
        conf.timestamp,
        conf.id,
        conf.weight,
        conf.cluster,
        production.version,
        production.score,
        production.latency_ms,
        production.error,
    }
    other |= set(conf.labels.on) if conf.labels else {conf.label}
    return tuple(name for name in names if name not in other)


def reference_text(conf: ReplayConf, drift: DriftConf) -> str:
    """Say in words what the reference is."""
    if drift.reference_profile is not None:
        return f"the profile {drift.reference_profile}"
    period = conf.reference
    if period is None:
        return "none"
    if period.path is not None:
        return period.path
    since = f"from {period.since:%Y-%m-%d %H:%M}".removesuffix(" 00:00") if period.since else ""
    until = f"until {period.until:%Y-%m-%d %H:%M}".removesuffix(" 00:00") if period.until else ""
    return " ".join(text for text in (since, until) if text)
