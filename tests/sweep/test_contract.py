"""The public contract: which files a results folder holds, and their columns in order."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.sweep.world import World


def words(text: str) -> list[str]:
    return text.split()


METRICS = words(
    "variant metric slice_by slice_value window n n_positive weight_sum value ci_low ci_high ci_method confidence undefined_reason"
)
DIFFERENCES = words(
    "metric slice_by slice_value window champion challenger n champion_value challenger_value difference ci_low ci_high"
    " simultaneous_low simultaneous_high method p_value p_value_corrected correction"
)
BEFORE_METRICS = words("variant status reason precision device n_rows")
AFTER_METRICS = words(
    "worst_slice worst_slice_metric worst_slice_vs_champion latency_single_p50_ms latency_single_p99_ms throughput_rows_per_s batch_rows"
    " measured_on measurement_status energy_j_per_1k energy_source cost_per_1k cost_per_1k_at_full cost_per_1k_from_log"
    " cost_per_1k_at_stated utilisation_share utilisation_source priced_as cost_per_month replicas_peak gain_per_1k net_per_1k"
    " net_per_1k_ci_low net_per_1k_ci_high currency pareto verdict"
)
PER_METRIC = ("", "_ci_low", "_ci_high", "_vs_champion", "_vs_champion_ci_low", "_vs_champion_ci_high")
NAMES = words(
    "accuracy precision_score recall fpr fnr npv selection_rate base_rate f1 mcc balanced_accuracy log_loss brier auc average_precision"
    " recall_at_fpr precision_at_top ece ece_equal_mass ce2_debiased calibration_ratio calibration_slope calibration_intercept"
)


def test_files_of_a_results_folder(swept: World) -> None:
    found = {str(f.relative_to(swept.results)) for f in swept.results.rglob("*") if f.is_file() and "variants" not in f.parts}
    review = next(swept.results.glob("reviews/standard-*")).name
    assert len(review) == len("standard-") + 8
    pages = {f"reviews/{review}/{name}" for name in words("signoff.json signoff.md signoff.html signoff.xml runbook.md alerts.yaml")}
    tables = {f"comparison.{suffix}" for suffix in ("csv", "json", "md")} | {"differences.parquet", "signoff.json", "signoff.md"}
    tables |= {"over_time.csv", "fairness.csv", "fairness_to_overall.parquet", "speed.csv", "money_by_slice.csv"}
    replay = {
        f"replay/{name}"
        for name in words(
            "grid.json traffic.arrow arrivals.arrow slice_traffic.parquet missing_labels.parquet label_age.parquet pairs.arrow"
        )
    }
    replay |= {f"replay/{name}" for name in words("contract.json profile.json reference_profile.json findings.json drift.parquet")}
    assert found == {"sweep.json", "composed.json", ".lock", *pages, *tables, *replay}


def test_files_of_a_variant(swept: World) -> None:
    wanted = {
        "config.yaml",
        "run.json",
        "run.log",
        "metrics.parquet",
        "measurement.json",
        "scores.arrow",
        "tallies.arrow",
        "reference.arrow",
        "drift.parquet",
    }
    assert {f.name for f in swept.folder("champion").iterdir()} == wanted
    assert {f.name for f in swept.folder("better").iterdir()} == wanted | {"paired.arrow", "unlabelled.arrow"}


def test_columns_of_the_comparison(swept: World) -> None:
    columns = list(swept.comparison().reset_index().columns)
    between = columns[len(BEFORE_METRICS) : -len(AFTER_METRICS)]
    assert columns[: len(BEFORE_METRICS)] == BEFORE_METRICS
    assert columns[-len(AFTER_METRICS) :] == AFTER_METRICS
    names = [column for column in between if column in NAMES]
    assert sorted(names) == ["accuracy", "auc", "log_loss"]
    assert between == [f"{name}{suffix}" for name in names for suffix in PER_METRIC]


def test_columns_and_cells_of_the_metrics(swept: World) -> None:
    frame = pd.read_parquet(swept.folder("better") / "metrics.parquet")
    assert list(frame.columns) == METRICS
    assert set(frame["variant"]) == {"better"}
    assert set(frame["slice_by"]) == {"all", "region", "channel", "x0", "region*channel"}
    assert set(frame["window"]) == {"all", "2024-01", "2024-02"}
    whole = frame[(frame["slice_by"] == "all") & (frame["slice_value"] == "all") & (frame["window"] == "all")]
    assert sorted(whole["metric"]) == ["accuracy", "auc", "log_loss"]
    assert "north*app" in set(frame["slice_value"])


def test_columns_and_pairs_of_the_differences(swept: World) -> None:
    frame = swept.differences()
    assert list(frame.columns) == DIFFERENCES
    assert set(zip(frame["champion"], frame["challenger"], strict=True)) == {("champion", "better"), ("champion", "worse")}


def test_all_metrics_of_the_binary_set_have_names_of_the_contract(swept: World) -> None:
    swept.run("compare", "metrics=binary")
    comparison = swept.comparison()
    columns = set(comparison.columns)
    assert (comparison["precision"] == "fp32").all(), "the models', and not the metric"
    assert comparison["precision_score"].between(0, 1).all()
    names = {name for name in columns if f"{name}_vs_champion_ci_low" in columns}
    assert len(names) > 10
    assert names <= set(NAMES)


def test_json_files_are_plain_json(swept: World) -> None:
    def refuse(text: str) -> None:
        pytest.fail(f"{text} is not JSON")

    files = list(swept.results.rglob("*.json"))
    assert len(files) > 8
    for file in files:
        json.loads(file.read_text(), parse_constant=refuse)


def test_what_was_not_measured_is_empty_and_says_why(swept: World) -> None:
    text = (swept.results / "comparison.csv").read_text().splitlines()
    row = dict(zip(text[0].split(","), text[1].split(","), strict=True))
    assert row["throughput_rows_per_s"] == ""
    assert row["cost_per_1k"] == ""
    assert row["measurement_status"] == "not_measured"
