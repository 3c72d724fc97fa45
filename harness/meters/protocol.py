"""What a protocol has to hold to carry its name: a shortened one decides nothing."""

from __future__ import annotations

from harness.records.conf import MeasureConf

_STANDARD = MeasureConf("standard", warmup_s=2.0, steady_window_s=1.0, n_blocks=5, trial_s=30.0, early_stop_width=0.05)
_LONG = MeasureConf("long", warmup_s=2.0, steady_window_s=1.0, n_blocks=10, trial_s=60.0)
_DEFINED = {conf.protocol: conf for conf in (_STANDARD, _LONG)}


def recorded_name(conf: MeasureConf) -> str:
    """Name the protocol that was run: its own name only where nothing of its definition was shortened.

    Examples
    --------
    >>> recorded_name(MeasureConf("standard", trial_s=2.0)), recorded_name(MeasureConf("quick", trial_s=0.1))
    ('standard (shortened)', 'quick')
    """
    return f"{conf.protocol} (shortened)" if shortfall(conf) else conf.protocol


def shortfall(conf: MeasureConf) -> str | None:
    """Say in what a run falls short of the protocol that it names; None where it holds all of it, and for quick and none.

    More blocks, longer trials and a stricter steady state are no shortfall.

    Examples
    --------
    >>> shortfall(MeasureConf("long", warmup_s=2.0, steady_window_s=1.0, n_blocks=10, trial_s=5.0))
    'trial_s is 5, long has at least 60'
    """
    own = _DEFINED.get(conf.protocol)
    if own is None:
        return None
    found = [f"{key} is {_text(value)}, {own.protocol} has {wanted}" for key, value, wanted, short in _checks(conf, own) if short]
    return "; ".join(found) or None


def _checks(conf: MeasureConf, own: MeasureConf) -> tuple[tuple[str, float | None, str, bool], ...]:
    """Return key, value, what is wanted, and whether it falls short."""
    window, own_window = conf.steady_window_s or 0.0, own.steady_window_s or 0.0
    width, own_width = conf.early_stop_width or 0.0, own.early_stop_width or 0.0
    early = "no early stop" if own.early_stop_width is None else f"at most {own_width:g}"
    return (
        ("n_blocks", conf.n_blocks, f"at least {own.n_blocks}", conf.n_blocks < own.n_blocks),
        ("trial_s", conf.trial_s, f"at least {own.trial_s:g}", conf.trial_s < own.trial_s),
        ("warmup_s", conf.warmup_s, f"at least {own.warmup_s:g}", conf.warmup_s < own.warmup_s),
        ("steady_window_s", conf.steady_window_s, f"at least {own_window:g}", window < own_window),
        ("steady_windows", conf.steady_windows, f"at least {own.steady_windows}", conf.steady_windows < own.steady_windows),
        ("steady_within", conf.steady_within, f"at most {own.steady_within:g}", conf.steady_within > own.steady_within),
        ("early_stop_width", conf.early_stop_width, early, width > own_width),
        ("early_stop_min_blocks", conf.early_stop_min_blocks, f"at least {own.early_stop_min_blocks}", _stops_too_soon(conf, own)),
    )


def _stops_too_soon(conf: MeasureConf, own: MeasureConf) -> bool:
    return conf.early_stop_width is not None and conf.early_stop_min_blocks < own.early_stop_min_blocks


def _text(value: float | None) -> str:
    return "null" if value is None else f"{value:g}"
