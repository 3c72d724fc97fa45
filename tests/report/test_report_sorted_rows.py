from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.errors import ConfigError
from harness.records.comparison import MetricSummary
from harness.report.sorted_rows import sorted_rows

DIRECTIONS = {"auc": "higher", "log_loss": "lower", "mae": "lower", "bias": "none"}


def metric(name: str, value: float) -> MetricSummary:
    return MetricSummary(name, value, math.nan, math.nan, None, None, None)


@pytest.fixture(name="three")
def _three(comparison, row):
    def costing(name: str, net: float | None, cost: float | None, auc: float, loss: float):
        one = row(name, net_per_1k=net, metrics=(metric("auc", auc), metric("log_loss", loss)))
        return replace(one, cost=replace(one.cost, cost_per_1k=cost))

    return comparison(
        costing("a", 1.0, 0.3, 0.7, 0.5), costing("b", None, None, math.nan, math.nan), costing("c", 2.0, 0.1, 0.8, 0.4),
        costing("d", 2.0, 0.2, 0.6, 0.6), costing("e", -1.0, 0.1, 0.8, 0.3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "order", "said"),
    [
        ("net_per_1k", "cdaeb", "net_per_1k, highest first"),
        ("-net_per_1k", "cdaeb", "net_per_1k, highest first"),
        ("+net_per_1k", "eacdb", "net_per_1k, lowest first"),
        ("cost_per_1k", "cedab", "cost_per_1k, lowest first"),
        ("-cost_per_1k", "adceb", "cost_per_1k, highest first"),
        ("auc", "ceadb", "auc, highest first"),
        ("log_loss", "ecadb", "log_loss, lowest first"),
        ("variant", "abcde", "variant, lowest first"),
        ("-variant", "edcba", "variant, highest first"),
        ("throughput_rows_per_s", "abcde", "throughput_rows_per_s, highest first"),
        ("latency_single_p99_ms", "abcde", "latency_single_p99_ms, lowest first"),
        ("gain_per_1k", "abcde", "gain_per_1k, highest first"),
        ("cost_per_1k_at_stated", "abcde", "cost_per_1k_at_stated, lowest first"),
    ],
)
def test_best_first_and_what_has_no_figure_last(three, column: str, order: str, said: str) -> None:
    found = sorted_rows(three, column, DIRECTIONS)
    assert "".join(row.variant for row in found.rows) == order, "equal ones keep their order"
    assert found.sort == said
    assert three.sort is None
    assert sorted(found.rows, key=lambda r: r.variant) == list(three.rows)


def test_the_worst_slice_has_the_direction_of_the_headline(comparison, row) -> None:
    rows = [row(name, worst_slice_metric=value, metrics=(metric("mae", 1.0),)) for name, value in (("a", 0.5), ("b", 0.4), ("c", 0.6))]
    assert [r.variant for r in sorted_rows(comparison(*rows, headline_metrics=("mae",)), "worst_slice_metric", DIRECTIONS).rows] == [
        "b",
        "a",
        "c",
    ]
    assert [r.variant for r in sorted_rows(comparison(*rows, headline_metrics=("auc",)), "worst_slice_metric", DIRECTIONS).rows] == [
        "c",
        "a",
        "b",
    ]


def test_yes_comes_before_no_on_the_front(comparison, row) -> None:
    rows = [row("a", pareto=False), row("b", pareto=None), row("c", pareto=True)]
    assert [r.variant for r in sorted_rows(comparison(*rows), "pareto", DIRECTIONS).rows] == ["c", "a", "b"]


@pytest.mark.parametrize(("column", "hint"), [("cost_per_1000", "cost_per_1k"), ("net", "net_per_1k"), ("-AUC", "auc"), ("", None)])
def test_an_unknown_column_is_named_with_the_nearest(comparison, column: str, hint: str | None) -> None:
    with pytest.raises(ConfigError, match=r"--sort: no column '.*' in comparison.csv; columns are: variant, status, reason") as raised:
        sorted_rows(comparison(), column, DIRECTIONS)
    assert (f"did you mean '{hint}'?" in str(raised.value)) == (hint is not None)


def test_no_rows_are_sorted_too(comparison) -> None:
    empty = replace(comparison(), rows=())
    assert sorted_rows(empty, "net_per_1k", DIRECTIONS).rows == ()
