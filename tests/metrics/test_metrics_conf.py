"""The conf group of metrics: every option composes, builds its class, and has its rows in the documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from harness.metrics.describe import README, describe, metric_classes
from harness.metrics.metric import Metric
from harness.records.needs import Needs, combined

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "metrics"
# An option is named after its metric, or, where a binary metric has that name, after the task and the metric.
OPTIONS = {metric.__module__.rpartition(".")[2]: metric for metric in metric_classes()}
WHOLE_SETS = {"binary": "binary_full"}  # of the other tasks the set named after the task is the whole
TASKS = sorted({metric.task for metric in OPTIONS.values()})


@pytest.fixture
def conf_dir(tmp_path):
    """A root configuration of its own beside the shipped metrics, so that other groups may change."""
    (tmp_path / "config.yaml").write_text("defaults: [_self_, metrics: binary]\n", encoding="utf-8")
    (tmp_path / "metrics").symlink_to(CONF)
    return tmp_path


def built(conf_dir, overrides):
    with initialize_config_dir(str(conf_dir), version_base="1.3"):
        nodes = compose("config", overrides=overrides).metrics
    return {name: instantiate(node) for name, node in nodes.items()}


@pytest.mark.parametrize("task", TASKS)
def test_the_set_of_a_task_builds_every_metric_of_it(conf_dir, task):
    metrics = built(conf_dir, [f"metrics={WHOLE_SETS.get(task, task)}"])
    assert sorted(metrics) == sorted(option for option, metric in OPTIONS.items() if metric.task == task)
    assert all(isinstance(metric, Metric) and metric.name in (name, name.removeprefix(f"{task}_")) for name, metric in metrics.items())


def test_the_set_binary_reads_the_plain_tally_and_the_ranks_only(conf_dir):
    metrics = built(conf_dir, [])
    assert combined(metric.needs() for metric in metrics.values()) == Needs(ranks=True)
    assert len(metrics) == 15


def test_several_options_do_not_overwrite_each_other(conf_dir):
    assert sorted(built(conf_dir, ["metrics=[auc,brier]"])) == ["auc", "brier"]


def test_a_field_of_a_metric_can_be_set(conf_dir):
    assert built(conf_dir, ["metrics=mcc", "metrics.mcc.n_draws=500"])["mcc"].n_draws == 500


@pytest.mark.parametrize("name", OPTIONS)
def test_option_names_its_package_and_says_what_it_answers(name):
    first, second, third, *_ = (CONF / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert first == f"# @package metrics.{name}"
    assert second.startswith("# ")
    assert second.endswith(".")
    assert third.startswith(f"_target_: harness.metrics.{name}.")


def test_readme_is_written_from_the_classes():
    assert README.read_text(encoding="utf-8") == describe(), "run: python -m harness.metrics.describe"


@pytest.mark.parametrize("option", OPTIONS)
def test_every_metric_has_its_row_of_estimands(option):
    singles, _ = (ROOT / "docs" / "estimands.md").read_text(encoding="utf-8").split("## Paired differences")
    row = [r for r in singles.splitlines() if r.startswith(f"| `{option}` |")]
    assert len(row) == 1
    assert OPTIONS[option].interval in row[0]
    assert row[0].count("|") == 9
