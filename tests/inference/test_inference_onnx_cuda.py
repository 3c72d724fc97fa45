"""Scoring on a card whose memory and streams are NumPy's and whose sessions are the CPU's: the flow is the real one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DeviceError, ScoreError
from harness.inference.onnx_cpu import OnnxCpu
from harness.inference.onnx_cuda import OnnxCuda
from harness.inference.scorer import open_scorer, provider_of
from harness.records.model import CardPlan
from kernels.devices import CardMemoryError
from tests.inference.card_graphs import DOUBLE, label_and_probability, linear, plan_of, relative_to_largest, tensors_of, two_inputs
from tests.oracles.batch_scores import batch_scores
from tests.support.streams_stand_in import WAITS, StreamsStandIn

SCHEDULES = ["lazy", "eager", "copy", "compute", 1, 2, 3]


def opened_on_cpu(plan, memory):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    return onnxruntime.InferenceSession(plan.path, options, providers=["CPUExecutionProvider"])


def scorer(plan, schedule="lazy", **stand_in):
    return OnnxCuda(plan, memory=StreamsStandIn(schedule, **stand_in), opened=opened_on_cpu)


def scores_of(model, tensors, batch_rows=4, on_rows=lambda _: None):
    return model.memory.to_host(model.score_rows(tensors, len(tensors[0]), batch_rows, on_rows))


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """One plan for every form that inputs and outputs have."""
    folder = tmp_path_factory.mktemp("graphs")
    three = {"x": ("float", 2), "k": ("int64", 1), "d": ("double", 1)}
    return {
        "one column": plan_of(linear(folder / "a.onnx")),
        "sigmoid": plan_of(linear(folder / "a.onnx"), transform="sigmoid"),
        "two columns": plan_of(linear(folder / "b.onnx", width_out=2)),
        "softmax of two": plan_of(linear(folder / "b.onnx", width_out=2), transform="softmax"),
        "three inputs": plan_of(two_inputs(folder / "c.onnx"), three, transform="sigmoid"),
        "one of two outputs": plan_of(label_and_probability(folder / "d.onnx"), output="p"),
        "fixed batch": plan_of(linear(folder / "e.onnx", 4), fixed_batch=4, transform="sigmoid"),
        "multiclass": plan_of(linear(folder / "f.onnx", width_out=3), transform="softmax", task="multiclass"),
        "regression in double": plan_of(linear(folder / "g.onnx", kind=DOUBLE), {"x": ("double", 3)}, task="regression"),
        "shape unknown": plan_of(linear(folder / "h.onnx", out=["a", "b"]), transform="sigmoid"),
    }


FORMS = [
    *("one column", "sigmoid", "two columns", "softmax of two", "three inputs", "one of two outputs", "fixed batch", "multiclass"),
    *("regression in double", "shape unknown"),
]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("form", FORMS)
def test_scores_are_those_of_plain_runs_under_every_schedule(plans, form, schedule):
    plan = plans[form]
    tensors = tensors_of(plan, 23)
    found, wanted = scores_of(scorer(plan, schedule), tensors), batch_scores(plan, tensors, 4)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    np.testing.assert_allclose(found, wanted, rtol=2e-7, atol=1e-45)
    cpu = open_scorer(replace(plan, device="cpu"))
    np.testing.assert_array_equal(found, np.concatenate([cpu.score([t[i : i + 4] for t in tensors]) for i in range(0, 23, 4)]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 9), st.integers(0, 10_000))
def test_any_split_and_any_schedule_give_the_same_scores(plans, n_rows, batch_rows, seed):
    plan = plans["three inputs"]
    tensors = tensors_of(plan, n_rows, seed)
    np.testing.assert_array_equal(scores_of(scorer(plan, seed), tensors, batch_rows), scores_of(scorer(plan, "eager"), tensors, n_rows))


@pytest.mark.parametrize("kind", WAITS)
def test_a_flow_that_forgets_to_wait_is_found(plans, kind):
    plan = plans["sigmoid"]
    tensors = tensors_of(plan, 23)
    wanted = batch_scores(plan, tensors, 4)
    schedules = ["lazy", "eager", "copy", "compute", *range(20)]
    caught = [s for s in schedules if not np.array_equal(scores_of(scorer(plan, s, deaf_to=kind), tensors), wanted, equal_nan=True)]
    assert caught
    assert "eager" not in caught


@pytest.mark.parametrize("form", ["fixed", "captured"])
def test_a_batch_is_filled_up_with_its_last_row_where_scores_depend_on_their_neighbours(tmp_path, form):
    """As in a dynamically quantised graph, which scales its inputs by the largest of the batch."""
    plan = plan_of(relative_to_largest(tmp_path / "m.onnx", 4 if form == "fixed" else "n"), fixed_batch=4 if form == "fixed" else None)
    tensors = [np.linspace(9.0, -9.0, 42, dtype=np.float32).reshape(14, 3)]  # the largest are in the batches that went before
    model = scorer(plan) if form == "fixed" else graph_scorer(plan, is_stale=False)
    np.testing.assert_array_equal(scores_of(model, tensors), batch_scores(plan, tensors, 4))


def test_one_row_and_no_rows(plans):
    for form in ("sigmoid", "fixed batch"):
        plan = plans[form]
        np.testing.assert_allclose(scores_of(scorer(plan), tensors_of(plan, 1)), batch_scores(plan, tensors_of(plan, 1), 4), rtol=2e-7)
        assert scores_of(scorer(plan), tensors_of(plan, 0)).shape == (0,)
    assert scores_of(scorer(plans["multiclass"]), tensors_of(plans["multiclass"], 0)).shape == (0, 3)


def test_nan_and_infinite_features_go_through(plans):
    x = np.array([[np.nan, 0, 0], [np.inf, 0, 0], [-np.inf, 0, 0], [-0.0, 0.0, -0.0], [1e38, 1e38, 1e38]], np.float32)
    np.testing.assert_array_equal(scores_of(scorer(plans["sigmoid"]), [x]), batch_scores(plans["sigmoid"], [x], 4))


def test_only_the_rows_that_are_asked_for_are_scored_and_progress_is_told(plans):
    told = []
    model = scorer(plans["sigmoid"])
    tensors = tensors_of(plans["sigmoid"], 23)
    found = model.memory.to_host(model.score_rows(tensors, 10, 4, told.append))
    assert told == [4, 8, 10]
    np.testing.assert_allclose(found, batch_scores(plans["sigmoid"], [t[:10] for t in tensors], 4), rtol=2e-7)


def test_run_and_score_have_the_interface_of_the_cpu(plans):
    for form in ("sigmoid", "fixed batch", "multiclass"):
        plan = plans[form]
        model, cpu = scorer(plan, "copy"), open_scorer(replace(plan, device="cpu"))
        for n in (3, 1, 4, 3):
            tensors = tensors_of(plan, n, seed=n)
            np.testing.assert_array_equal(model.run(tensors), cpu.run(tensors))
            np.testing.assert_array_equal(model.score(tensors), cpu.score(tensors))
    assert model.session.get_session_options().intra_op_num_threads == 1


def test_an_output_of_too_many_columns_is_refused_before_anything_is_scored(plans):
    plan = replace(plans["multiclass"], task="binary", transform="none")
    with pytest.raises(ScoreError, match=r"gave shape \(0, 3\), wanted one or two columns"):
        scores_of(scorer(plan), tensors_of(plan, 5))


def test_texts_are_refused(plans):
    plan = plans["one column"]
    texts = replace(plan, inputs=(replace(plan.inputs[0], group=replace(plan.inputs[0].group, dtype="string")),))
    with pytest.raises(DeviceError, match=r"input 'x' of .* takes texts, which no card computes on; set deploy.device=cpu"):
        scorer(texts)


def test_when_memory_runs_out_the_batch_is_halved_and_it_is_said(plans, caplog):
    plan = plans["sigmoid"]
    tensors = tensors_of(plan, 100)
    # Scores take 400 bytes; a batch of 64 rows takes 2 * 64 * (3 + 1) * 4 = 2,048, one of 32 rows 1,024.
    model = scorer(plan, memory_bytes=1500)
    told = []
    found = scores_of(model, tensors, 64, told.append)
    np.testing.assert_array_equal(found, scores_of(scorer(plan), tensors, 32))
    assert model.batch_rows == 32
    assert model.notes == ["the card's memory ran out with batches of 64 rows; all rows are scored anew in batches of 32"]
    assert model.notes[0] in caplog.text
    assert told == [32, 64, 96, 100]
    assert model.memory.n_releases == 1


def test_what_was_taken_is_given_back_before_the_session_is_opened_anew(plans):
    plan = plans["sigmoid"]
    memory, seen = StreamsStandIn(memory_bytes=2_000), []

    def opened(given, of):
        seen.append(of.live_bytes)
        return opened_on_cpu(given, of)

    model = OnnxCuda(plan, memory=memory, opened=opened)
    scores_of(model, tensors_of(plan, 100), 100)  # 100 rows want 3,200 bytes, 50 rows 1,600 with 400 of scores
    assert seen == [0, 0]
    assert model.batch_rows == 50


class ArenaIsFull:
    """A session that runs out of memory in the middle, as ONNX Runtime says it."""

    def __init__(self, plan, memory, at_most):
        self.session, self.at_most, self.n_runs = opened_on_cpu(plan, memory), at_most, 0

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run_with_iobinding(self, binding, options=None):
        self.n_runs += 1
        if self.n_runs > self.at_most:
            raise RuntimeError(
                "Non-zero status code returned while running MatMul node. bfc_arena.cc:359 Failed to allocate memory for requested buffer of size 64"
            )
        self.session.run_with_iobinding(binding, options)


def test_memory_that_runs_out_inside_the_runtime_halves_the_batch_too(plans, monkeypatch):
    plan, limits, seen = plans["sigmoid"], iter([3, 1000]), []
    memory = StreamsStandIn("eager")

    def opened(given, of):
        seen.append(f"opened, {of.live_bytes} bytes taken")
        return ArenaIsFull(given, of, next(limits))

    model = OnnxCuda(plan, memory=memory, opened=opened)
    tensors, finish = tensors_of(plan, 23), memory.finish
    monkeypatch.setattr(memory, "finish", lambda: (seen.append("finished"), finish()))
    found = model.score_rows(tensors, 23, 4, lambda _: None)
    assert seen[:4] == ["opened, 0 bytes taken", "finished", "finished", "opened, 0 bytes taken"]  # of the zeros, then before giving back
    np.testing.assert_array_equal(found, scores_of(scorer(plan), tensors, 2))
    assert model.batch_rows == 2


def test_a_card_without_room_for_one_row_or_a_fixed_batch_fails_with_the_reason(plans):
    with pytest.raises(DeviceError, match=r"does not hold a batch of variant 'v' \(Out of memory allocating .*free the card"):
        scores_of(scorer(plans["sigmoid"], memory_bytes=30), tensors_of(plans["sigmoid"], 1), 8)
    with pytest.raises(DeviceError, match=r"does not hold the batch of 4 rows that the graph demands"):
        scores_of(scorer(plans["fixed batch"], memory_bytes=100), tensors_of(plans["fixed batch"], 9))


def test_scores_that_do_not_fit_are_told_before_they_are_computed(plans):
    with pytest.raises(DeviceError, match=r"the scores of 1,000 rows take 3\.9 KiB on the card, and .* are free there"):
        scores_of(scorer(plans["sigmoid"], memory_bytes=2000), tensors_of(plans["sigmoid"], 1000))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_card_that_disappears_fails_with_how_far_it_came(plans, schedule):
    plan = plans["sigmoid"]
    model = scorer(plan, schedule, fails_at=5)  # the first copy is that of zeros, which asks for the shape of the output
    with pytest.raises(
        DeviceError, match=r"the card failed at row 12 of 23 of variant 'v' \(cudaErrorDeviceUnavailable.*it goes on with what is missing"
    ):
        scores_of(model, tensors_of(plan, 23))


def test_a_card_that_is_gone_when_one_request_is_answered(plans):
    with pytest.raises(DeviceError, match=r"the card failed at row 0 of 2"):
        scorer(plans["sigmoid"], fails_at=1).run(tensors_of(plans["sigmoid"], 2))


def failing(trouble):
    def fail(*_):
        raise trouble

    return fail


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy or unavailable", "another process holds the card"),
        ("CUDA failure 719: unspecified launch failure ; GPU=0", "look at nvidia-smi and at the kernel's log"),
        ("cudaErrorECCUncorrectable: uncorrectable ECC error encountered", "use another card"),
        ("CUDA_ERROR_NO_DEVICE", "the driver shows no such card"),
        ("cudaErrorInsufficientDriver: CUDA driver version is insufficient", "look at harness doctor, which names both versions"),
    ],
)
def test_a_failure_is_told_with_what_cuda_calls_it_and_a_remedy(plans, monkeypatch, said, remedy):
    model = scorer(plans["sigmoid"])
    monkeypatch.setattr(model.memory, "send", failing(RuntimeError(said)))
    with pytest.raises(DeviceError, match="device: the card failed at row 0 of 5") as raised:
        scores_of(model, tensors_of(plans["sigmoid"], 5))
    assert said in str(raised.value)
    assert remedy in str(raised.value)
    assert str(raised.value).endswith("run the sweep again: it goes on with what is missing")


def test_an_error_of_the_graph_or_of_this_code_is_not_blamed_on_the_card(plans, monkeypatch):
    model = scorer(plans["sigmoid"])
    monkeypatch.setattr(model.memory, "send", failing(TypeError("argument 1: wrong type")))
    with pytest.raises(TypeError, match="argument 1"):
        scores_of(model, tensors_of(plans["sigmoid"], 5))


def test_tables_that_do_not_fit_beside_the_scores_are_told_and_no_batch_is_halved(plans, monkeypatch):
    model = scorer(plans["sigmoid"])
    monkeypatch.setattr(model.memory, "send", failing(CardMemoryError("the table of one piece takes 9 MiB on the card")))
    with pytest.raises(DeviceError, match=r"^device: the table of one piece takes 9 MiB on the card$"):
        scores_of(model, tensors_of(plans["sigmoid"], 5))
    assert model.notes == []


def test_memory_of_the_host_is_not_taken_for_the_cards(plans, monkeypatch):
    model = scorer(plans["sigmoid"])

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(model.memory, "pinned", full)
    with pytest.raises(MemoryError):
        scores_of(model, tensors_of(plans["sigmoid"], 5))


def test_nodes_on_the_cpu_are_counted_where_they_are_allowed(plans):
    plan = replace(plans["sigmoid"], card=CardPlan(allow_cpu_nodes=True))
    assert scorer(plan).notes == ["1 of 1 nodes (100%: MatMul) run on the CPU, as deploy.allow_cpu_nodes allows"]


@pytest.mark.parametrize(("card", "waits"), [(CardPlan(), ""), (CardPlan(allow_cpu_nodes=True), "waits")])
def test_runs_return_at_once_unless_nodes_on_the_cpu_need_their_inputs_and_the_end_is_waited_for(plans, monkeypatch, card, waits):
    synchronised = []
    monkeypatch.setattr(onnxruntime.IOBinding, "synchronize_outputs", lambda binding: synchronised.append(binding))
    model = scorer(replace(plans["sigmoid"], card=card))
    scores_of(model, tensors_of(plans["sigmoid"], 9))
    slots = model._buffers[4].slots
    assert {id(b) for slot in slots for b in slot.bindings.values()} <= set(map(id, synchronised))
    for slot in slots:
        if waits:
            with pytest.raises(RuntimeError):
                slot.options.get_run_config_entry("disable_synchronize_execution_providers")
        else:
            assert slot.options.get_run_config_entry("disable_synchronize_execution_providers") == "1"


class Captured:
    """A session that answers every captured number as it did the first time: a graph that holds old addresses."""

    def __init__(self, plan, memory, is_stale):
        self.session, self.is_stale, self.kept = opened_on_cpu(plan, memory), is_stale, {}
        self.is_capturing = plan.card.cuda_graph

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run_with_iobinding(self, binding, options=None):
        key = int(options.get_run_config_entry("gpu_graph_id")) if self.is_capturing else -1
        if key > 0 and key in self.kept and self.kept[key] is not binding:
            raise AssertionError("a capture is replayed with other buffers")
        if not (key in self.kept and self.is_stale):
            self.session.run_with_iobinding(binding, options)
        if key > 0:
            self.kept[key] = binding


def graph_scorer(plan, is_stale, sessions=None):
    def opened(given, memory):
        session = Captured(given, memory, is_stale)
        if sessions is not None:
            sessions.append(session)
        return session

    return OnnxCuda(replace(plan, card=CardPlan(cuda_graph=True)), memory=StreamsStandIn("compute"), opened=opened)


@pytest.mark.parametrize("n_rows", [4, 6, 9, 23])
def test_a_captured_graph_scores_every_batch_in_one_shape(plans, n_rows):
    plan, sessions = plans["sigmoid"], []
    tensors = tensors_of(plan, n_rows)
    found = scores_of(graph_scorer(plan, is_stale=False, sessions=sessions), tensors)
    np.testing.assert_allclose(found, batch_scores(plan, tensors, 4), rtol=2e-7)
    assert sorted(sessions[0].kept) == [1, 2]
    assert not sessions[1].is_capturing


@pytest.mark.parametrize("n_rows", [4, 6, 9, 23])
def test_a_stale_graph_is_refused(plans, n_rows):
    with pytest.raises(
        DeviceError, match=r"deploy.cuda_graph: captured scores differ from plain ones by up to .*; set deploy.cuda_graph=false"
    ):
        scores_of(graph_scorer(plans["sigmoid"], is_stale=True), tensors_of(plans["sigmoid"], n_rows))


def test_a_stale_graph_is_refused_where_requests_are_answered_too(plans):
    with pytest.raises(DeviceError, match="captured scores differ"):
        graph_scorer(plans["sigmoid"], is_stale=True).run(tensors_of(plans["sigmoid"], 4))


def test_a_graph_that_cannot_be_checked_is_refused(plans):
    with pytest.raises(DeviceError, match="have equal scores, so a stale graph cannot be told"):
        scores_of(graph_scorer(plans["sigmoid"], is_stale=False), [np.ones((23, 3), np.float32)])


def test_without_a_card_the_scorer_says_what_is_missing(plans, monkeypatch):
    from harness.device import CudaDriver
    from harness.inference import onnx_cuda

    stack = onnx_cuda.cuda_stack(CudaDriver(0, "no CUDA driver (libcuda.so.1 is not installed)"))
    monkeypatch.setattr(onnx_cuda, "cuda_stack", lambda: stack)
    with pytest.raises(DeviceError, match=r"cuda was asked for, and no CUDA driver .*, or use device=cpu"):
        open_scorer(plans["sigmoid"])


def test_the_cpu_does_not_score_a_plan_of_a_card(plans):
    with pytest.raises(DeviceError, match=r"'v' is planned for cuda and was about to run on the CPU"):
        OnnxCpu(plans["sigmoid"])


def test_the_provider_is_that_of_the_plan(plans):
    plan = plans["sigmoid"]
    asked = [
        provider_of(p) for p in (replace(plan, device="cpu"), plan, replace(plan, card=None), replace(plan, card=CardPlan("tensorrt")))
    ]
    assert asked == ["CPUExecutionProvider", "CUDAExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"]
