"""Lines of drift.parquet: families of the correction, what makes a column drifted, every field in its place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.drift.corrected import corrected_p_values
from harness.drift.drift_rows import drift_rows
from harness.drift.readings import reading
from harness.records.drift import DriftRow, Reading
from tests.oracles import drift_statistics as oracle


def line(column="a", statistic="psi", p_value=0.01, exceeds=True, *, kind="covariate", where=("all", "all"), window="all", alone=False):
    return (kind, column, *where, window, statistic, Reading(0.3, 0.2, p_value, exceeds, 40, 30, alone, "said"))


def test_every_field_has_its_place():
    rows = drift_rows([line(where=("carrier", "UA"), window="2013-04")], "harness", 0.05, "mlp")
    assert rows == (
        DriftRow("mlp", "a", "covariate", "psi", "harness", "carrier", "UA", "2013-04", 40, 30, 0.3, 0.2, 0.01, 0.01, True, "said"),
    )
    assert drift_rows([line()], "harness", 0.05)[0].variant is None
    assert drift_rows([], "harness", 0.05) == ()


def test_a_family_is_all_columns_of_one_statistic_kind_slice_and_window():
    p_values = [0.01, 0.04, 0.03]
    columns = [line(name, p_value=p) for name, p in zip("abc", p_values, strict=True)]
    others = [
        line("a", "ks", 0.2),
        line("a", kind="label", p_value=0.3),
        line("a", where=("carrier", "UA"), p_value=0.011),
        line("a", where=("carrier", "AA"), p_value=0.4),
        line("a", where=("origin", "UA"), p_value=0.5),
        line("a", window="2013-04", p_value=0.6),
    ]
    mixed = [others[0], columns[0], *others[1:3], columns[1], *others[3:], columns[2]]
    found = {id(entry): p for entry, p in zip(mixed, corrected_p_values(mixed), strict=True)}
    np.testing.assert_allclose([found[id(c)] for c in columns], oracle.benjamini_hochberg(p_values))
    np.testing.assert_array_equal([found[id(o)] for o in others], [o[-1].p_value for o in others])


def test_an_iterator_will_do():
    assert len(drift_rows(iter([line(), line("b")]), "harness", 0.05)) == 2


@pytest.mark.parametrize(
    ("exceeds", "p_value", "alone", "drifted"),
    [
        (True, 0.01, False, True),
        (True, 0.2, False, False),
        (False, 0.01, False, False),
        (False, None, False, False),
        (True, None, False, None),
        (None, 0.01, False, None),
        (None, None, True, None),
        (True, None, True, True),
        (True, 0.9, True, True),
        (False, 1e-9, True, False),
    ],
)
def test_what_makes_a_column_drifted(exceeds, p_value, alone, drifted):
    row = drift_rows([line(p_value=p_value, exceeds=exceeds, alone=alone)], "harness", 0.05)[0]
    assert row.drifted is drifted
    assert row.p_value == p_value
    assert row.p_value_corrected == (None if alone else p_value)


def test_the_correction_may_take_a_finding_back():
    rows = drift_rows([line("a", p_value=0.03), *(line(name, p_value=0.9) for name in "bcd")], "harness", 0.05)
    assert rows[0].p_value_corrected == pytest.approx(0.12)
    assert [row.drifted for row in rows] == [False] * 4


def test_what_has_no_p_value_or_decides_alone_is_no_member_of_the_family():
    rows = drift_rows([line("a", p_value=0.03), line("b", p_value=None), line("c", p_value=0.5, alone=True)], "harness", 0.05)
    assert [row.p_value_corrected for row in rows] == [0.03, None, None]
    assert math.isnan(corrected_p_values([line("b", p_value=None)])[0])


def test_a_reading_reaches_its_threshold_in_size_and_no_difference_never_does():
    assert [reading(v, 0.2, None, 1, 1).exceeds for v in (0.2, -0.2, 0.19999, 0.0)] == [True, True, False, False]
    assert [reading(v, 0.0, None, 1, 1).exceeds for v in (1e-9, 0.0)] == [True, False]
    assert [reading(1.0, t, None, 1, 1).exceeds for t in (None, math.nan)] == [None, None]
    assert reading(1.0, math.nan, None, 1, 1).threshold is None
    assert reading(1.0, None, None, 1, 1, "", "a", "", "b").note == "a; b"
