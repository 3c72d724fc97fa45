"""Drift of the label: base rate of a binary one, categories of several classes, numbers of a regression."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from harness.drift.base_rate import BaseRate
from harness.drift.chi_square import ChiSquare
from harness.drift.kolmogorov_smirnov import KolmogorovSmirnov
from harness.records.profile import Bins
from tests.oracles import drift_statistics as oracle
from tests.support.column_pairs import pair_of


def labels(n_negative, n_positive, n_missing=0):
    return ["0"] * n_negative + ["1"] * n_positive + [None] * n_missing


def test_base_rate_is_the_difference_of_the_rates_and_its_two_proportion_test():
    found = BaseRate(threshold=0.05).read(pair_of(labels(150, 50), labels(60, 40), is_label=True))
    assert found.value == pytest.approx(0.40 - 0.25)
    assert found.p_value == pytest.approx(chi2_contingency([[50, 150], [40, 60]], correction=False).pvalue)
    assert found.exceeds
    assert "0.25 to 0.4" in found.note
    assert "rows treated as independent" in found.note


def test_rows_without_a_label_are_in_neither_rate():
    found = BaseRate().read(pair_of(labels(150, 50, 30), labels(60, 40, 500), is_label=True))
    assert found.value == pytest.approx(0.15)
    assert (found.n_reference, found.n_current) == (200, 100)


@pytest.mark.parametrize(("reference", "value"), [(labels(0, 40), -0.5), (labels(40, 0), 0.5)])
def test_a_class_that_one_side_lacks(reference, value):
    assert BaseRate().read(pair_of(reference, labels(20, 20), is_label=True)).value == value


def test_the_class_is_found_by_its_name_and_not_by_its_place():
    values = labels(30, 10), labels(10, 30)
    for names in (("0", "1"), ("1", "0")):
        assert BaseRate().read(pair_of(*values, bins=Bins(categories=names), is_label=True)).value == 0.5
    only = BaseRate(threshold=0.05).read(pair_of(labels(0, 9), labels(0, 8), is_label=True))
    assert (only.value, only.p_value, only.exceeds) == (0.0, None, False)
    assert "alike" in only.note


def test_by_days_whole_days_are_dealt_out():
    rates = [0, 1, 3, 4, 5, 5, 6, 7]
    reference, current = [labels(10 - k, k) for k in rates[:5]], [labels(10 - k, k) for k in rates[5:]]
    days = np.repeat(np.arange(5), 10), np.repeat(np.arange(5, 8), 10)
    rows = [list(itertools.chain(*side)) for side in (reference, current)]
    found = BaseRate(n_resamples=9_999).read(pair_of(*rows, days=days, is_label=True))
    by_day = [[[day.count("0"), day.count("1")] for day in side] for side in (reference, current)]
    exact = oracle.days_p(*by_day, lambda r, c: abs(r[1] / sum(r) - c[1] / sum(c)))
    assert found.p_value == pytest.approx(exact, abs=0.01)
    assert found.p_value > 10 * BaseRate().read(pair_of(*rows, is_label=True)).p_value
    assert "9999 resamples of 8 days, at least 0.018" in found.note


def test_no_labels_on_a_side_is_undefined():
    found = BaseRate(threshold=0.05).read(pair_of(labels(3, 3), labels(0, 0, 9), is_label=True))
    assert np.isnan(found.value)
    assert "no current labels" in found.note


def test_only_labels_in_zeros_and_ones_have_a_base_rate():
    assert [BaseRate().applies_to(*of) for of in (("category", True), ("category", False), ("number", True))] == [True, False, False]
    assert BaseRate().read(pair_of(["cat", "dog"], ["dog"], is_label=True)) is None


def test_other_labels_are_read_by_what_they_are():
    classes = pair_of(["cat"] * 30 + ["dog"] * 30, ["dog"] * 60, is_label=True)
    assert ChiSquare().read(classes).p_value < 1e-6
    rng = np.random.default_rng(0)
    numbers = pair_of(rng.normal(size=200), rng.normal(1.0, 1.0, size=200), is_label=True)
    assert KolmogorovSmirnov().applies_to("number", True)
    assert KolmogorovSmirnov().read(numbers).p_value < 1e-6
