"""Write a fitted scikit-learn pipeline as an ONNX graph of standard operators: fill, scale, one-hot, dense layers, sigmoid.

The usual converter emits operators of the `ai.onnx.ml` domain, which ONNX Runtime has for the CPU only. With these, the logistic and
the networks also run on a card without falling back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 15  # the newest that the converter of tree models accepts
INPUT, OUTPUT = "features", "probabilities"


@dataclass(frozen=True)
class Encoding:
    """How the pipeline turns a row into inputs of the first layer: numeric columns, then one block of 0/1 a coded column.

    `medians`, `means` and `scales` are float32, [n_numeric]; `categories` are the values that each coded column was fitted on.
    """

    numeric_ids: tuple[int, ...]
    coded_ids: tuple[int, ...]
    medians: NDArray[np.float32]
    means: NDArray[np.float32]
    scales: NDArray[np.float32]
    categories: tuple[NDArray[np.float32], ...]


@dataclass(frozen=True)
class Dense:
    """One layer, x @ weights + bias: float32, [n_in, n_out] and [n_out]."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


def dense_model(encoding: Encoding, layers: list[Dense], n_features: int) -> onnx.ModelProto:
    """Build the graph: float32 [n, n_features] -> `probabilities` float32 [n, 2], the second column the positive class.

    Hidden layers are followed by ReLU, the last (one output) by the logistic function. NaN in a numeric column becomes the median; a code
    that was not fitted, or NaN, becomes zeros.
    """
    graph = _Graph()
    hidden = graph.node("Concat", [_numeric(graph, encoding), *_one_hot(graph, encoding)], axis=1)
    for layer in layers[:-1]:
        hidden = graph.node("Relu", [graph.dense(hidden, layer)])
    positive = graph.node("Sigmoid", [graph.dense(hidden, layers[-1])])
    negative = graph.node("Sub", [graph.constant(np.array([1.0], dtype=np.float32)), positive])
    graph.node("Concat", [negative, positive], output=OUTPUT, axis=1)
    return graph.model(n_features)


def _numeric(graph: _Graph, encoding: Encoding) -> str:
    """Fill NaN with the median, then centre and scale."""
    raw = graph.columns(encoding.numeric_ids)
    filled = graph.node("Where", [graph.node("IsNaN", [raw]), graph.constant(encoding.medians), raw])
    centred = graph.node("Sub", [filled, graph.constant(encoding.means)])
    return graph.node("Div", [centred, graph.constant(encoding.scales)])


def _one_hot(graph: _Graph, encoding: Encoding) -> list[str]:
    """Compare each coded column with its categories."""
    blocks = []
    for column_id, categories in zip(encoding.coded_ids, encoding.categories, strict=True):
        equal = graph.node("Equal", [graph.columns((column_id,)), graph.constant(categories)])
        blocks.append(graph.node("Cast", [equal], to=TensorProto.FLOAT))
    return blocks


class _Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[np.float32] | NDArray[np.int64]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, operator: str, inputs: list[str], output: str = "", **attributes: int) -> str:
        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def columns(self, ids: tuple[int, ...]) -> str:
        return self.node("Gather", [INPUT, self.constant(np.array(ids, dtype=np.int64))], axis=1)

    def dense(self, inputs: str, layer: Dense) -> str:
        # MatMul and Add rather than Gemm: dynamic quantisation replaces MatMul with MatMulInteger, and leaves Gemm in float.
        product = self.node("MatMul", [inputs, self.constant(layer.weights)])
        return self.node("Add", [product, self.constant(layer.bias)])

    def model(self, n_features: int) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", n_features])]
        outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 2])]
        graph = helper.make_graph(self._nodes, "demo", inputs, outputs, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="replay-harness")
        model.ir_version = 8  # the one of opset 15; the library's own default may be newer than the runtime
        onnx.checker.check_model(model, full_check=True)
        return model
