from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ModelError, ScoreError
from harness.inference.binding import BoundArray, bind, output_form
from tests.inference.card_graphs import FLOAT, STRING, label_and_probability, linear, two_inputs, write


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def of(**arrays):
    return {name: BoundArray.of(array, name) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def linear_session(tmp_path_factory):
    return session_of(linear(tmp_path_factory.mktemp("graphs") / "m.onnx"))


def test_bound_memory_gives_what_run_gives(linear_session):
    x, y = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32), np.full((5, 1), np.nan, np.float32)
    linear_session.run_with_iobinding(bind(linear_session, of(x=x), of(y=y), "cpu"))
    np.testing.assert_array_equal(y, linear_session.run(None, {"x": x})[0])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=6), st.integers(0, 99))
def test_buffers_that_are_bound_once_serve_any_batches(linear_session, sizes, seed):
    rng = np.random.default_rng(seed)
    x, y = np.empty((6, 3), np.float32), np.empty((6, 1), np.float32)
    bound_x, bound_y = BoundArray.of(x, "x"), BoundArray.of(y, "y")
    bindings = {n: bind(linear_session, {"x": bound_x.rows(n)}, {"y": bound_y.rows(n)}, "cpu") for n in set(sizes)}
    for n in sizes:
        rows = rng.normal(size=(n, 3)).astype(np.float32)
        x[:n], y[:] = rows, -7.0
        linear_session.run_with_iobinding(bindings[n])
        np.testing.assert_array_equal(y[:n], linear_session.run(None, {"x": rows})[0])
        assert (y[n:] == -7.0).all()


def test_several_inputs_of_different_types(tmp_path):
    session = session_of(two_inputs(tmp_path / "m.onnx"))
    feed = {"x": np.ones((3, 2), np.float32), "k": np.array([[1], [2**53 + 1], [-4]]), "d": np.array([[0.5], [-0.0], [np.inf]])}
    y = np.empty((3, 1), np.float32)
    session.run_with_iobinding(bind(session, of(**feed), of(y=y), "cpu"))
    np.testing.assert_array_equal(y, session.run(None, feed)[0])


def test_of_two_outputs_the_one_that_is_asked_for_is_written(tmp_path):
    session = session_of(label_and_probability(tmp_path / "m.onnx"))
    x, p = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32), np.empty((4, 1), np.float32)
    session.run_with_iobinding(bind(session, of(x=x), of(p=p), "cpu"))
    np.testing.assert_array_equal(p, session.run(["p"], {"x": x})[0])


def test_doubles_are_bound_as_they_are(tmp_path):
    session = session_of(linear(tmp_path / "m.onnx", kind=11))
    x, y = np.array([[1e300, -1.0, 2.0]]), np.empty((1, 1))
    session.run_with_iobinding(bind(session, of(x=x), of(y=y), "cpu"))
    np.testing.assert_array_equal(y, session.run(None, {"x": x})[0])


def test_texts_are_refused_and_it_is_said_why(tmp_path):
    session = session_of(write(tmp_path / "m.onnx", [("Identity", "x", "y")], {"x": (STRING, ["n", 1])}, {"y": (STRING, ["n", 1])}))
    with pytest.raises(ModelError, match=r"inputs.x: found an array of object, .*texts have no memory that can be bound; use device=cpu"):
        BoundArray.of(np.array([["a"]], object), "x")
    with pytest.raises(ModelError, match=r"inputs.x: the graph wants texts"):
        bind(session, of(x=np.ones((1, 1), np.float32)), {}, "cpu")


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({"x": np.ones((2, 3))}, {}, r"inputs.x: found float64, wanted tensor\(float\)"),
        ({"x": np.ones((2, 4), np.float32)}, {}, r"inputs.x: found shape \(2, 4\), wanted \(\?, 3\)"),
        ({"x": np.ones(3, np.float32)}, {}, r"inputs.x: found shape \(3,\), wanted \(\?, 3\)"),
        ({"x": np.ones((2, 3), np.float32), "z": np.ones(1)}, {}, r"inputs.z: the graph has no such input; its inputs are: x"),
        ({}, {}, r"nothing is bound to input 'x'"),
        ({"x": np.ones((2, 3), np.float32)}, {"y": np.ones((2, 1))}, r"outputs.y: found float64, wanted tensor\(float\)"),
        ({"x": np.ones((2, 3), np.float32)}, {"q": np.ones((2, 1))}, r"outputs.q: the graph has no such output; its outputs are: y"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_runs(linear_session, inputs, outputs, message):
    with pytest.raises(ModelError, match=message):
        bind(linear_session, of(**inputs), of(**outputs), "cpu")


def test_an_output_of_another_shape_is_refused_before_it_is_written(linear_session):
    y = np.full((2, 1), -7.0, np.float32)
    binding = bind(linear_session, of(x=np.ones((3, 3), np.float32)), of(y=y), "cpu")
    with pytest.raises(Exception, match="shape"):
        linear_session.run_with_iobinding(binding)
    assert (y == -7.0).all()


@pytest.mark.parametrize("array", [np.ones((4, 6), np.float32)[:, ::2], np.ones((3, 4), np.float32).T, np.ones((8, 3), np.float32)[::2]])
def test_arrays_with_gaps_are_refused(array):
    with pytest.raises(ModelError, match=r"inputs.x: found an array of \(4, 3\) with gaps"):
        BoundArray.of(array, "x")


@pytest.mark.parametrize("array", [np.ones((2, 3), np.float32)[:1], np.ones((8, 3), np.float32)[::8], np.ones((0, 3), np.float32)[:, ::2]])
def test_one_row_and_no_rows_have_no_gaps(array):
    assert BoundArray.of(array, "x").shape == array.shape


def card_array(shape, strides=None):
    """What CuPy says of an array, without a card."""
    return SimpleNamespace(
        __cuda_array_interface__={"shape": shape, "typestr": "<f4", "data": (4096, False), "strides": strides, "version": 3}
    )


def test_an_array_of_a_card_is_described_by_its_interface():
    assert BoundArray.of(card_array((4, 3)), "x") == BoundArray(4096, (4, 3), np.dtype(np.float32))
    assert BoundArray.of(card_array((4, 3), (12, 4)), "x").n_bytes == 48
    with pytest.raises(ModelError, match="with gaps"):
        BoundArray.of(card_array((4, 3), (24, 4)), "x")


@pytest.mark.parametrize("batch", ["n", 4])
def test_the_form_of_an_output_is_found_by_running(tmp_path, batch):
    session = session_of(linear(tmp_path / "m.onnx", batch, 2, ["a", "b"]))
    form = output_form(session, of(x=np.ones((4, 3), np.float32)), "y", "cpu")
    assert (form.tail, form.dtype) == ((2,), np.dtype(np.float32))


def test_an_output_that_is_not_one_a_row_is_refused(tmp_path):
    session = session_of(write(tmp_path / "m.onnx", [("ReduceSum", "x", "y")], {"x": (FLOAT, ["n", 3])}, {"y": (FLOAT, ["a", "b"])}))
    with pytest.raises(ScoreError, match=r"'y' gave 1 scores for 4 rows, wanted one a row"):
        output_form(session, of(x=np.ones((4, 3), np.float32)), "y", "cpu")
