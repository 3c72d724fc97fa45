import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax

from harness.errors import ScoreError
from harness.inference.class_scores import check_class_scores, class_scores
from harness.records.model import ScoringPlan
from harness.stats import probabilities


def plan(transform="none"):
    return ScoringPlan("v", "onnx", "m.onnx", "0", (), "out", transform, None, 16, None, "cpu")


def test_probabilities_are_taken_as_they_are():
    raw = np.array([[0.1, 0.2, 0.7]])
    found = class_scores(raw, plan(), 3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, raw.astype(np.float32))


def test_softmax_is_that_of_scipy_at_the_ends_too():
    logits = np.array([[2.0, 1.0, 0.0], [-5.0, 800.0, 799.0], [-1e4, -1e4, -1e4]], np.float32)
    found = class_scores(logits, plan("softmax"), 3)
    np.testing.assert_allclose(found, scipy_softmax(logits.astype(np.float64), axis=1), rtol=1e-6)
    check_class_scores(found, plan("softmax"))


def test_no_rows_are_no_trouble():
    assert class_scores(np.zeros((0, 3), np.float32), plan("softmax"), 3).shape == (0, 3)
    check_class_scores(np.zeros((0, 3), np.float32), plan())


@pytest.mark.parametrize("raw", [np.zeros(3), np.zeros((3, 2)), np.zeros((2, 3, 3))])
def test_another_shape_is_refused(raw):
    with pytest.raises(ScoreError, match=r"'out' gave shape .*, wanted \[rows, 3\], one column per class"):
        class_scores(raw, plan(), 3)


def test_one_column_is_refused_whatever_the_classes():
    with pytest.raises(ScoreError, match=r"gave shape \(3, 1\), wanted \[rows, 2\]"):
        class_scores(np.zeros((3, 1)), plan(), 1)


def test_sigmoid_is_refused():
    with pytest.raises(ScoreError, match=r"sigmoid does not make probabilities of 3 classes; use softmax"):
        class_scores(np.zeros((1, 3)), plan("sigmoid"), 3)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan, 0.5, 0.5], r"NaN in 1 of 2 rows; impute"),
        ([2.0, -1.0, 0.0], r"1 of 2 rows are outside \[0, 1\] \(from -1 to 2\); .*transform: softmax"),
        ([0.5, 0.3, 0.1], r"1 of 2 rows do not sum to 1 within 0.001 over the classes; .*transform: softmax"),
        ([0.5, 0.5, 0.0011], r"do not sum to 1"),
    ],
)
def test_what_is_no_probability_is_refused(monkeypatch, row, message):
    monkeypatch.setattr(probabilities, "BLOCK_ROWS", 1)
    with pytest.raises(ScoreError, match=message):
        check_class_scores(np.array([[0.2, 0.3, 0.5], row], np.float32), plan())


def test_after_a_transform_the_advice_is_another():
    with pytest.raises(ScoreError, match=r"do not sum to 1 .*; mend the model"):
        check_class_scores(np.array([[0.2, 0.3]], np.float32), plan("softmax"))


def test_sums_within_the_tolerance_are_probabilities():
    check_class_scores(np.array([[0.5, 0.4995, 0.0], [1.0, 0.0, 0.0009]], np.float32), plan())
