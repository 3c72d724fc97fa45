"""What has changed in a column, in words: of a binary label its rate."""

from __future__ import annotations

import pytest

from harness.drift.what_changed import what_changed
from harness.records.profile import Bins
from tests.support.column_pairs import pair_of


def labels(n_negative: int, n_positive: int, n_missing: int = 0) -> list[str | None]:
    return ["0"] * n_negative + ["1"] * n_positive + [None] * n_missing


@pytest.mark.parametrize(
    ("reference", "current", "said"),
    [
        (labels(772, 228), labels(76, 24), "rate 22.8% -> 24.0%"),
        (labels(50, 50, 100), labels(50, 50), "rate 50.0% -> 50.0%, missing 50.0% -> 0.0%"),
        (labels(10, 0), labels(0, 10), "rate 0.0% -> 100.0%"),
        (labels(10, 0), labels(10, 0), "rate 0.0% -> 0.0%"),
        (labels(10, 0), labels(0, 0, 10), "missing 0.0% -> 100.0%"),  # the rate of no labels is not 0
        (labels(10, 0), [], ""),
    ],
)
def test_of_a_binary_label_the_rate_of_ones_is_said(reference: list[str | None], current: list[str | None], said: str) -> None:
    assert what_changed(pair_of(reference, current, kind="category", is_label=True)) == said


def test_ones_are_found_by_name_and_not_by_place() -> None:
    for names in (("0", "1"), ("1", "0")):
        assert what_changed(pair_of(labels(3, 1), labels(1, 3), Bins(categories=names), is_label=True)) == "rate 25.0% -> 75.0%"


def test_other_labels_and_inputs_of_zeros_and_ones_are_said_by_category() -> None:
    assert what_changed(pair_of(labels(3, 1), labels(1, 3))) == "0 75.0% -> 25.0%"
    classes = pair_of(["cat", "dog"], ["dog", "dog"], is_label=True)
    assert what_changed(classes) == "cat 50.0% -> 0.0%"
