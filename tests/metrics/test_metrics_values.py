"""Values of every metric against scikit-learn and the definitions, on random rows with ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn import metrics as sk

from harness.metrics.accuracy import Accuracy
from harness.metrics.auc import Auc
from harness.metrics.balanced_accuracy import BalancedAccuracy
from harness.metrics.base_rate import BaseRate
from harness.metrics.brier import Brier
from harness.metrics.describe import metric_classes
from harness.metrics.ece import Ece
from harness.metrics.f1 import F1
from harness.metrics.fnr import Fnr
from harness.metrics.fpr import Fpr
from harness.metrics.log_loss import LogLoss
from harness.metrics.mcc import Mcc
from harness.metrics.npv import Npv
from harness.metrics.precision import Precision
from harness.metrics.recall import Recall
from harness.metrics.selection_rate import SelectionRate
from harness.records.needs import Needs
from tests.oracles.metric_oracle import binary_tally_from_rows, tally_of_counts

N_CELLS = 4


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(11)
    labels = rng.integers(0, 2, 400).astype(np.int8)
    scores = (rng.beta(2, 2, 400) * 0.6 + labels * 0.3).round(2).astype(np.float32)  # rounded: many ties
    scores[:4] = [0.0, 1.0, 0.5, 0.5]
    cells = rng.integers(0, N_CELLS, 400)
    return scores, labels, cells


@pytest.fixture(scope="module")
def tally(rows):
    return binary_tally_from_rows(*rows, N_CELLS, 0.5)


def equal_width_ece(labels, scores):
    edges = np.append(np.arange(15) / 15, np.inf)
    total = 0.0
    for low, high in itertools.pairwise(edges):
        inside = (scores >= low) & (scores < high)
        if inside.any():
            total += inside.mean() * abs(labels[inside].mean() - scores[inside].mean())
    return total


BY_DECISION = [
    (Accuracy, sk.accuracy_score),
    (Precision, sk.precision_score),
    (Recall, sk.recall_score),
    (Fpr, lambda y, d: 1 - sk.recall_score(y, d, pos_label=0)),
    (Fnr, lambda y, d: 1 - sk.recall_score(y, d)),
    (Npv, lambda y, d: sk.precision_score(y, d, pos_label=0)),
    (SelectionRate, lambda y, d: d.mean()),
    (BaseRate, lambda y, d: y.mean()),
    (F1, sk.f1_score),
    (Mcc, sk.matthews_corrcoef),
    (BalancedAccuracy, sk.balanced_accuracy_score),
]
BY_SCORE = [
    (LogLoss, lambda y, s: sk.log_loss(y, s.clip(1e-15, 1 - 1e-15))),
    (Brier, sk.brier_score_loss),
    (Auc, sk.roc_auc_score),
    (Ece, equal_width_ece),
]


@pytest.mark.parametrize(("metric", "oracle"), BY_DECISION, ids=lambda x: getattr(x, "name", ""))
def test_decision_metric_is_scikit_learns(metric, oracle, rows, tally):
    scores, labels, cells = rows
    found = metric().compute(tally, 0.95, 0)
    expected = [oracle(labels[cells == k], (scores >= np.float32(0.5))[cells == k].astype(int)) for k in range(N_CELLS)]
    np.testing.assert_allclose(found.value, expected, rtol=1e-10)


@pytest.mark.parametrize(("metric", "oracle"), BY_SCORE, ids=lambda x: getattr(x, "name", ""))
def test_score_metric_is_scikit_learns(metric, oracle, rows, tally):
    scores, labels, cells = rows
    found = metric().compute(tally, 0.95, 0)
    expected = [oracle(labels[cells == k], scores[cells == k].astype(np.float64)) for k in range(N_CELLS)]
    np.testing.assert_allclose(found.value, expected, rtol=1e-10)


METRICS = [metric for metric, _ in BY_DECISION + BY_SCORE]


def test_every_binary_metric_of_the_plain_tally_is_compared_above():
    reads_no_more = {m.name for m in metric_classes() if m.task == "binary" and m().needs() in (Needs(), Needs(ranks=True))}
    assert {m.name for m in METRICS} == reads_no_more - {"ce2_debiased"}  # that one: test_metrics_calibration.py


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_interval_has_width_holds_the_value_and_stays_in_range(metric, tally):
    found = metric().compute(tally, 0.95, 0)
    has = ~np.isnan(found.ci_low)
    assert has.any() or metric is Ece
    assert (found.ci_low < found.ci_high)[has].all()
    assert (found.ci_low[has] <= found.value[has]).all()
    assert (found.value[has] <= found.ci_high[has]).all()
    assert (found.ci_low[has] >= metric.lowest).all()
    assert (found.ci_high[has] <= metric.highest).all()
    assert all(found.ci_method)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_cells_do_not_depend_on_each_other(metric, rows):
    scores, labels, cells = rows
    forward = metric().compute(binary_tally_from_rows(scores, labels, cells, N_CELLS, 0.5), 0.95, 3)
    back = metric().compute(binary_tally_from_rows(scores, labels, N_CELLS - 1 - cells, N_CELLS, 0.5), 0.95, 3)
    for a, b in zip((forward.value, forward.ci_low, forward.ci_high), (back.value, back.ci_low, back.ci_high), strict=True):
        np.testing.assert_allclose(a, b[::-1], rtol=1e-9)
    assert (forward.ci_method == back.ci_method[::-1]).all()


def cell(scores, labels):
    n = len(scores)
    return binary_tally_from_rows(np.array(scores, np.float32), np.array(labels, np.int8), np.zeros(n, np.int64), 1, 0.5)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
@pytest.mark.parametrize(("scores", "labels"), [([], []), ([0.7], [1])], ids=["empty", "one row"])
def test_fewer_than_two_rows_are_undefined(metric, scores, labels):
    found = metric().compute(cell(scores, labels), 0.95, 0)
    assert np.isnan([found.value[0], found.ci_low[0], found.ci_high[0]]).all()
    assert found.undefined_reason[0] == "fewer than 2 rows"
    assert found.ci_method[0] == ""


UNDEFINED = [
    ([0.2, 0.7, 0.9], [1, 1, 1], {"fpr": "no negative rows", **dict.fromkeys(["f1", "mcc", "balanced_accuracy", "auc"], "one class only")}),
    (
        [0.2, 0.3, 0.9],
        [0, 0, 0],
        {
            "recall": "no positive rows",
            "fnr": "no positive rows",
            **dict.fromkeys(["f1", "mcc", "balanced_accuracy", "auc"], "one class only"),
        },
    ),
    ([0.2, 0.3, 0.4], [0, 1, 0], {"precision": "no row is predicted positive", "mcc": "all rows are predicted alike"}),
    ([0.7, 0.8, 0.9], [0, 1, 0], {"npv": "no row is predicted negative", "mcc": "all rows are predicted alike"}),
]


@pytest.mark.parametrize(("scores", "labels", "expected"), UNDEFINED, ids=["positives", "negatives", "none selected", "all selected"])
def test_only_what_has_no_denominator_is_undefined(scores, labels, expected):
    tally = cell(scores, labels)
    found = {m.name: m().compute(tally, 0.95, 0) for m in METRICS}
    assert {name: v.undefined_reason[0] for name, v in found.items() if np.isnan(v.value[0])} == expected
    assert all(v.undefined_reason[0] is None for name, v in found.items() if name not in expected)


def test_counts_of_a_thousand_million_rows_keep_their_digits():
    tally = tally_of_counts(3, 1, 1, 3)
    huge = type(tally)(**{**vars(tally), "confusion": tally.confusion * 10**9})
    for metric in (F1(), Mcc(), BalancedAccuracy(), Accuracy()):
        found = metric.compute(huge, 0.95, 0)
        np.testing.assert_allclose(found.value, metric.compute(tally, 0.95, 0).value, rtol=1e-12)
        assert 0 < found.ci_high[0] - found.ci_low[0] < 1e-4
