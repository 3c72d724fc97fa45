"""A model file as it was found, and how its variant will be scored."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.replay import InputGroup


@dataclass(frozen=True)
class Tensor:
    """One input or output of a model; a dimension is an int, or None where it is free."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class ModelSummary:
    """What an ONNX file says of itself."""

    path: str
    sha256: str
    size_bytes: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    precision: str
    producer: str
    opset: int


@dataclass(frozen=True)
class PlannedInput:
    """One model input: the group of columns that fills it, and its shape after the batch dimension."""

    name: str
    group: InputGroup
    tail: tuple[int, ...]


@dataclass(frozen=True)
class CardPlan:
    """How a variant is scored on a card.

    Args:
        provider: cuda | tensorrt.
        cuda_graph: every batch has one shape, and is replayed from a graph that was captured once.
        allow_cpu_nodes: nodes without a CUDA kernel run on the CPU instead of being refused.
    """

    provider: str = "cuda"
    cuda_graph: bool = False
    allow_cpu_nodes: bool = False


@dataclass(frozen=True)
class ScoringPlan:
    """How one variant turns rows into scores.

    Args:
        output: name of the output that is asked for.
        fixed_batch: the batch size that the graph demands, or None.
        sha256: hash of the model file; None for a logged score.
        task: binary | multiclass | regression, the form that the scores have.
        card: how it runs on a card; None on the CPU.
    """

    variant: str
    source: str
    path: str | None
    sha256: str | None
    inputs: tuple[PlannedInput, ...]
    output: str | None
    transform: str
    fixed_batch: int | None
    batch_rows: int
    threads: int | None
    device: str
    task: str = "binary"
    card: CardPlan | None = None
