"""Small ONNX models made by hand: logistic regressions that are right, and models that must be refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.cli.tiny_log import WEIGHTS

FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
_DTYPES = {FLOAT: np.float32, DOUBLE: np.float64}


def save(path: Path, nodes: list, inputs: list, outputs: list, weights: dict[str, np.ndarray]) -> None:
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def logistic(
    path: Path, weights: tuple[float, ...] = WEIGHTS, bias: float = -0.4, dtype: int = FLOAT, batch: object = "n", squash: str = "Sigmoid"
) -> None:
    """Write score = sigmoid(x·W + b), [batch, 1]; `squash` may be Identity (logits) or Log (NaN below zero)."""
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node(squash, ["z"], ["score"])]
    given = {"w": np.array(weights, _DTYPES[dtype]).reshape(-1, 1), "b": np.array([bias], _DTYPES[dtype])}
    x = helper.make_tensor_value_info("x", dtype, [batch, len(weights)])
    save(path, nodes, [x], [helper.make_tensor_value_info("score", dtype, [batch, 1])], given)


def two_columns(path: Path, squash: bool) -> None:
    """Write [1 - p, p] (or logits for softmax) of the logistic regression."""
    w = np.stack([np.zeros(3), np.array(WEIGHTS)], axis=1).astype(np.float32)
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["z"]), helper.make_node("Softmax" if squash else "Identity", ["z"], ["scores"])]
    x = helper.make_tensor_value_info("x", FLOAT, ["n", 3])
    save(path, nodes, [x], [helper.make_tensor_value_info("scores", FLOAT, ["n", 2])], {"w": w, "b": np.array([0.0, -0.4], np.float32)})


def two_float_outputs(path: Path) -> None:
    """Write a model with the outputs `score` and `logit`, of which none is marked as the answer."""
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["logit"]), helper.make_node("Sigmoid", ["logit"], ["score"])]
    given = {"w": np.array(WEIGHTS, np.float32).reshape(3, 1), "b": np.array([-0.4], np.float32)}
    outputs = [helper.make_tensor_value_info(name, FLOAT, ["n", 1]) for name in ("score", "logit")]
    save(path, nodes, [helper.make_tensor_value_info("x", FLOAT, ["n", 3])], outputs, given)


def label_only(path: Path) -> None:
    """Write a model whose only output is a class number."""
    nodes = [helper.make_node("ArgMax", ["x"], ["label"], axis=1)]
    save(path, nodes, [helper.make_tensor_value_info("x", FLOAT, ["n", 3])], [helper.make_tensor_value_info("label", INT64, ["n", 1])], {})


def from_text(path: Path) -> None:
    """Write a model on one column of texts: 0.9 where it is "DE"; the graph has no float input."""
    node = helper.make_node(
        "LabelEncoder", ["x"], ["score"], domain="ai.onnx.ml", keys_strings=["DE"], values_floats=[0.9], default_float=0.2
    )
    inputs = [helper.make_tensor_value_info("x", STRING, ["n", 1])]
    graph = helper.make_graph([node], "text", inputs, [helper.make_tensor_value_info("score", FLOAT, ["n", 1])])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 2)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), path)


def three_columns(path: Path) -> None:
    """Write a model with three classes."""
    x = helper.make_tensor_value_info("x", FLOAT, ["n", 3])
    save(path, [helper.make_node("Softmax", ["x"], ["scores"])], [x], [helper.make_tensor_value_info("scores", FLOAT, ["n", 3])], {})


def from_int64(path: Path) -> None:
    """Write sigmoid(n / 10 - 1.5) on one int64 column."""
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["f", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["score"]),
    ]
    given = {"w": np.array([0.1], np.float32), "b": np.array([-1.5], np.float32)}
    x = helper.make_tensor_value_info("x", INT64, ["n", 1])
    save(path, nodes, [x], [helper.make_tensor_value_info("score", FLOAT, ["n", 1])], given)


def endless(path: Path) -> None:
    """Write a model that runs for hours on any batch: a loop of 2^40 additions before the answer."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["carried", "zero"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", FLOAT, ["n", 1]),
        ],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), helper.make_tensor_value_info("next", FLOAT, ["n", 1])],
    )
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
        helper.make_node("Loop", ["many", "", "z"], ["looped"], body=body),
        helper.make_node("Sigmoid", ["looped"], ["score"]),
    ]
    given = {
        "w": np.array(WEIGHTS, np.float32).reshape(3, 1),
        "b": np.array([-0.4], np.float32),
        "many": np.array(2**40, np.int64),
        "zero": np.array([0.0], np.float32),
    }
    x = helper.make_tensor_value_info("x", FLOAT, ["n", 3])
    save(path, nodes, [x], [helper.make_tensor_value_info("score", FLOAT, ["n", 1])], given)


def wrong_at_run_time(path: Path) -> None:
    """Write a model that loads and then fails on every batch: it reshapes n rows into 7 columns of 11."""
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["r"]), helper.make_node("ReduceSum", ["r"], ["score"], keepdims=1)]
    x = helper.make_tensor_value_info("x", FLOAT, ["n", 3])
    output = helper.make_tensor_value_info("score", FLOAT, ["n", 1])
    save(path, nodes, [x], [output], {"shape": np.array([7, 11], np.int64)})


def write_models(folder: Path) -> None:
    """Write every model of the tiny world."""
    logistic(folder / "good.onnx")
    logistic(folder / "worse.onnx", (0.2, -1.0, 0.1), 0.1)
    logistic(folder / "logits.onnx", squash="Identity")
    logistic(folder / "gives_nan.onnx", squash="Log")
    logistic(folder / "fixed_batch.onnx", batch=64)
    logistic(folder / "double.onnx", dtype=DOUBLE)
    logistic(folder / "five_wide.onnx", (0.1, 0.2, 0.3, 0.4, 0.5))
    logistic(folder / "two_wide.onnx", (1.2, -0.8))
    two_columns(folder / "two_columns.onnx", squash=True)
    two_columns(folder / "two_logits.onnx", squash=False)
    three_columns(folder / "three_columns.onnx")
    two_float_outputs(folder / "two_outputs.onnx")
    label_only(folder / "label_only.onnx")
    from_text(folder / "from_text.onnx")
    from_int64(folder / "from_int64.onnx")
    endless(folder / "endless.onnx")
    wrong_at_run_time(folder / "wrong_at_run_time.onnx")
    (folder / "not_onnx.onnx").write_text("no model")
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "cut_off.onnx").write_bytes((folder / "good.onnx").read_bytes()[:120])
