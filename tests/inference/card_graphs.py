"""Small graphs for the tests of binding and of scoring on a card, with the plans that score them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, save

from harness.records.model import CardPlan, PlannedInput, ScoringPlan
from harness.records.replay import InputGroup

FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
DTYPES = {"float": np.float32, "double": np.float64, "int64": np.int64}


def write(path: Path, nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, Any], weights: dict[str, Any] | None = None) -> str:
    """Write a graph; inputs and outputs are name -> (type, shape)."""
    graph = helper.make_graph(
        [helper.make_node(op, list(i), list(o), domain=d[0] if d else "", **(d[1] if len(d) > 1 else {})) for op, i, o, *d in nodes],
        "g",
        [helper.make_tensor_value_info(name, *form) for name, form in inputs.items()],
        [helper.make_tensor_value_info(name, *form) for name, form in outputs.items()],
        [helper.make_tensor(name, t, np.shape(values), np.ravel(values).tolist()) for name, (t, values) in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return str(path)


def linear(path: Path, batch: Any = "n", width_out: int = 1, out: Any = None, kind: int = FLOAT) -> str:
    """X [batch, 3] times a matrix: y [batch, width_out]."""
    matrix = np.linspace(-1.5, 2.0, 3 * width_out).reshape(3, width_out)
    form = {"y": (kind, out if out is not None else [batch, width_out])}
    return write(path, [("MatMul", "xw", "y")], {"x": (kind, [batch, 3])}, form, {"w": (kind, matrix)})


def relative_to_largest(path: Path, batch: Any) -> str:
    """X [batch, 3] times a matrix, less the largest product of the batch: y [batch, 1]."""
    nodes = [("MatMul", "xw", "a"), ("ReduceMax", "a", "b", "", {"axes": [0]}), ("Sub", "ab", "y")]
    return write(path, nodes, {"x": (FLOAT, [batch, 3])}, {"y": (FLOAT, [batch, 1])}, {"w": (FLOAT, [[1.0], [2.0], [3.0]])})


def two_inputs(path: Path) -> str:
    """X float [n, 2], k int64 [n, 1] and d double [n, 1], all added up with weights: y [n, 1]."""
    nodes = [
        ("Cast", ["k"], ["kf"], "", {"to": FLOAT}),
        ("Cast", ["d"], ["df"], "", {"to": FLOAT}),
        ("Concat", ["x", "kf", "df"], ["all"], "", {"axis": 1}),
        ("MatMul", ["all", "w"], ["y"]),
    ]
    inputs = {"x": (FLOAT, ["n", 2]), "k": (INT64, ["n", 1]), "d": (DOUBLE, ["n", 1])}
    return write(path, nodes, inputs, {"y": (FLOAT, ["n", 1])}, {"w": (FLOAT, [[1.0], [-1.0], [0.5], [0.25]])})


def label_and_probability(path: Path) -> str:
    """Two outputs: label int64 [n, 1], and p float [n, 1]."""
    nodes = [
        ("MatMul", "xw", "a"),
        ("Sigmoid", "a", "p"),
        ("Greater", ["p", "half"], ["over"]),
        ("Cast", ["over"], ["label"], "", {"to": INT64}),
    ]
    outputs = {"label": (INT64, ["n", 1]), "p": (FLOAT, ["n", 1])}
    weights = {"w": (FLOAT, [[1.0], [-2.0], [3.0]]), "half": (FLOAT, [0.5])}
    return write(path, nodes, {"x": (FLOAT, ["n", 3])}, outputs, weights)


def plan_of(
    path: str,
    inputs: dict[str, tuple[str, int]] | None = None,
    *,
    output: str = "y",
    transform: str = "none",
    task: str = "binary",
    fixed_batch: int | None = None,
    batch_rows: int = 4,
    card: CardPlan | None = None,
) -> ScoringPlan:
    """Plan a graph; inputs are name -> (dtype, width)."""
    given = inputs or {"x": ("float", 3)}
    planned = tuple(
        PlannedInput(name, InputGroup(tuple(f"{name}{i}" for i in range(width)), dtype), (width,)) for name, (dtype, width) in given.items()
    )
    return ScoringPlan("v", "onnx", path, "0", planned, output, transform, fixed_batch, batch_rows, 1, "cuda", task, card or CardPlan())


def tensors_of(plan: ScoringPlan, n_rows: int, seed: int = 0) -> list[Any]:
    """Draw rows for every input of a plan."""
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n_rows, *p.tail)) * 3).astype(DTYPES[p.group.dtype]) for p in plan.inputs]
