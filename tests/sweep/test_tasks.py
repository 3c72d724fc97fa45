"""Whole sweeps of regression, multiclass, weighted and clustered logs, against scikit-learn on the same rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score, recall_score, roc_auc_score

from tests.sweep.world import FEATURES, TRUTH, World, make_log

JUDGED_FROM = "2024-01-21"
CLASSES = ("bus", "car", "train")
LINEAR = {"champion": (1.0, -0.4, 0.0, 0.0), "better": tuple(TRUTH)}
CLASS_WEIGHTS = np.array([[1.0, 0.0, -1.0], [-0.5, 1.0, 0.0], [0.0, 0.5, -0.5], [0.0, 0.0, 0.0]], np.float32)


def write_graph(path: Path, weights: np.ndarray, *, softmax: bool) -> None:
    """Write x @ weights, with a softmax over the classes where it is asked for."""
    k = weights.shape[1]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits" if softmax else "out"])]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["out"], axis=1))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(FEATURES)])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", k])],
        [numpy_helper.from_array(weights.astype(np.float32), "w")],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)


def task_log() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    log = make_log()
    x = log[list(FEATURES)].to_numpy(np.float64)
    log["amount"] = x @ TRUTH + rng.normal(0, 0.5, len(log))
    logits = x @ CLASS_WEIGHTS + rng.gumbel(size=(len(log), 3))
    log["mode"] = np.array(CLASSES)[logits.argmax(axis=1)]
    log.loc[log.index % 50 == 49, ["amount", "mode"]] = None
    log["w"] = rng.integers(0, 4, len(log)).astype(np.float64)
    log["user"] = [f"u{i}" for i in rng.integers(0, 300, len(log))]
    return log


def replay(world: World, **changes: object) -> None:
    conf = {
        "name": "tiny",
        "path": "log/*.parquet",
        "features": list(FEATURES),
        "timestamp": "at",
        "slices": {"columns": ["region", "channel"], "crosses": [["region", "channel"]]},
        "windows": "1mo",
        "training": {"before": "2024-01-11"},
        "reference": {"from": "2024-01-11", "until": JUDGED_FROM},
        "label_maturity": {"age": "0d"},
    }
    world.conf("replay", "tiny", conf | changes)


def judged(label: str) -> pd.DataFrame:
    log = task_log()
    return log[(log["at"] >= JUDGED_FROM) & log[label].notna()]


def value(frame: pd.DataFrame, metric: str, by: str = "all", of: str = "all", window: str = "all") -> pd.Series:
    rows = frame[(frame["metric"] == metric) & (frame["slice_by"] == by) & (frame["slice_value"] == of) & (frame["window"] == window)]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.fixture
def world(own_world: World) -> World:
    own_world.log(task_log())
    return own_world


def test_a_regression_sweep(world: World) -> None:
    replay(world, task="regression", label="amount")
    for name, weights in LINEAR.items():
        write_graph(world.model(name), np.array(weights).reshape(-1, 1), softmax=False)
    code = world.sweep("metrics=regression", "review=regression", "gain=none", "params.model=[champion,better]")
    assert code == 3
    rows = judged("amount")
    predicted = rows[list(FEATURES)].to_numpy() @ np.array(LINEAR["better"], np.float32)
    frame = pd.read_parquet(world.folder("better") / "metrics.parquet")
    west = (rows["region"] == "west").to_numpy()
    np.testing.assert_allclose(value(frame, "mae")["value"], mean_absolute_error(rows["amount"], predicted), rtol=1e-5)
    np.testing.assert_allclose(value(frame, "r2", "region", "west")["value"], r2_score(rows["amount"][west], predicted[west]), rtol=1e-4)
    assert frame["n_positive"].isna().all()
    better = world.comparison().loc["better"]
    assert better["mae_vs_champion_ci_high"] < 0
    assert set(world.differences()["metric"]) >= {"mae", "mse", "rmse"}
    assert (pd.read_csv(world.results / "over_time.csv")["period"] == "reference").any()


def test_a_multiclass_sweep(world: World) -> None:
    replay(world, task="multiclass", label="mode")
    write_graph(world.model("champion"), CLASS_WEIGHTS * np.float32(0.3), softmax=True)
    write_graph(world.model("better"), CLASS_WEIGHTS, softmax=True)
    assert world.sweep("metrics=multiclass", "review=multiclass", "gain=none", "params.model=[champion,better]") == 3
    rows = judged("mode")
    logits = rows[list(FEATURES)].to_numpy() @ CLASS_WEIGHTS
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth, predicted = rows["mode"].to_numpy(), np.array(CLASSES)[p.argmax(axis=1)]
    frame = pd.read_parquet(world.folder("better") / "metrics.parquet")
    np.testing.assert_allclose(value(frame, "accuracy")["value"], accuracy_score(truth, predicted))
    np.testing.assert_allclose(value(frame, "macro_f1")["value"], f1_score(truth, predicted, average="macro"), rtol=1e-9)
    np.testing.assert_allclose(value(frame, "log_loss")["value"], log_loss(truth, p, labels=CLASSES), rtol=1e-5)
    auc = roc_auc_score(truth, p, multi_class="ovr", average="macro", labels=CLASSES)
    np.testing.assert_allclose(value(frame, "auc_ovr_macro")["value"], auc, rtol=1e-5)
    north = (rows["region"] == "north").to_numpy()
    np.testing.assert_allclose(value(frame, "accuracy", "region", "north")["value"], accuracy_score(truth[north], predicted[north]))
    assert world.comparison().loc["better", "log_loss_vs_champion_ci_high"] < 0
    confusion = pd.read_parquet(world.folder("better") / "confusion.parquet")
    whole = confusion[(confusion["slice_by"] == "all") & (confusion["window"] == "all")]
    bus_as_car = whole[(whole["label"] == "bus") & (whole["predicted"] == "car")]["n"].sum()
    assert bus_as_car == ((truth == "bus") & (predicted == "car")).sum() > 0


def test_a_model_of_another_number_of_classes_is_invalid(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    replay(world, task="multiclass", label="mode")
    write_graph(world.model("champion"), CLASS_WEIGHTS, softmax=True)
    write_graph(world.model("better"), CLASS_WEIGHTS[:, :2], softmax=True)
    assert world.sweep("metrics=multiclass", "review=multiclass", "gain=none", "params.model=[champion,better]") == 4
    assert world.comparison().loc["better", "status"] == "invalid"
    assert "gives 2 scores a row, and the labels have 3 classes (bus, car, train)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("design", [{"weight": "w"}, {"cluster": "user"}, {"weight": "w", "cluster": "user"}])
def test_weighted_and_clustered_sweeps(design: dict[str, str], world: World) -> None:
    replay(world, task="binary", label="y", tuning="reference", **design)
    world.sweep("metrics=binary_weighted", "gain=none", "params.model=[champion,better]")
    rows = judged("y")
    weights = rows["w"].to_numpy() if "weight" in design else np.ones(len(rows))
    scores = 1 / (1 + np.exp(-(rows[list(FEATURES)].to_numpy() @ TRUTH.astype(np.float32) - np.float32(0.7))))
    truth = rows["y"].astype(int).to_numpy()
    frame = pd.read_parquet(world.folder("better") / "metrics.parquet")
    np.testing.assert_allclose(value(frame, "auc")["value"], roc_auc_score(truth, scores, sample_weight=weights), atol=1e-5)
    np.testing.assert_allclose(value(frame, "recall")["value"], recall_score(truth, scores >= 0.5, sample_weight=weights), atol=1e-3)
    np.testing.assert_allclose(value(frame, "auc")["weight_sum"], weights.sum())
    assert value(frame, "auc")["n"] == (weights > 0).sum()
    assert value(frame, "recall")["ci_low"] < value(frame, "recall")["value"] < value(frame, "recall")["ci_high"]
    better = world.comparison().loc["better"]
    assert better["auc_vs_champion_ci_low"] > 0


@pytest.mark.parametrize(
    ("changes", "overrides", "said"),
    [
        ({"task": "regression", "label": "amount"}, (), "is for task binary, and replay.task is regression; use metrics=regression"),
        (
            {"task": "regression", "label": "amount"},
            ("metrics=regression", "gain=none"),
            "'standard' has a gate on 'auc', and task regression compares mae, mse, rmse, r2, mape; use review=regression",
        ),
        ({"task": "regression", "label": "amount"}, ("metrics=regression",), "gain: 'ValueMatrix' values decisions of task binary"),
        (
            {"task": "binary", "label": "y", "weight": "w"},
            ("metrics=binary", "gain=none"),
            "no weighted form of ece, and replay.weight is 'w'",
        ),
        ({"task": "binary", "label": "y", "cluster": "user"}, ("metrics=binary", "gain=none"), "no clustered form of ece"),
        ({"task": "binary", "label": "y", "cluster": "user"}, ("metrics=[auc]",), "gain: weighted or clustered rows have no gain"),
    ],
)
def test_what_means_nothing_together_is_refused(
    changes: dict[str, str], overrides: tuple[str, ...], said: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    replay(world, **changes)
    assert world.sweep(*overrides) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not world.results.exists()
