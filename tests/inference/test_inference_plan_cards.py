"""What a card cannot run is refused before anything runs; what it can is planned with its options."""

from __future__ import annotations

import pytest

from harness.errors import ConfigError, DeviceError
from harness.inference.inspect import inspect_model
from harness.inference.plan import plan_onnx
from harness.records.model import CardPlan
from harness.records.replay import LogColumn, LogFiles
from harness.replay_schema import read_replay
from harness.schema import read_variant
from tests.inference.card_graphs import FLOAT, STRING, linear, write

LOG = LogFiles((), tuple(LogColumn(name, "double", "number") for name in "abc"), 3, "0")
REPLAY = read_replay({"name": "log", "path": "log.parquet", "task": "binary", "label": "y", "features": ["a", "b", "c"]})


def planned(path, sweep_device="cuda", **deploy):
    variant = read_variant({"name": "m", "path": path, "deploy": deploy}, "m", sweep_device)
    return plan_onnx(variant, inspect_model(path), REPLAY, LOG)


@pytest.fixture
def path(tmp_path):
    return linear(tmp_path / "m.onnx")


def test_a_plan_for_a_card_carries_its_options(path):
    assert planned(path).card == CardPlan()
    assert planned(path, provider="tensorrt", cuda_graph=True).card == CardPlan("tensorrt", cuda_graph=True)
    assert planned(path, allow_cpu_nodes=True).card == CardPlan(allow_cpu_nodes=True)
    assert planned(path, "cpu").card is None
    assert planned(path, "cpu", device="cuda").card == CardPlan()


@pytest.mark.parametrize("option", [{"provider": "cuda"}, {"cuda_graph": True}, {"allow_cpu_nodes": True}])
def test_options_of_a_card_are_refused_on_the_cpu(path, option):
    with pytest.raises(ConfigError, match=rf"deploy.{next(iter(option))}: variant 'm' runs on the CPU, and this is of a card"):
        planned(path, "cpu", **option)


def test_a_graph_cannot_be_captured_with_nodes_on_the_cpu(path):
    with pytest.raises(ConfigError, match=r"deploy.cuda_graph: variant 'm' allows nodes on the CPU"):
        planned(path, cuda_graph=True, allow_cpu_nodes=True)


@pytest.mark.parametrize(
    ("option", "message"), [({"provider": "rocm"}, "deploy.provider"), ({"cuda_graph": 1}, "deploy.cuda_graph: found 1, wanted true")]
)
def test_other_values_are_refused(path, option, message):
    with pytest.raises(ConfigError, match=message):
        planned(path, **option)


def test_tree_ensembles_are_refused_by_name_unless_they_may_run_on_the_cpu(tmp_path):
    trees = {
        "n_targets": 1, "nodes_treeids": [0], "nodes_nodeids": [0], "nodes_featureids": [0], "nodes_modes": ["LEAF"], "nodes_values": [0.0],
        "nodes_truenodeids": [0], "nodes_falsenodeids": [0], "target_treeids": [0], "target_nodeids": [0], "target_ids": [0],
        "target_weights": [0.5],
    }  # fmt: skip
    nodes = [("TreeEnsembleRegressor", ["x"], ["y"], "ai.onnx.ml", trees)]
    path = write(tmp_path / "m.onnx", nodes, {"x": (FLOAT, ["n", 3])}, {"y": (FLOAT, ["n", 1])})
    with pytest.raises(
        DeviceError,
        match=r"'m' has nodes without a CUDA kernel \(TreeEnsembleRegressor\).*set deploy.device=cpu, or deploy.allow_cpu_nodes",
    ):
        planned(path)
    assert planned(path, allow_cpu_nodes=True).card == CardPlan(allow_cpu_nodes=True)
    assert planned(path, "cpu").card is None


def test_texts_are_refused_on_a_card(tmp_path):
    nodes = [("Identity", "s", "t"), ("MatMul", "xw", "y")]
    inputs, outputs = {"x": (FLOAT, ["n", 3]), "s": (STRING, ["n", 1])}, {"y": (FLOAT, ["n", 1]), "t": (STRING, ["n", 1])}
    path = write(tmp_path / "m.onnx", nodes, inputs, outputs, {"w": (FLOAT, [[1.0], [1.0], [1.0]])})
    with pytest.raises(DeviceError, match=r"'m' takes texts \(input 's'\), which no card computes on"):
        planned(path)
