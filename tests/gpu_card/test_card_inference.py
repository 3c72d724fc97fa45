"""ONNX Runtime's CUDA provider on the card, through the real double buffer, against the CPU provider."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import DeviceError
from harness.inference.onnx_cuda import OnnxCuda
from harness.inference.placement import placement
from harness.records.model import CardPlan
from tests.inference.card_graphs import plan_of, relative_to_largest, tensors_of
from tests.inference.test_inference_onnx_cuda import FORMS, plans
from tests.oracles.batch_scores import batch_scores

__all__ = ["plans"]  # a fixture
RTOL, ATOL = 1e-5, 1e-6  # sums of float32 in another order


def on_card(plan, tensors, batch_rows=4):
    model = OnnxCuda(plan, 0)
    n_rows = len(tensors[0])
    return model, model.memory.to_host(model.score_rows(tensors, n_rows, batch_rows, lambda done: None))


@pytest.mark.parametrize("n_rows", [1, 4, 23, 1003])
@pytest.mark.parametrize("form", FORMS)
def test_scores_are_those_of_the_cpu_provider(plans, form, n_rows):
    plan = plans[form]
    tensors = tensors_of(plan, n_rows)
    model, found = on_card(plan, tensors)
    assert model.notes == []
    expected = batch_scores(plan, tensors, 4)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


def test_no_rows_have_no_scores(plans):
    assert on_card(plans["sigmoid"], tensors_of(plans["sigmoid"], 0))[1].shape == (0,)


def test_a_batch_is_not_mixed_with_the_one_before(tmp_path):
    plan = plan_of(relative_to_largest(tmp_path / "m.onnx", "n"), task="regression")
    tensors = [np.linspace(9.0, -9.0, 42, dtype=np.float32).reshape(14, 3)]  # the largest are in the batches that went before
    np.testing.assert_allclose(on_card(plan, tensors)[1], batch_scores(plan, tensors, 4), rtol=RTOL, atol=ATOL)


def test_the_same_rows_give_the_same_bits_again(plans):
    tensors = tensors_of(plans["sigmoid"], 10_000)
    first, second = (on_card(plans["sigmoid"], tensors, 512)[1] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_every_node_runs_on_the_card(plans):
    found = placement(plans["sigmoid"], tensors_of(plans["sigmoid"], 4), "CUDAExecutionProvider")
    assert (found.first, found.node_share) == ("CUDAExecutionProvider", 1.0)


@pytest.mark.parametrize("n_rows", [200, 1003])
def test_captured_graphs_give_the_same_scores(plans, n_rows):
    """One that the check of captures refuses is refused in one sentence, which is a finding to be read and not a wrong score."""
    plan = replace(plans["sigmoid"], card=CardPlan(cuda_graph=True))
    tensors = tensors_of(plan, n_rows)
    try:
        _, found = on_card(plan, tensors, 64)
    except DeviceError as refused:
        pytest.skip(f"captures are refused on this card: {refused}")
    np.testing.assert_allclose(found, batch_scores(plan, tensors, 64), rtol=RTOL, atol=ATOL)
