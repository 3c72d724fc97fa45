"""Constants and nulls that appear in some window and stay, and single windows that must vary."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest

from harness.drift.contract_check import check_column
from harness.drift.stays import varies_in_every_window
from harness.records.column import Column
from harness.records.contract import ColumnRule, NotChecked, Violation
from tests.support.contract_rows import cells_of, compared, number_column, profile_of, text_column

NAN = np.nan
VARIED = [1.0, 2.0, 3.0, 4.0] * 10  # a window of the reference


def checked(rule: ColumnRule, column: Column, reference_windows: list[int], windows: list[int], with_profile: bool = True) -> Any:
    n = len(reference_windows)
    profile = profile_of(column, n, reference_windows) if with_profile else None
    return check_column(rule, column, compared(n, len(windows)), cells_of(reference_windows, windows), profile, None)


def numbers(reference: list[list[float]], current: list[list[float]], rule: ColumnRule | None = None, **more: Any) -> list[Violation]:
    """Check windows of values: each list is one."""
    column = number_column([*chain(*reference)], [*chain(*current)])
    sides = ([w for w, values in enumerate(side, 1) for _ in values] for side in (reference, current))
    return checked(rule or ColumnRule("x", check_unit=False), column, *sides, **more)[0]


def test_a_value_that_appears_and_stays_is_named_with_its_first_window() -> None:
    (found,) = numbers([VARIED, VARIED], [VARIED, [2.0] * 30, [], [2.0] * 30 + [NAN]])
    assert (found.check, found.n_rows, found.window, found.rows) == ("constant", 60, "w2", (120, 121, 122))
    assert found.sentence.startswith(
        "x: expected more than one value, as in every window of the reference, found only 2 from window w2 on, to the last (2 windows)"
    )


@pytest.mark.parametrize(
    "current",
    [
        [VARIED, [2.0] * 30, VARIED],  # it does not stay
        [VARIED, [2.0] * 30, [3.0] * 30],  # another value
        [VARIED, [2.0] * 4, [2.0] * 4],  # a quarter of the reference: eight such rows come by chance
        [VARIED, VARIED, [2.0] * 99],  # a last window alone needs 100 rows
        [VARIED, VARIED],
        [[NAN], [NAN]],
    ],
)
def test_what_does_not_stay_or_may_be_chance_is_no_constant(current: list[list[float]]) -> None:
    assert [v for v in numbers([VARIED, VARIED], current) if v.check == "constant"] == []


def test_a_last_window_of_a_hundred_rows_may_stand_alone() -> None:
    (found,) = numbers([VARIED], [VARIED, [2.0] * 100])
    assert (found.window, found.n_rows) == ("w2", 100)


def test_a_value_that_the_reference_never_had_needs_two_windows_and_no_more() -> None:
    reference = [list(np.linspace(0, 1, 50))]
    assert [v.n_rows for v in numbers(reference, [reference[0], [7.0], [7.0]]) if v.check == "constant"] == [2]


def test_a_rare_event_that_stays_away_is_chance_until_rows_are_many() -> None:
    reference = [([0.0] * 199 + [1.0])] * 2  # one in 200: a hundred equal rows are common, 2,757 are not
    assert numbers(reference, [[0.0] * 1000, [0.0] * 1700]) == []
    assert [v.n_rows for v in numbers(reference, [[0.0] * 1100, [0.0] * 1700])] == [2800]


def test_what_was_constant_in_a_window_of_the_reference_may_be_so_again() -> None:
    months = [[1.0] * 40, [2.0] * 40]
    assert numbers(months, [[3.0] * 100, [3.0] * 100]) == []


def test_the_check_can_be_left_out_and_needs_windows_and_a_reference() -> None:
    reference, current = [VARIED], [[2.0] * 50, [2.0] * 50]
    assert numbers(reference, current) != []
    assert numbers(reference, current, ColumnRule("x", check_unit=False, check_stays=False)) == []
    assert numbers(reference, current, with_profile=False) == []
    column = number_column(VARIED, [2.0] * 100)
    assert checked(ColumnRule("x", check_unit=False), column, [0] * 40, [0] * 100)[0] == []


def test_categories_stay_as_numbers_do() -> None:
    reference, current = ["a", "b", "c", "d"] * 10, ["b"] * 60
    column = text_column(reference, current)
    (found,) = checked(ColumnRule("x"), column, [1] * 40, [1] * 30 + [2] * 30)[0]
    assert (found.check, found.window, found.examples) == ("constant", "w1", ("b", "b", "b"))
    unseen = checked(ColumnRule("x"), text_column(reference, ["e"] * 4), [1] * 40, [1, 1, 2, 2])[0]
    assert [v.check for v in unseen] == ["constant"]


def of_stored_profile(reference: Column, n_reference: int, current: Column, n: int) -> list[str]:
    """Check two windows of current rows against a profile whose rows are not at hand."""
    profile = profile_of(reference, n_reference, [1] * n_reference, n_edges=3)
    windows = [1] * (n // 2) + [2] * (n - n // 2)
    return [v.check for v in check_column(ColumnRule("x"), current, compared(0, n), cells_of([], windows), profile, None)[0]]


@pytest.mark.parametrize(("value", "n_needed"), [(1.0, 16), (3.0, 28), (4.0, 28), (0.0, 2), (9.0, 2)])
def test_of_a_stored_profile_the_share_of_a_value_is_at_most_that_of_its_bin(value: float, n_needed: int) -> None:
    # edges 1, 2.5, 4: 16 of 40 values in [1, 2.5), 24 in [2.5, 4]; a share to the power of the rows must be below a millionth
    reference = number_column([1.0] * 10 + [2.0] * 6 + [3.0] * 12 + [4.0] * 12, [])
    profile = profile_of(reference, 40, [1] * 40, n_edges=3)
    shares = profile.counts[1] / 40
    share = {1.0: shares[1], 3.0: shares[2], 4.0: shares[2]}.get(value, 0.0)
    assert share**n_needed <= 1e-6 < (share or 1.0) ** (n_needed - 1)
    assert of_stored_profile(reference, 40, number_column([], [value] * n_needed), n_needed) == ["constant"]
    if n_needed > 2:
        assert of_stored_profile(reference, 40, number_column([], [value] * (n_needed - 1)), n_needed - 1) == []


def test_of_a_stored_profile_categories_have_their_own_share_and_others_that_of_other() -> None:
    reference = text_column(["a", "b", "c", "other"] * 10, [])
    assert of_stored_profile(reference, 40, text_column([], ["b"] * 10), 10) == ["constant"]
    assert of_stored_profile(reference, 40, text_column([], ["b"] * 9), 9) == []
    assert of_stored_profile(reference, 40, text_column([], ["e"] * 9), 9) == []
    assert of_stored_profile(text_column(["a", "b"] * 20, []), 40, text_column([], ["e"] * 4), 4) == ["constant"]


def test_a_window_that_must_vary_and_does_not_is_a_violation() -> None:
    rule = ColumnRule("x", may_be_constant=False, check_unit=False, check_stays=False)
    (found,) = numbers([], [[1.0, 2.0] * 20, [2.0] * 20, [1.0, 2.0] * 20, [3.0] * 25], rule, with_profile=False)
    assert (found.check, found.window, found.n_rows) == ("constant", "w2", 45)
    assert "found only 2 in window w2, and one value in 1 window more" in found.sentence
    assert numbers([], [[2.0] * 19, [1.0, 2.0]], rule, with_profile=False) == []  # 19 equal rows of two values come by chance


def test_without_windows_all_rows_must_vary_and_too_few_rows_are_undecided() -> None:
    rule = ColumnRule("x", may_be_constant=False, check_unit=False)
    assert [v.found for v in checked(rule, number_column([], [2.0] * 20), [], [0] * 20, False)[0]] == ["only 2"]
    violations, not_checked, n = checked(rule, number_column([], [2.0] * 19), [], [0] * 19, False)
    assert (violations, n) == ([], 0)
    assert not_checked == [NotChecked("x", "constant", "no window has enough rows to tell one value from chance")]


def test_nulls_that_appear_and_stay_are_named_with_their_first_window() -> None:
    full = [1.0, 2.0] * 30
    (found,) = numbers([full], [[NAN, *full], [NAN] * 30 + [1.0, 2.0] * 15, [NAN] * 60])
    assert (found.check, found.window, found.n_rows, found.examples) == ("nulls", "w2", 90, ("missing",) * 3)
    assert (
        "few rows without a value, as in the reference (0 %), found 75 % of them from window w2 on, to the last (2 windows)"
        in found.sentence
    )


@pytest.mark.parametrize(
    ("reference", "current", "limit"),
    [
        ([1.0, 2.0] * 30, [[NAN] * 60, [1.0, 2.0] * 30], None),  # they go again
        ([1.0, NAN] * 30, [[NAN] * 60, [NAN] * 60], None),  # the reference had them
        ([1.0, 2.0] * 30, [[1.0, 2.0] * 30, [NAN] * 99], None),  # a last window alone needs 100 rows
        ([1.0, 2.0] * 30, [[NAN, 1.0], [NAN, 1.0]], None),  # two of four rows
        ([1.0, 2.0] * 30, [[NAN] * 60, [NAN] * 60], 1.0),  # agreed
        ([1.0, 2.0] * 30, [], None),
        ([], [[NAN] * 60, [NAN] * 60], None),
    ],
)
def test_other_nulls_do_not_appear_and_stay(reference: list[float], current: list[list[float]], limit: float | None) -> None:
    rule = ColumnRule("x", max_missing_share=limit, check_unit=False)
    assert [v.check for v in numbers([reference], current, rule)] == []


def test_a_column_varies_where_every_window_with_two_values_does() -> None:
    def varies(*windows: list[float]) -> bool:
        column = number_column([*chain(*windows)], [])
        return varies_in_every_window(profile_of(column, len(column.values), [w for w, v in enumerate(windows, 1) for _ in v]))

    assert varies([1.0, 2.0], [3.0], [4.0, 5.0])
    assert not varies([1.0, 2.0], [3.0, 3.0])
    assert not varies([3.0])
    assert [varies_in_every_window(profile_of(number_column(v, []), 2)) for v in ([1.0, 2.0], [1.0, 1.0])] == [
        True,
        False,
    ]  # one of all rows


def test_a_window_of_fewer_than_a_hundred_rows_may_be_of_one_moment() -> None:
    rule = ColumnRule("x", may_be_constant=False, check_unit=False, check_stays=False)
    assert numbers([VARIED], [VARIED, [7.0] * 99, VARIED], rule) == []
    assert [(v.check, v.n_rows) for v in numbers([VARIED], [VARIED, [7.0] * 100, VARIED], rule)] == [("constant", 100)]


def test_the_last_day_of_a_log_is_one_window_of_one_date() -> None:
    def stays(*windows: list[int]) -> list[str]:
        column = number_column([1, 2, 3, 4] * 10, [*chain(*windows)], "int64", kind="time")
        of_rows = [w for w, values in enumerate(windows, 1) for _ in values]
        return [v.check for v in checked(ColumnRule("x"), column, [1] * 40, of_rows)[0]]

    assert stays([5, 6] * 50, [9] * 200) == []
    assert stays([9] * 100, [9] * 100) == ["constant"]


@pytest.mark.parametrize(("n", "found"), [(99, []), (131, []), (132, ["constant"])])
def test_without_windows_the_reference_says_how_common_the_value_was(n: int, found: list[str]) -> None:
    reference = [0.0] * 90 + [1.0] * 10  # 0.9 to the power of 131 is a chance in a million, and 1.0e-6 just above it
    column = number_column(reference, [0.0] * n)
    rule = ColumnRule("x", may_be_constant=False, check_unit=False)
    assert [v.check for v in checked(rule, column, [0] * 100, [0] * n)[0]] == found
    profile = profile_of(column, 100, n_edges=2)
    stored = number_column([], [0.0] * n)
    alone = check_column(rule, stored, compared(0, n), cells_of([], [0] * n), profile, None)
    assert [v.check for v in alone[0]] == []  # both values are in one bin
