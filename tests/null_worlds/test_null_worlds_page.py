"""A tiny run of the null worlds writes a page that leaves no metric out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.null_worlds.__main__ import main
from harness.compare.paired_differences import PAIRED_METRICS
from harness.metrics.describe import metric_classes

CONF = Path(__file__).parents[2] / "conf" / "metrics"


def options_of(name: str) -> set[str]:
    """Return the metrics that a set names, also by way of other sets."""
    conf = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    if "_target_" in conf:
        return {name}
    return set().union(*(options_of(other) for other in conf["defaults"] if other != "_self_"))


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    """The sections of the page by heading."""
    out = tmp_path_factory.mktemp("null_worlds") / "coverage.md"
    main(["--sets", "12", "--reps", "2", "--out", str(out)])
    parts = out.read_text().split("\n## ")[1:]
    return {part.split("\n")[0]: part for part in parts}


def rows_of(sections: dict[str, str], beginning: str) -> set[str]:
    lines = [line for title, text in sections.items() if title.startswith(beginning) for line in text.splitlines()]
    return {line.split("`")[1] for line in lines if line.startswith("| `")}


@pytest.mark.parametrize(("task", "name"), [("Binary", "binary_full"), ("Regression", "regression"), ("Multiclass", "multiclass")])
def test_every_metric_of_a_set_has_a_row_with_worlds(sections, task, name):
    errors = {word for word in options_of(name) if f"`{word}`: coverage" in sections["Calibration errors and their null points"]}
    assert options_of(name) <= rows_of(sections, f"{task}, ") | errors
    assert len(errors) == (2 if task == "Binary" else 0)


def test_every_metric_class_has_a_row(sections):
    everything = "".join(sections.values())
    assert [m.__module__ for m in metric_classes() if f"`{m.__module__.rpartition('.')[2]}`" not in everything] == []


@pytest.mark.parametrize("tally", PAIRED_METRICS)
def test_every_paired_metric_has_a_row(sections, tally):
    task = {"PairedTally": "binary", "PairedRegressionTally": "regression", "PairedMulticlassTally": "multiclass"}[tally.__name__]
    for beginning in (f"Paired {task}, ", "Paired tests of no difference"):
        text = "".join(t for title, t in sections.items() if title.startswith(beginning))
        assert [m for m in PAIRED_METRICS[tally] if f"`{m}`" not in text and f"`{task}_{m}`" not in text] == []


def test_a_variant_compared_with_itself_never_fails(sections):
    rows = [line.split(" | ") for line in sections["A variant compared with itself"].splitlines() if line.startswith("| `")]
    assert len(rows) == sum(map(len, PAIRED_METRICS.values()))
    assert {(row[1], row[4]) for row in rows} == {("100.0", "0.0")}  # difference 0, FAIL


def test_verdicts_are_told_for_every_number_of_named_slices_and_challengers(sections):
    rows = [
        line.strip("| ").split(" | ") for line in sections["Verdicts of the non-inferiority gate"].splitlines() if line.startswith("| `")
    ]
    assert {(row[2], row[3]) for row in rows} == {("1", "1"), ("5", "1"), ("20", "1"), ("5", "3")}
    assert len({row[1] for row in rows}) == 4
