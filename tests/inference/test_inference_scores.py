import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from harness.errors import ScoreError
from harness.inference.scores import check_scores, positive_scores
from harness.records.model import ScoringPlan


def plan(transform="none"):
    return ScoringPlan("v", "onnx", "m.onnx", "0", (), "out", transform, None, 16, None, "cpu")


@pytest.mark.parametrize("raw", [np.array([0.1, 0.9]), np.array([[0.1], [0.9]]), np.array([[0.9, 0.1], [0.1, 0.9]])])
def test_the_positive_class_is_the_only_or_the_second_column(raw):
    found = positive_scores(raw, plan())
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.1, 0.9], rtol=1e-6)


def test_sigmoid_is_that_of_scipy_at_the_ends_too():
    logits = np.array([-1000.0, -3.0, 0.0, 3.0, 1000.0], np.float32)
    np.testing.assert_allclose(positive_scores(logits, plan("sigmoid")), expit(logits), rtol=1e-6)


def test_softmax_takes_both_columns():
    logits = np.array([[2.0, 1.0], [-5.0, 800.0]], np.float32)
    np.testing.assert_allclose(positive_scores(logits, plan("softmax")), scipy_softmax(logits, axis=1)[:, 1], rtol=1e-6)


def test_softmax_of_one_column_is_refused():
    with pytest.raises(ScoreError, match=r"softmax needs two columns.*use sigmoid"):
        positive_scores(np.zeros((3, 1), np.float32), plan("softmax"))


def test_three_columns_are_refused():
    with pytest.raises(ScoreError, match=r"shape \(3, 3\), wanted one or two columns"):
        positive_scores(np.zeros((3, 3), np.float32), plan())


def test_nan_is_counted_and_refused():
    with pytest.raises(ScoreError, match=r"NaN in 1 of 2 rows"):
        check_scores(np.array([0.5, np.nan], np.float32), plan())


@pytest.mark.parametrize("value", [-0.001, 1.001, np.inf])
def test_scores_outside_the_unit_interval_suggest_a_transform(value):
    with pytest.raises(ScoreError, match=r"1 of 2 rows are outside \[0, 1\].*transform: sigmoid"):
        check_scores(np.array([0.5, value], np.float32), plan())


def test_both_ends_of_the_unit_interval_are_scores():
    check_scores(np.array([0.0, 1.0], np.float32), plan())
