from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from harness.errors import ModelError
from harness.inference.onnx_cpu import OnnxCpu
from harness.inference.placement import check_of, placement
from harness.records.model import PlannedInput, ScoringPlan
from harness.records.replay import InputGroup

CPU = "CPUExecutionProvider"
MATMUL_SIGMOID = (("MatMul", ["x", "w"], ["a"]), ("Sigmoid", ["a"], ["y"]))


def write(path: Path, nodes=MATMUL_SIGMOID, batch: int | str = "n") -> Path:
    """Write a graph from x [batch, 3] to y [batch, 1], with weights w."""
    graph = helper.make_graph(
        [helper.make_node(op, inputs, outputs) for op, inputs, outputs in nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 1])],
        [helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [1.0, -2.0, 3.0])],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def plan_of(path: Path, fixed_batch: int | None = None, tail: tuple[int, ...] = (3,)) -> ScoringPlan:
    planned = PlannedInput("x", InputGroup(("f0", "f1", "f2"), "float32"), tail)
    return ScoringPlan("v", "onnx", str(path), "0", (planned,), "y", "none", fixed_batch, 16, 1, "cpu")


ROWS = [np.ones((4, 3), np.float32)]


def test_every_node_of_a_graph_is_where_it_should_be(tmp_path):
    found = placement(plan_of(write(tmp_path / "m.onnx")), ROWS, CPU)
    assert (found.asked, found.first, found.n_nodes) == (CPU, CPU, 2)
    assert (found.node_share, found.node_time_share, found.elsewhere) == (1.0, 1.0, ())


def test_nodes_that_a_provider_cannot_run_are_named(tmp_path):
    found = placement(plan_of(write(tmp_path / "m.onnx")), ROWS, "AzureExecutionProvider")  # in every build, and runs no such node
    assert (found.asked, found.first) == ("AzureExecutionProvider", "AzureExecutionProvider")
    assert (found.n_nodes, found.node_share, found.node_time_share, found.elsewhere) == (2, 0.0, 0.0, ("MatMul", "Sigmoid"))


def test_a_provider_that_is_not_there_shows_as_the_first_one(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = placement(plan_of(write(tmp_path / "m.onnx")), ROWS, "MIGraphXExecutionProvider")
    assert (found.asked, found.first, found.node_share) == ("MIGraphXExecutionProvider", CPU, 0.0)


@pytest.mark.parametrize("n_rows", [1, 3, 4, 9])
def test_a_graph_of_a_fixed_batch_is_fed_that_many_rows(tmp_path, n_rows):
    plan = plan_of(write(tmp_path / "m.onnx", batch=4), fixed_batch=4)
    assert placement(plan, [np.ones((n_rows, 3), np.float32)], CPU).n_nodes == 2


def test_the_profile_is_of_what_is_scored_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(write(tmp_path / "m.onnx", (*MATMUL_SIGMOID[:1], ("Tanh", ["a"], ["y"]))))
    np.testing.assert_allclose(OnnxCpu(plan).run(ROWS), np.tanh(np.full((4, 1), 2.0)), rtol=1e-6)
    assert placement(plan, ROWS, "AzureExecutionProvider").elsewhere == ("MatMul", "Tanh")
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_what_cannot_be_run_is_one_sentence(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"ONNX Runtime .* cannot profile .*bad\.onnx"):
        placement(plan_of(tmp_path / "bad.onnx"), ROWS, CPU)
    with pytest.raises(ModelError, match="cannot profile"):
        placement(plan_of(write(tmp_path / "m.onnx"), tail=(3, 1)), ROWS, CPU)


def event(name: str, ts: int, dur: int, provider: str = CPU) -> dict:
    return {"cat": "Node", "name": f"{name}_kernel_time", "ts": ts, "dur": dur, "args": {"op_name": name, "provider": provider}}


RUNS = [{"cat": "Session", "name": "model_run", "ts": ts, "dur": 90} for ts in (100, 200)]


def test_only_the_last_run_is_counted():
    found = check_of([event("A", 110, 80), RUNS[0], event("A", 210, 30), event("B", 250, 10, "CUDA"), RUNS[1]], CPU, CPU)
    assert (found.n_nodes, found.node_share, found.node_time_share, found.elsewhere) == (2, 0.5, 0.75, ("B",))


def test_other_events_are_no_nodes():
    others = [
        {"cat": "Node", "name": "A_fence_before", "ts": 210, "dur": 1, "args": {}},
        {"cat": "Session", "name": "x", "ts": 210, "dur": 1},
    ]
    found = check_of([*others, *RUNS], CPU, CPU)
    assert found.n_nodes == 0
    assert math.isnan(found.node_share)
    assert math.isnan(found.node_time_share)


def test_nodes_without_a_microsecond_have_a_share_but_no_time():
    found = check_of([event("A", 210, 0), *RUNS], CPU, CPU)
    assert found.node_share == 1.0
    assert math.isnan(found.node_time_share)
