"""Reads what an ONNX file says of itself, without running it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from harness.errors import ModelError, did_you_mean
from harness.records.model import ModelSummary, Tensor

_NAMES = {
    TensorProto.FLOAT: "float",
    TensorProto.DOUBLE: "double",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.INT64: "int64",
    TensorProto.INT32: "int32",
    TensorProto.STRING: "string",
    TensorProto.BOOL: "bool",
}
_QUANTISED = {
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "ConvInteger",
    "QLinearMatMul",
    "QLinearConv",
    "QGemm",
}


def inspect_model(path: str) -> ModelSummary:
    """Return the inputs, outputs, precision and hash of the ONNX file at `path`.

    Raises
    ------
    ModelError
        When there is no such file or it is not an ONNX model.
    """
    file = Path(path)
    if file.is_dir():
        raise ModelError(f"model.path: '{path}' is a folder; name one ONNX file in it")
    if not file.is_file():
        siblings = [str(p) for p in file.parent.glob("*.onnx")] if file.parent.is_dir() else []
        raise ModelError(f"model.path: no file '{path}'{did_you_mean(path, siblings)}; export the model there or correct the path")
    try:
        model = onnx.load(str(file), load_external_data=False)
    except (DecodeError, OSError, ValueError) as trouble:
        raise ModelError(f"model.path: '{path}' is not an ONNX model (it cannot be parsed); export it again") from trouble
    if not model.graph.node or not model.graph.output:
        raise ModelError(f"model.path: '{path}' is not an ONNX model (it has no graph); export it again")
    initializers = {t.name for t in model.graph.initializer}
    return ModelSummary(
        path=path,
        sha256=_sha256(file, model),
        size_bytes=file.stat().st_size,
        inputs=tuple(_tensor(v) for v in model.graph.input if v.name not in initializers),
        outputs=tuple(_tensor(v) for v in model.graph.output),
        precision=_precision(model),
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        opset=max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0),
    )


def _tensor(value: Any) -> Tensor:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Tensor(value.name, (kind or "untyped").removesuffix("_type"), ())
    tensor = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in tensor.shape.dim)
    return Tensor(value.name, _NAMES.get(tensor.elem_type, f"type {tensor.elem_type}"), shape)


def _sha256(file: Path, model: Any) -> str:
    digest = hashlib.sha256(file.read_bytes())
    for location in sorted({e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"}):
        weights = file.parent / location
        if not weights.is_file():
            raise ModelError(f"model.path: '{file}' keeps its weights in '{location}', which is missing; put it beside the model")
        digest.update(weights.read_bytes())
    return digest.hexdigest()


def _precision(model: Any) -> str:
    if any(node.op_type in _QUANTISED for node in _nodes(model.graph)):
        return "int8"
    weights = {TensorProto.FLOAT: 0, TensorProto.FLOAT16: 0, TensorProto.DOUBLE: 0}
    for data_type, n in _weights(model.graph):
        if data_type in weights:
            weights[data_type] += n
    largest = max(weights, key=lambda t: weights[t])
    if weights[largest] == 0:
        first = next((v.type.tensor_type.elem_type for v in model.graph.input), TensorProto.FLOAT)
        largest = first if first in weights else TensorProto.FLOAT
    return {TensorProto.FLOAT: "fp32", TensorProto.FLOAT16: "fp16", TensorProto.DOUBLE: "fp64"}[largest]


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _weights(graph: Any) -> Iterator[tuple[int, int]]:
    """Yield (data type, number of elements) of initializers, and of the tensors and floats of a tree's attributes."""
    for tensor in graph.initializer:
        yield tensor.data_type, _size(tensor)
    for node in _nodes(graph):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t.data_type, _size(attribute.t)
            elif attribute.floats:
                yield TensorProto.FLOAT, len(attribute.floats)


def _size(tensor: Any) -> int:
    n = 1
    for dim in tensor.dims:
        n *= dim
    return n
