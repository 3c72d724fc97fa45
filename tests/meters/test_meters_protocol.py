from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from harness.errors import ConfigError
from harness.meters.protocol import recorded_name, shortfall
from harness.records.conf import MeasureConf
from harness.schema import read_measure

CONF_DIR = Path(__file__).parents[2] / "conf" / "measure"


def shipped(name: str) -> MeasureConf:
    return read_measure(yaml.safe_load((CONF_DIR / f"{name}.yaml").read_text()))


def test_the_shipped_protocols_are_what_they_are_called():
    for name in ("quick", "standard", "long"):
        assert recorded_name(shipped(name)) == name
        assert shortfall(shipped(name)) is None
    standard, long = shipped("standard"), shipped("long")
    assert (standard.n_blocks, standard.trial_s, standard.early_stop_width, standard.early_stop_min_blocks) == (5, 30.0, 0.05, 3)
    assert (long.n_blocks, long.trial_s, long.early_stop_width) == (10, 60.0, None)
    for conf in (standard, long):
        assert (conf.warmup_s, conf.steady_window_s, conf.steady_windows) == (2.0, 1.0, 3)
        assert (conf.steady_within, conf.warmup_at_most_s) == (0.10, 60.0)
    assert shipped("quick") == MeasureConf("quick", warmup_s=0.5, n_blocks=3, trial_s=1.0)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("standard", {"n_blocks": 4}, "n_blocks is 4, standard has at least 5"),
        ("standard", {"trial_s": 29.0}, "trial_s is 29, standard has at least 30"),
        ("long", {"trial_s": 30.0}, "trial_s is 30, long has at least 60"),
        ("long", {"n_blocks": 9}, "n_blocks is 9, long has at least 10"),
        ("standard", {"warmup_s": 0.0}, "warmup_s is 0, standard has at least 2"),
        ("standard", {"steady_window_s": None}, "steady_window_s is null, standard has at least 1"),
        ("standard", {"steady_windows": 2}, "steady_windows is 2, standard has at least 3"),
        ("long", {"steady_within": 0.5}, "steady_within is 0.5, long has at most 0.1"),
        ("standard", {"early_stop_width": 0.2}, "early_stop_width is 0.2, standard has at most 0.05"),
        ("standard", {"early_stop_min_blocks": 2}, "early_stop_min_blocks is 2, standard has at least 3"),
        ("long", {"early_stop_width": 0.05}, "early_stop_width is 0.05, long has no early stop"),
        ("long", {"n_blocks": 3, "trial_s": 1.0}, "n_blocks is 3, long has at least 10; trial_s is 1, long has at least 60"),
    ],
)
def test_what_is_shortened_loses_its_name(name, change, said):
    conf = replace(shipped(name), **change)
    assert shortfall(conf) == said
    assert recorded_name(conf) == f"{name} (shortened)"


def test_more_than_asked_for_is_no_shortfall():
    more = {"n_blocks": 20, "trial_s": 90.0, "warmup_s": 5.0, "steady_windows": 4, "steady_within": 0.05, "early_stop_width": None}
    assert shortfall(replace(shipped("standard"), **more)) is None
    assert shortfall(replace(shipped("quick"), trial_s=0.01, n_blocks=2)) is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("protocol", "standart", "did you mean 'standard'"),
        ("steady_window_s", 0, "measure.steady_window_s"),
        ("steady_windows", 1, "measure.steady_windows"),
        ("early_stop_width", "5 %", "measure.early_stop_width"),
        ("early_stop_blocks", 3, "unknown key"),
    ],
)
def test_what_cannot_be_run_is_refused(key, value, said):
    with pytest.raises(ConfigError, match=said):
        read_measure({**yaml.safe_load((CONF_DIR / "standard.yaml").read_text()), key: value})
