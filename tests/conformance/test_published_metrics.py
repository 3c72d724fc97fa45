"""Figures that others published, from the log to the table through the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from tests.conformance.conftest import Sweep

# NannyML's documentation, car loan data set, realised performance of the ten chunks of 5,000 rows of the analysis period.
CAR_LOAN_AUC = (0.970962, 0.970248, 0.976282, 0.967721, 0.969886, 0.960050, 0.958530, 0.959041, 0.963094, 0.957556)
CAR_LOAN_ACCURACY = (0.9422, 0.9422, 0.9502, 0.9436, 0.9410, 0.9146, 0.9156, 0.9144, 0.9224, 0.9122)


def by_window(frame: pd.DataFrame, metric: str) -> pd.Series:
    rows = frame[(frame["metric"] == metric) & (frame["slice_by"] == "all") & (frame["window"] != "all")]
    return rows["value"]


def whole(frame: pd.DataFrame, metric: str, by: str = "all", of: str = "all") -> float:
    rows = frame[(frame["metric"] == metric) & (frame["slice_by"] == by) & (frame["slice_value"] == of) & (frame["window"] == "all")]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def test_car_loan_chunk_by_chunk_with_labels_that_arrived_later(data: Path, sweep: Sweep) -> None:
    """https://nannyml.readthedocs.io, tutorial on realised performance of binary classification."""
    labels = {"path": str(data / "nannyml_car_loan_analysis_target.csv"), "on": "id", "column": "repaid"}
    replay = {
        "path": str(data / "nannyml_car_loan_analysis.parquet"),
        "label": None,
        "labels": labels,
        "timestamp": "timestamp",
        "windows": {"rows": 5000},
        "label_maturity": {"age": "0d"},
    }
    frame = sweep(replay, "y_pred_proba", "metrics=[auc,accuracy]", "model.threshold=0.65")  # where its y_pred changes
    np.testing.assert_allclose(by_window(frame, "auc"), CAR_LOAN_AUC, atol=5e-7)
    np.testing.assert_allclose(by_window(frame, "accuracy"), CAR_LOAN_ACCURACY, atol=5e-9)


def test_adult_by_sex(data: Path, sweep: Sweep, tmp_path: Path) -> None:
    """Fairlearn's quickstart: a decision tree on one-hot columns, judged on the rows that it was fitted to."""
    adult = pd.read_parquet(data / "adult_evidently.parquet")
    features = pd.get_dummies(adult.drop(columns="class"))
    income = (adult["class"] == ">50K").astype(int)
    tree = DecisionTreeClassifier(min_samples_leaf=10, max_depth=4, random_state=0).fit(features, income)
    log = adult[["sex"]].assign(income=income, predicted=tree.predict(features).astype(np.float32))
    log.to_parquet(tmp_path / "adult.parquet")
    frame = sweep(
        {"path": "adult.parquet", "label": "income", "slices": {"columns": ["sex"]}}, "predicted", "metrics=[accuracy,selection_rate]"
    )
    published = {"accuracy": (0.8443, 0.9251, 0.8042), "selection_rate": (0.1638, 0.0635, 0.2135)}
    for metric, wanted in published.items():
        found = [whole(frame, metric), whole(frame, metric, "sex", "Female"), whole(frame, metric, "sex", "Male")]
        np.testing.assert_allclose(found, wanted, atol=2e-4)


@pytest.mark.parametrize(("league", "brier", "auc"), [("nba", 0.21465, 0.7113), ("wnba", 0.21793, 0.7085)])
def test_538_games(league: str, brier: float, auc: float, data: Path, sweep: Sweep) -> None:
    """FiveThirtyEight, "checking our work": probabilities that were published before each game."""
    frame = sweep({"path": str(data / f"538_{league}_games.csv"), "label": "prob1_outcome"}, "prob1", "metrics=[brier,auc]")
    assert whole(frame, "auc") == pytest.approx(auc, abs=5e-5)
    assert whole(frame, "brier") == pytest.approx(brier, abs=5e-6)


NFL_TIES_AS_HALF, NFL_WITHOUT_TIES = 0.22011, 0.22083


def test_538_ties_are_refused_as_a_third_label(data: Path, sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    sweep({"path": str(data / "538_nfl_games.csv"), "label": "prob1_outcome"}, "prob1", "metrics=[brier,auc]", wanted=2)


def test_538_ties_left_out_by_a_filter(data: Path, sweep: Sweep) -> None:
    replay = {
        "path": str(data / "538_nfl_games.csv"), "label": "prob1_outcome", "where": [{"column": "prob1_outcome", "in": [0.0, 1.0]}],
    }  # fmt: skip
    frame = sweep(replay, "prob1", "metrics=[brier,auc]")
    assert whole(frame, "brier") == pytest.approx(NFL_WITHOUT_TIES, abs=5e-6)
    assert whole(frame, "auc") == pytest.approx(0.6918, abs=5e-5)


def test_538_ties_count_one_half_as_numbers(data: Path, sweep: Sweep) -> None:
    replay = {"path": str(data / "538_nfl_games.csv"), "label": "prob1_outcome", "task": "regression"}
    frame = sweep(replay, "prob1", "metrics=[mse]")
    assert whole(frame, "mse") == pytest.approx(NFL_TIES_AS_HALF, abs=5e-6)
