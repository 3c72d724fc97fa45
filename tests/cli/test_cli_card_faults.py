"""Faults of device=cuda, each through the command: one sentence, the exit code of the contract, and what can go on goes on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from harness.runs import store
from tests.cli.simulated_card import MIG_A, MIG_B, PACKAGES, A, B, Simulated, card
from tests.conftest import World
from tests.inference.card_graphs import FLOAT, write

QUICKLY = ("device=cuda", "metrics=[auc]", "drift=none")
FAULTS = {
    "worse": ("gone while scoring", ("the card failed at row", "cudaErrorDeviceUnavailable", "Xid", "goes on with what is missing")),
    "logits_sigmoid": (
        "gone while reducing",
        ("the card failed while scores were reduced on it ([719] Call to cuMemcpyHtoD results in CUDA_ERROR_LAUNCH_FAILED)", "Xid"),
    ),
    "score_output": (
        "gone while sorting",
        ("the card failed while scores were reduced on it (cudaErrorIllegalAddress", "run the sweep again"),
    ),
    "double64": ("memory while reducing", ("the card's memory ran out while scores were reduced on it", "free the card", "device=cpu")),
    "two_logits_softmax": ("taken", ("card 0 cannot be used (cudaErrorDevicesUnavailable", "nvidia-smi")),
}

TREES = {  # one tree that asks whether the first feature is at most 0
    "n_targets": 1, "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.0, 0.0, 0.0], "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0], "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [0.25, 0.75],
}  # fmt: skip


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """A simulated driver, built once."""
    return Simulated(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def conf(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conf folder of models that a card is not for."""
    folder = tmp_path_factory.mktemp("conf")
    (folder / "model").mkdir()
    model = f"path: {world.models}/good.onnx\nthreshold: 0.5\ntrained_until: 2025-02-01\n"
    (folder / "model" / "on_cpu.yaml").write_text(f"name: on_cpu\n{model}deploy: {{device: cpu}}\n")
    nodes = [("TreeEnsembleRegressor", ["x"], ["y"], "ai.onnx.ml", TREES)]
    write(folder / "trees.onnx", nodes, {"x": (FLOAT, ["n", 3])}, {"y": (FLOAT, ["n", 1])})
    for name, more in {"trees": "", "trees_allowed": "deploy: {allow_cpu_nodes: true}\n"}.items():
        text = f"name: {name}\n{model}{more}".replace(f"{world.models}/good.onnx", f"{folder}/trees.onnx")
        (folder / "model" / f"{name}.yaml").write_text(text)
    return folder


def folder_of(results: Path, variant: str) -> Path:
    (found,) = (results / "tiny" / "variants").glob(f"{variant}-*")
    return found


def rows_of(results: Path) -> dict[str, dict[str, str]]:
    with (results / "tiny" / "comparison.csv").open() as table:
        return {row["variant"]: row for row in csv.DictReader(table)}


def test_a_card_that_fails_is_one_failed_row_and_the_same_command_goes_on_from_there(simulated, conf, world, tmp_path):
    args = [*world.args(tmp_path, *QUICKLY, f"params.model=[good,on_cpu,{','.join(FAULTS)}]"), "--config-dir", str(conf)]
    done = simulated.run(args, faults=",".join(f"{variant}={fault}" for variant, (fault, _) in FAULTS.items()))
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    rows = rows_of(tmp_path)
    assert {variant: row["status"] for variant, row in rows.items()} == {"good": "ok", "on_cpu": "ok", **dict.fromkeys(FAULTS, "failed")}
    for variant, (_, words) in FAULTS.items():
        reason = json.loads((folder_of(tmp_path, variant) / store.RUN).read_text())["reason"]
        assert reason.startswith("device: ")
        assert [word for word in words if word not in reason] == []
        assert rows[variant]["reason"] == reason
        assert reason in done.stderr
        left = {path.name for path in folder_of(tmp_path, variant).iterdir()}
        assert not left & {store.TALLIES, store.METRICS, store.PAIRED, store.RAW_SCORES}
        assert not any(name.endswith(".tmp") for name in left)
    again = simulated.run(args)
    assert again.returncode == 0, again.stderr
    assert all(row["status"] == "ok" for row in rows_of(tmp_path).values())
    kept = [line.split()[1] for line in again.stderr.splitlines() if line.endswith("unchanged, kept")]
    assert sorted(kept) == ["good", "on_cpu"]


def test_variants_are_dealt_out_to_cards_of_two_models_and_it_is_said(simulated, world, tmp_path):
    cards = (card(A, "Simulated L4"), card(B, "Simulated T4"))
    nvml = f"card {A} 1; card {B} 2; pid 1 4194000"
    args = world.args(tmp_path, *QUICKLY, "params.model=[good,worse,logits_sigmoid,double64]")
    done = simulated.run(args, cards, nvml=nvml, faults="worse=gone while reducing")
    assert done.returncode == 4, done.stderr
    assert f"device: 4 variants are scored on 2 cards, Simulated L4 ({A}), Simulated T4 ({B}), one at a time a card" in done.stderr
    assert "are of different models" in done.stderr
    assert f"Simulated 1 ({B}) is used by other processes too (4194000)" in done.stderr
    at = {v: (folder_of(tmp_path, v) / store.LOG).read_text() for v in ("good", "worse", "logits_sigmoid", "double64")}
    named = {v: json.loads((folder_of(tmp_path, v) / store.RUN).read_text())["card"] for v in at}
    assert named == {"good": f"Simulated L4 ({A})", "worse": A, "logits_sigmoid": f"Simulated T4 ({B})", "double64": f"Simulated L4 ({A})"}
    on = {variant: log.splitlines()[0].removeprefix("simulated card: ") for variant, log in at.items()}
    assert on == {"good": "None", "worse": A, "logits_sigmoid": B, "double64": A}
    assert {v: row["status"] for v, row in rows_of(tmp_path).items()} == {
        "good": "ok", "worse": "failed", "logits_sigmoid": "ok", "double64": "ok",
    }  # fmt: skip


def test_every_child_has_a_mig_instance_of_its_own(simulated, world, tmp_path):
    cut = (card(MIG_A, "Simulated A100 MIG 3g.40gb"), card(MIG_B, "Simulated A100 MIG 3g.40gb"))
    args = world.args(tmp_path, *QUICKLY, "params.model=[good,worse,double64]")
    done = simulated.run(args, cut, nvml=f"card {A} 1; set 0 0 mig 1", CUDA_VISIBLE_DEVICES=f"{MIG_A},{MIG_B}")
    assert done.returncode == 0, done.stderr
    assert f"scored on 2 cards, Simulated A100 MIG 3g.40gb ({MIG_A}), {MIG_B}, one at a time a card" in done.stderr
    on = [(folder_of(tmp_path, v) / store.LOG).read_text().splitlines()[0] for v in ("worse", "double64")]
    assert on == [f"simulated card: {MIG_A}", f"simulated card: {MIG_B}"]


def test_memory_that_runs_out_halves_the_batch_and_it_is_said(simulated, world, tmp_path):
    done = simulated.run(world.args(tmp_path, *QUICKLY, "params.model=[two_columns]", "champion=null"), faults="two_columns=small")
    assert done.returncode == 0, done.stderr
    log = (folder_of(tmp_path, "two_columns") / store.LOG).read_text()
    assert "device: the card's memory ran out with batches of 2,467 rows; all rows are scored anew in batches of 1,233" in log
    assert json.loads((folder_of(tmp_path, "two_columns") / store.RUN).read_text())["batch_rows"] == 1233


def test_trees_are_refused_on_a_card_unless_they_may_run_on_the_cpu_and_then_their_share_is_said(simulated, conf, world, tmp_path):
    args = [*world.args(tmp_path / "results", *QUICKLY, "params.model=[trees]", "champion=null"), "--config-dir", str(conf)]
    refused = simulated.run(args)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "variant 'trees' has nodes without a CUDA kernel (TreeEnsembleRegressor)" in refused.stderr
    assert "set deploy.device=cpu, or deploy.allow_cpu_nodes=true and their share is shown" in refused.stderr
    assert not (tmp_path / "results").exists()
    allowed = simulated.run([arg.replace("[trees]", "[trees_allowed]") for arg in args])
    assert allowed.returncode == 0, allowed.stderr
    log = (folder_of(tmp_path / "results", "trees_allowed") / store.LOG).read_text()
    assert "device: 1 of 1 nodes (100%: TreeEnsembleRegressor) run on the CPU, as deploy.allow_cpu_nodes allows" in log


def test_a_card_that_is_gone_while_a_variant_is_timed_leaves_the_others_their_times(simulated, conf, world, tmp_path):
    short = [f"measure.{key}={value}" for key, value in {"n_blocks": 2, "trial_s": 0.2, "warmup_s": 0.1, "warmup_at_most_s": 1}.items()]
    args = [*world.args(tmp_path, *QUICKLY, "measure=quick", *short, "params.model=[good,on_cpu]"), "--config-dir", str(conf)]
    done = simulated.run(args, faults="good=gone while timing")
    assert "Traceback" not in done.stderr + done.stdout
    assert done.returncode in (0, 3), done.stderr
    lost, timed = (json.loads((folder_of(tmp_path, v) / store.MEASUREMENT).read_text()) for v in ("good", "on_cpu"))
    assert lost["status"] == "not_measured"
    assert "its speed child failed: device: the card failed at row" in lost["reason"]
    assert timed["points"]
    assert (lost["device"], timed["device"]) == ("cuda", "cpu")


def test_times_beside_other_processes_are_invalid_and_name_their_card(simulated, world, tmp_path):
    short = [f"measure.{key}={value}" for key, value in {"n_blocks": 2, "trial_s": 0.2, "warmup_s": 0.1, "warmup_at_most_s": 1}.items()]
    args = world.args(tmp_path, *QUICKLY, "measure=quick", *short, "params.model=[good]", "champion=null")
    done = simulated.run(args, (card(A), card(B, "Simulated T4")), nvml=f"card {A} 1; card {B} 2; pid 0 4194000; pid 1 4194001")
    assert f"Simulated L4 ({A}) and timed there" in done.stderr
    found = json.loads((folder_of(tmp_path, "good") / store.MEASUREMENT).read_text())
    assert (found["status"], found["card"]) == ("invalid", f"Simulated 0 ({A})")
    assert found["reason"].startswith(f"card in use: Simulated 0 ({A}) is used by other processes too (4194000)")
    assert found["measured_on"].startswith("Simulated 0, ")


def test_the_card_of_a_mig_instance_is_named_by_the_driver(simulated, world, tmp_path):
    short = [f"measure.{key}={value}" for key, value in {"n_blocks": 2, "trial_s": 0.2, "warmup_s": 0.1, "warmup_at_most_s": 1}.items()]
    args = world.args(tmp_path, *QUICKLY, "measure=quick", *short, "params.model=[good]", "champion=null")
    cut = (card(MIG_A, "Simulated A100 MIG 3g.40gb"),)
    done = simulated.run(args, cut, nvml=f"card {A} 1; set 0 0 mig 1", CUDA_VISIBLE_DEVICES=MIG_A)
    found = json.loads((folder_of(tmp_path, "good") / store.MEASUREMENT).read_text())
    assert found["card"] == f"Simulated A100 MIG 3g.40gb ({MIG_A})", done.stderr
    assert found["measured_on"].startswith("Simulated A100 MIG 3g.40gb, ")
    assert "MIG instance" in found["energy_reason"]


REFUSED = {
    "the driver is too old": ({"version": 12040}, "the driver knows CUDA 12.4, wanted 13.0 or newer; install the NVIDIA driver 580.65.06"),
    "no card": ({"devices": (), "init": 100}, "the CUDA driver finds no device; run nvidia-smi on the machine that has the card"),
    "hidden": ({"CUDA_VISIBLE_DEVICES": "GPU-no"}, "finds no device under CUDA_VISIBLE_DEVICES='GPU-no'; set it to a card"),
    "two versions": ({"init": 803}, "library and its kernel module are of two versions (cuInit returned 803); restart the machine"),
    "the CPU package": (
        {"packages": {"cupy-cuda13x": "14.2.0", "numba-cuda": "0.30.4", "onnxruntime": "1.31.1"}},
        "the CPU package of ONNX Runtime is installed (onnxruntime 1.31.1); run: pip uninstall -y onnxruntime onnxruntime-gpu && pip install",
    ),
    "both packages": ({"packages": {**PACKAGES, "onnxruntime": "1.31.1"}}, "share a folder and break each other; run: pip uninstall -y"),
    "prohibited": ({"devices": (card(mode=2),)}, f"is Prohibited, which lets no process in; run: sudo nvidia-smi -i {A} -c DEFAULT"),
    "exclusive": (
        {"devices": (card(mode=3),), "timed": True},
        f"is Exclusive_Process, which lets one process in, and the speed phase keeps one for each of the 2 variants on it; run: sudo nvidia-smi -i {A}",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_run_is_refused_in_one_sentence_before_anything_is_written(simulated, world, tmp_path, fault):
    given, words = REFUSED[fault]
    measure = "measure=quick" if given.get("timed") else "measure=none"
    given = {key: value for key, value in given.items() if key != "timed"}
    done = simulated.run(world.args(tmp_path / "results", *QUICKLY, measure), **given)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("harness: device: ")
    assert words in done.stderr
    assert "device=cpu" in done.stderr or "measure=none" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_without_any_driver_the_real_command_refuses(world, tmp_path, harness):
    said = harness(world.args(tmp_path / "results", *QUICKLY))
    if said.code != 2 or "no CUDA driver" not in said.err:
        pytest.skip("this machine has a CUDA driver")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_one_process_at_a_time_is_enough_where_nothing_is_timed(simulated, world, tmp_path):
    done = simulated.run([*world.args(tmp_path, *QUICKLY), "--dry-run"], (card(mode=3),))
    assert done.returncode == 0, done.stderr
    assert f"device: 2 variants are scored on Simulated L4 ({A})" in done.stderr
