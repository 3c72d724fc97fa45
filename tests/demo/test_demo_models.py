"""Each ONNX graph against the model that it was written from, and the form that all of them share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from harness.demo.flights import FEATURES
from harness.demo.train import EXPECTED, N_EXPECTED, NUMERIC, TRAINED_UNTIL, expected_rows, training_rows

pytestmark = pytest.mark.demo

DENSE = ("logistic", "mlp_small", "mlp_wide_fp32")
TREES = ("gbdt_small", "gbdt_large")
ALL = (*DENSE, *TREES, "mlp_wide_int8")


def score(root: Path, name: str, features: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(root / "models" / f"{name}.onnx", providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(["probabilities"], {"features": features})[0]
    return result


def expected(root: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    with np.load(root / "models" / EXPECTED) as kept:
        return kept["features"], kept[name.removesuffix("_fp32")]


@pytest.mark.parametrize("name", DENSE)
def test_dense_graph_equals_scikit_learn(name: str, demo_root: Path) -> None:
    features, wanted = expected(demo_root, name)
    assert features.shape == (N_EXPECTED, len(FEATURES))
    assert np.isnan(features).any()
    # Both compute in float32, in another order of addition: some roundings of 6e-8 on a probability.
    np.testing.assert_allclose(score(demo_root, name, features)[:, 1], wanted, rtol=0, atol=2e-6)
    assert np.std(wanted) > 0.05


@pytest.mark.parametrize("name", TREES)
def test_tree_graph_equals_lightgbm_but_for_counted_rows(name: str, demo_root: Path) -> None:
    features, wanted = expected(demo_root, name)
    found = score(demo_root, name, features)[:, 1]
    # LightGBM compares with float64 thresholds, ONNX with float32: a value that close to a threshold may take the other branch.
    moved = np.abs(found - wanted) > 1e-5  # without such a branch the float32 sum over 600 trees stays below 1e-6
    assert moved.sum() <= 5, f"{moved.sum()} of {len(moved)} rows took another branch"
    assert np.abs(found - wanted).max() < 0.05
    assert ((found >= 0.5) == (wanted >= 0.5)).all()
    assert np.std(wanted) > 0.05


def test_int8_is_quantised_and_near_its_original(demo_root: Path) -> None:
    graph = onnx.load(demo_root / "models" / "mlp_wide_int8.onnx").graph
    operators = [node.op_type for node in graph.node]
    assert operators.count("MatMulInteger") == 3
    assert operators.count("DynamicQuantizeLinear") == 3
    assert "MatMul" not in operators
    weights = [numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.INT8 and tensor.dims]
    matrices = [matrix for matrix in weights if matrix.ndim == 2]
    n_encoded = len(NUMERIC) + 7 + 3 + 16  # days, origins, and the carriers that flew in January and February
    assert sorted(matrix.shape for matrix in matrices) == [(n_encoded, 256), (256, 1), (256, 256)]
    assert max(int(np.abs(matrix.astype(np.int64)).max()) for matrix in matrices) <= 64  # reduce_range: 7 bits
    features, _ = expected(demo_root, "mlp_wide_fp32")
    difference = np.abs(score(demo_root, "mlp_wide_int8", features) - score(demo_root, "mlp_wide_fp32", features))
    assert 0.0005 < difference.mean() < 0.02
    assert difference.max() < 0.15


@pytest.mark.parametrize("name", ALL)
def test_one_float32_input_and_one_tensor_of_probabilities(name: str, demo_root: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(demo_root / "models" / f"{name}.onnx", providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape[1]) == ("features", "tensor(float)", len(FEATURES))
    assert (given.name, given.type) == ("probabilities", "tensor(float)")
    assert not isinstance(taken.shape[0], int)


@pytest.mark.parametrize("name", ALL)
def test_any_batch_size_and_all_missing(name: str, demo_root: Path) -> None:
    features, _ = expected(demo_root, "logistic")
    rows = features[:7].copy()
    rows[0, list(NUMERIC)] = np.nan
    rows[1, FEATURES.index("carrier_code")] = 99  # a carrier that was not there in training
    together = score(demo_root, name, rows)
    assert together.shape == (7, 2)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([score(demo_root, name, rows[i : i + 1]) for i in range(7)])
    # int8 scales its activations by the largest one of the batch: there a row's score depends on its neighbours.
    np.testing.assert_allclose(alone, together, rtol=0, atol=0.1 if name == "mlp_wide_int8" else 1e-6)


@pytest.mark.parametrize("name", DENSE)
def test_dense_graphs_use_standard_operators_only(name: str, demo_root: Path) -> None:
    model = onnx.load(demo_root / "models" / f"{name}.onnx")
    assert {node.domain for node in model.graph.node} == {""}


def test_variants_rank_as_their_sizes_say(demo_root: Path, log: pd.DataFrame) -> None:
    from sklearn.metrics import roc_auc_score

    judged = log[(log["sched_dep"] >= "2013-04-01") & log["late"].notna()].iloc[::10]
    late, features = judged["late"].to_numpy(dtype=np.int64), judged[list(FEATURES)].to_numpy(dtype=np.float32)
    auc = {name: roc_auc_score(late, score(demo_root, name, features)[:, 1]) for name in ALL}
    auc["carrier_rate"] = roc_auc_score(late, judged["carrier_late_rate"])
    assert 0.55 < auc["carrier_rate"] < auc["logistic"] < auc["mlp_small"] < auc["gbdt_large"] < 0.75, auc
    assert auc["mlp_wide_int8"] == pytest.approx(auc["mlp_wide_fp32"], abs=0.01)


def test_training_rows_end_before_march_and_have_a_label(demo_root: Path, log: pd.DataFrame) -> None:
    rows = training_rows(demo_root / "data" / "flights")
    before = log[(log["sched_dep"] < TRAINED_UNTIL) & log["late"].notna()]
    assert len(rows.late) == len(before) == 50_009
    np.testing.assert_array_equal(rows.features, before[list(FEATURES)].to_numpy(dtype=np.float32))
    np.testing.assert_array_equal(rows.late, before["late"].to_numpy(dtype=np.int64))


def test_kept_sample_spreads_over_the_year(demo_root: Path, log: pd.DataFrame) -> None:
    kept, _ = expected(demo_root, "logistic")
    np.testing.assert_array_equal(kept, expected_rows(demo_root / "data" / "flights"))
    np.testing.assert_array_equal(kept[-1], log[list(FEATURES)].iloc[-1].to_numpy(dtype=np.float32))
