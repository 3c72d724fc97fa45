from __future__ import annotations

import csv
import io
import json
import math

import pandas as pd

from harness.records.comparison import MetricSummary
from harness.report.comparison_files import comparison_csv, comparison_frame, comparison_json, comparison_markdown, escape_markdown

BEFORE = ["variant", "status", "reason", "precision", "device", "n_rows"]
SUFFIXES = ["", "_ci_low", "_ci_high", "_vs_champion", "_vs_champion_ci_low", "_vs_champion_ci_high"]
AFTER = [
    *("worst_slice", "worst_slice_metric", "worst_slice_vs_champion", "latency_single_p50_ms", "latency_single_p99_ms"),
    *("throughput_rows_per_s", "batch_rows", "measured_on", "measurement_status", "energy_j_per_1k", "energy_source", "cost_per_1k"),
    *("cost_per_1k_at_full", "cost_per_1k_from_log", "cost_per_1k_at_stated", "utilisation_share", "utilisation_source", "priced_as"),
    *("cost_per_month", "replicas_peak", "gain_per_1k", "net_per_1k", "net_per_1k_ci_low", "net_per_1k_ci_high", "currency"),
    *("pareto", "verdict"),
]
COLUMNS = [*BEFORE, *("auc" + s for s in SUFFIXES), *("brier" + s for s in SUFFIXES), *AFTER]


def test_the_columns_are_the_contract_in_its_order(comparison) -> None:
    assert list(comparison_frame(comparison()).columns) == COLUMNS
    assert next(csv.reader(io.StringIO(comparison_csv(comparison())))) == COLUMNS


def test_each_figure_stands_under_its_name(comparison) -> None:
    frame = comparison_frame(comparison()).set_index("variant")
    wanted = {
        "auc": 0.81234,
        "auc_vs_champion_ci_high": 0.0145,
        "brier_vs_champion": -0.002,
        "latency_single_p50_ms": 0.0412,
        "latency_single_p99_ms": 0.123,
        "throughput_rows_per_s": 1.25e6,
        "batch_rows": 4096,
        "cost_per_1k_at_full": 0.0018,
        "cost_per_month": 61.2,
        "gain_per_1k": 12.4,
        "net_per_1k_ci_low": 11.8,
        "verdict": "PASS",
    }
    assert {name: frame.loc["gbdt_small", name] for name in wanted} == wanted
    bare = frame.loc["mlp_wide[precision=int8]"]
    assert bare["measurement_status"] == "not_measured"
    assert bare[["cost_per_1k", "gain_per_1k", "throughput_rows_per_s"]].isna().all()


def test_the_metric_precision_leaves_the_precision_of_the_model_alone(comparison, row) -> None:
    figures = (0.61, 0.6, 0.62, 0.01, 0.005, 0.015)
    both = row(
        "v", precision="int8", metrics=(MetricSummary("auc", 0.8, 0.79, 0.81, None, None, None), MetricSummary("precision", *figures))
    )
    frame = comparison_frame(comparison(both))
    metrics = [f"{name}{suffix}" for name in ("auc", "precision_score") for suffix in SUFFIXES]
    assert list(frame.columns) == [*BEFORE, *metrics, *AFTER]
    assert frame.loc[0, "precision"] == "int8"
    assert tuple(frame.loc[0, [f"precision_score{suffix}" for suffix in SUFFIXES]]) == figures
    record = next(csv.DictReader(io.StringIO(comparison_csv(comparison(both)))))
    assert (record["precision"], record["precision_score"]) == ("int8", "0.61")


def test_no_metric_takes_a_column_that_is_there_already(comparison, row) -> None:
    names = ("precision_score", "precision", "net_per_1k", "verdict", "auc")
    metrics = tuple(MetricSummary(name, float(i), math.nan, math.nan, None, None, None) for i, name in enumerate(names))
    frame = comparison_frame(comparison(row("v", metrics=metrics)))
    assert not frame.columns.duplicated().any()
    assert len(frame.columns) == len(BEFORE) + len(names) * len(SUFFIXES) + len(AFTER)
    columns = ["precision_score", "precision_score_score", "net_per_1k_score", "verdict_score", "auc"]
    assert frame.loc[0, columns].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert (frame.loc[0, "precision"], frame.loc[0, "net_per_1k"], frame.loc[0, "verdict"]) == ("fp32", 12.3959, "PASS")


def test_csv_tells_undefined_from_not_measured_and_pandas_reads_both(comparison, row) -> None:
    undefined = row("v", metrics=(MetricSummary("auc", math.nan, math.nan, math.nan, None, None, None),))
    text = comparison_csv(comparison(undefined))
    record = next(csv.DictReader(io.StringIO(text)))
    assert (record["auc"], record["auc_vs_champion"]) == ("NaN", "")
    assert pd.read_csv(io.StringIO(text))["auc"].isna().all()


def test_no_rows_still_have_the_columns(comparison, row) -> None:
    empty = comparison(row("v"))
    assert list(comparison_frame(type(empty)(**{**vars(empty), "rows": ()})).columns) == [*BEFORE, *AFTER]


def test_json_holds_the_records_the_account_and_the_notes_strictly(comparison, row) -> None:
    undefined = row("v", metrics=(MetricSummary("auc", math.nan, math.inf, -math.inf, None, None, None),))
    data = json.loads(comparison_json(comparison(undefined)), parse_constant=lambda c: (_ for _ in ()).throw(ValueError(c)))
    assert data["account"] == {
        "n_log": 327346,
        "n_judged": 273853,
        "left_out": [["in the training period", 50993], ["without a label", 2500], ["too young", 0]],
    }
    assert data["notes"] == ["the price sheet is 120 days old"]
    auc = data["rows"][0]["metrics"][0]
    assert (auc["value"], auc["ci_low"], auc["ci_high"], auc["vs_champion"]) == ("NaN", "inf", "-inf", None), "undefined, and not measured"
    assert [float(auc[name]) for name in ("ci_low", "ci_high")] == [math.inf, -math.inf]


def test_markdown_is_one_table_with_names_escaped(comparison, row) -> None:
    text = comparison_markdown(comparison(row("a|b<script>"), row("c")))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "a\\|b\\<script>" in text
    assert "[0.8101, 0.8145]" in text
    assert escape_markdown("![x](http://y)") == "![x]\\(http://y)"
