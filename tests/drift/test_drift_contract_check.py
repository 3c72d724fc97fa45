"""Contract checks of current rows: against the definition row by row, and every field of what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.drift.contract_check import check_column
from harness.drift.contract_report import contract_report
from harness.records.column import Column
from harness.records.contract import ColumnRule, Contract, NotChecked, Violation
from tests.oracles.contract import broken_rows
from tests.support.contract_rows import Texts, cells_of, compared, number_column, profile_of, text_column

INF, NAN = np.inf, np.nan
PLAIN = {"check_unit": False, "check_stays": False}


def check(rule: ColumnRule, column: Column, n_reference: int = 0, windows: list[int] | None = None, **more: Any) -> list[Violation]:
    violations, not_checked, _ = result(rule, column, n_reference, windows, **more)
    assert not_checked == []
    return violations


def result(rule: ColumnRule, column: Column, n_reference: int = 0, windows: list[int] | None = None, first_row: int | None = None) -> Any:
    stored = column.values if column.codes is None else column.codes
    n = n_reference if stored is None else len(stored) - n_reference
    rows = compared(n_reference, n, first_row)
    reference_windows = [0 if windows is None else 1] * n_reference
    reference = profile_of(column, n_reference, reference_windows) if n_reference and stored is not None else None
    return check_column(rule, column, rows, cells_of(reference_windows, [0] * n if windows is None else windows), reference, None)


def by_check(violations: list[Violation]) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {v.check: (v.n_rows, v.rows) for v in violations}


def expected(found: dict[str, list[int]]) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {name: (len(rows), tuple(rows[:3])) for name, rows in found.items()}


numbers = st.none() | st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.5, 5.0, -3.0, INF, -INF])
shares = st.none() | st.sampled_from([0.0, 0.1, 0.5, 1.0])
limits = st.none() | st.sampled_from([-3.0, 0.0, 1.5, 5.0])


@given(
    st.lists(numbers, min_size=1, max_size=12),
    shares,
    limits,
    limits,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["float32", "float64"]),
)
def test_numbers_break_what_the_definition_says(
    values: list[float | None], share: float | None, low: float | None, high: float | None, unique: bool, monotone: bool, dtype: str
) -> None:
    rule = ColumnRule("x", None, True, share, low, high, is_unique=unique, is_monotone=monotone, **PLAIN)
    column = number_column([], [NAN if v is None else v for v in values], dtype)
    assert by_check(check(rule, column)) == expected(broken_rows(rule, values))


whole = st.none() | st.sampled_from([2**53, 2**53 + 1, 2**62 - 1, 2**62, -(2**62), 0])


@given(st.lists(whole, min_size=1, max_size=12), whole, whole, st.booleans(), st.booleans())
def test_whole_numbers_are_compared_exactly_beyond_float64(
    values: list[int | None], low: int | None, high: int | None, unique: bool, monotone: bool
) -> None:
    rule = ColumnRule("x", None, True, 0.3, low, high, is_unique=unique, is_monotone=monotone, **PLAIN)
    missing = np.array([v is None for v in values])
    column = number_column([], [0 if v is None else v for v in values], "int64", is_missing=missing)
    assert by_check(check(rule, column)) == expected(broken_rows(rule, values))


@given(st.lists(st.none() | st.sampled_from("abc"), min_size=1, max_size=12), shares, st.sampled_from([0.0, 0.2, 0.5]), st.booleans())
def test_texts_break_what_the_definition_says(values: Texts, share: float | None, unseen: float, unique: bool) -> None:
    rule = ColumnRule("x", None, True, share, categories=("a", "b"), max_unseen_share=unseen, is_unique=unique)
    assert by_check(check(rule, text_column([], values))) == expected(broken_rows(rule, values))


@given(st.lists(numbers, min_size=1, max_size=10))
def test_infinite_values_are_out_of_range_where_the_reference_had_none(values: list[float | None]) -> None:
    rule = ColumnRule("x", **PLAIN)
    current = [NAN if v is None else v for v in values]
    assert by_check(check(rule, number_column([1.0, 2.0], current), 2)) == {
        name: (n, tuple(row + 2 for row in rows)) for name, (n, rows) in expected(broken_rows(rule, values, False)).items()
    }
    assert check(rule, number_column([1.0, INF], current), 2) == []


def test_a_violation_says_everything() -> None:
    column = number_column([0, 1], [3, 5001, 7, 6000, -1, 9999], "int64")
    (found,) = check(ColumnRule("x", minimum=0, maximum=5000, **PLAIN), column, 2, windows=[1, 2, 2, 3, 3, 3], first_row=100)
    assert found == Violation(
        "x",
        "range",
        "values from 0 to 5000",
        "-1 to 9999",
        4,
        "w2",
        (103, 105, 106),
        ("5001", "6000", "-1"),
        "x: expected values from 0 to 5000, found -1 to 9999: 4 of 6 current rows, first in window w2"
        " (log row 103: 5001; log row 105: 6000; log row 106: -1)",
    )


def test_rows_that_were_not_numbered_are_places_and_figures_of_rows_have_separators() -> None:
    (found,) = check(ColumnRule("x", maximum=1, **PLAIN), number_column(np.zeros(1_500), [2.0, 2.0]), 1_500)
    assert found.sentence.endswith("2 of 2 current rows (row 1,500: 2; row 1,501: 2)")
    (found,) = check(ColumnRule("x", maximum=1, **PLAIN), number_column([], [0.0] * 1_500 + [2.0] * 1_000), first_row=82_700)
    assert found.sentence.endswith("1,000 of 2,500 current rows (log row 84,200: 2; log row 84,201: 2; log row 84,202: 2)")


@pytest.mark.parametrize(
    ("n_missing", "limit", "expected", "said"),
    [
        (50, 0.01, "at most 1 % of the rows without a value", "5 % of the rows without one"),
        (11, 0.01, "at most 1 % of the rows without a value", "1.1 % of the rows without one"),
        (1, 0.0, "a value in every row", "0.1 % of the rows without one"),
        (1000, 0.5, "at most 50 % of the rows without a value", "100 % of the rows without one"),
        (334, 1 / 3, "at most 33.3 % of the rows without a value", "33.4 % of the rows without one"),
        (334, 0.33399, "at most 33.399 % of the rows without a value", "33.4 % of the rows without one"),
    ],
)
def test_shares_are_per_cent(n_missing: int, limit: float, expected: str, said: str) -> None:
    rule = ColumnRule("x", max_missing_share=limit, **PLAIN)
    (found,) = check(rule, number_column([], [NAN] * n_missing + [1.0] * (1000 - n_missing)))
    assert (found.expected, found.found) == (expected, said)
    few = ColumnRule("x", categories=("a",), max_unseen_share=0.005, **PLAIN)
    assert check(few, text_column([], ["a"] * 9 + ["b"]))[0].expected == "one of a in all but 0.5 % of the rows"


def test_the_window_of_missing_rows_is_the_first_whose_own_share_is_above_the_limit() -> None:
    column = number_column([], [NAN, 1, 1, 1, NAN, NAN, NAN, 1])
    (found,) = check(ColumnRule("x", max_missing_share=0.25, **PLAIN), column, windows=[1, 1, 1, 1, 2, 2, 2, 2])
    assert (found.window, found.n_rows, found.examples) == ("w2", 4, ("missing",) * 3)
    assert check(ColumnRule("x", max_missing_share=0.5, **PLAIN), column) == []


def test_bounds_are_read_in_the_type_of_the_column() -> None:
    assert check(ColumnRule("x", minimum=0.1, maximum=0.1, **PLAIN), number_column([], [0.1], "float32")) == []
    assert by_check(check(ColumnRule("x", maximum=1e300, **PLAIN), number_column([], [1e38, INF], "float32"))) == {"range": (1, (1,))}


def test_whole_numbers_are_written_in_full() -> None:
    (found,) = check(ColumnRule("x", maximum=2**53, **PLAIN), number_column([], [2**53, 2**53 + 1], "int64"))
    assert (found.expected, found.found) == ("finite values of at most 9007199254740992", "9007199254740993")


def test_a_time_has_its_bounds_as_times() -> None:
    (found,) = check(ColumnRule("x", minimum=10**15, **PLAIN), number_column([], [10**15 - 1, 10**15], "int64", kind="time"))
    assert found.sentence.startswith("x: expected finite values of at least 2001-09-09T01:46:40, found 2001-09-09T01:46:39.999999: 1 of 2")


def test_values_outside_that_would_fit_if_divided_are_spoken_of() -> None:
    reference = np.linspace(0, 1, 200)
    rule = ColumnRule("x", minimum=0.0, maximum=1.0, **PLAIN)
    (found,) = check(rule, number_column(reference, 100 * reference**2), 200)
    assert found.sentence.endswith("; divided by 100, 180 of them lie in the reference's range, 0 to 1")
    (other,) = check(rule, number_column(reference, 7.0 + reference), 200)
    assert "divided" not in other.sentence


@pytest.mark.parametrize(
    ("rule_type", "reference_type", "current_type", "said"),
    [
        ("int64", "int64", "int64", None),
        ("number", "int64", "double", None),
        (None, "int64", "int64", None),
        ("string", "string", "dictionary<values=large_string, indices=int32, ordered=0>", None),
        ("double", "double", "int64", "expected type double, found type int64; the reference has double: what was trained on"),
        ("int64", "double", "int64", "expected type double, as in the reference, found type int64"),
        (None, "int64", "double", "expected type int64, found type double; the reference has int64"),
        ("time", "int64", "int64", "expected type time, found type int64"),
    ],
)
def test_the_type_is_held_against_the_contract_and_the_reference(
    rule_type: str | None, reference_type: str, current_type: str, said: str | None
) -> None:
    column = number_column([1.0, 2.0], [1.0], type=current_type, reference_type=reference_type)
    found = check(ColumnRule("x", type=rule_type, **PLAIN), column, 2)
    assert [(v.check, v.n_rows, v.rows) for v in found] == ([] if said is None else [("type", 0, ())])
    assert said is None or said in found[0].sentence


def test_without_a_reference_there_is_no_other_type_to_differ_from() -> None:
    assert check(ColumnRule("x", **PLAIN), number_column([], [1.0], type="int64", reference_type="double")) == []


def test_unseen_values_are_named_with_what_they_look_like() -> None:
    column = text_column(["UA", "AA"], ["UA", "ua", "ua", "XX", None, " aa", "ua"])
    (found,) = check(ColumnRule("x", categories=("UA", "AA"), max_unseen_share=0.5), column, 2)
    assert (found.found, found.n_rows) == ("'ua' 3 times, ' aa' 1 times, 'XX' 1 times", 5)
    assert found.sentence.endswith("(row 3: ua; row 4: ua; row 5: XX); 'ua' looks like 'UA', ' aa' looks like 'AA'")
    assert check(ColumnRule("x", categories=("UA", "AA"), max_unseen_share=5 / 7), column, 2) == []


@pytest.mark.parametrize(
    ("reference", "current", "likes"),
    [
        (["1", "2"], ["1.0", "2.0"], "'1.0' looks like '1', '2.0' looks like '2'"),
        (["true", "false"], ["True", "0"], "'0' looks like 'false', 'True' looks like 'true'"),
        (["07001"], ["7001"], "'7001' looks like '07001'"),
        (["New York"], ["new\u00a0 york"], "looks like 'New York'"),
    ],
)
def test_another_spelling_is_found_without_a_closed_set(reference: Texts, current: Texts, likes: str) -> None:
    (found,) = check(ColumnRule("x"), text_column(reference, current), len(reference))
    assert found.check == "categories"
    assert likes in found.sentence


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (["UA", "ua"], ["Ua"]),  # the reference has both
        (["UA"], ["UA"] * 99 + ["ua"]),  # one in a hundred is a slip
        (["UA"], ["XX"]),  # another value, not another spelling
        ([None], ["a"]),
        ([str(i) for i in range(10_001)], ["1.0"]),  # free texts
        (["9007199254740993"], ["9007199254740992"]),  # one number in float64
    ],
)
def test_what_is_no_other_spelling_is_not_taken_for_one(reference: Texts, current: Texts) -> None:
    assert check(ColumnRule("x"), text_column(reference, current), len(reference)) == []


def test_categories_of_numbers_are_known_by_their_value() -> None:
    rule = ColumnRule("x", categories=("1", "2.0", "0.10"), **PLAIN)
    assert check(rule, number_column([], [1, 2, 0.1, NAN], "float32")) == []
    (found,) = check(rule, number_column([], [1.0, 3.0, 3.0, NAN]))
    assert (found.found, found.rows, found.examples) == ("'3' 2 times", (1, 2), ("3", "3"))


def test_categories_that_no_whole_number_could_be_are_passed_over() -> None:
    rule = ColumnRule("x", categories=("1", "2.0", "2.5", "99999999999999999999", "1e30", "inf", "nan", "x", "9007199254740993"), **PLAIN)
    column = number_column([], [1, 2, 2**53 + 1, 2**53, 0], "int64", is_missing=np.array([False] * 4 + [True]))
    (found,) = check(rule, column)
    assert (found.found, found.rows) == ("'9007199254740992' 1 times", (3,))
    assert check(ColumnRule("x", categories=("1e300", "1"), **PLAIN), number_column([], [1.0], "float32")) == []


def test_repeats_and_falls_are_the_later_rows() -> None:
    column = number_column([], [5, NAN, 7, 5, 6, 7, INF, INF, -0.0, 0.0])
    unique, monotone = check(ColumnRule("x", is_unique=True, is_monotone=True, **PLAIN), column)
    assert (unique.rows, unique.n_rows) == ((3, 5, 7), 4)
    assert (monotone.rows, monotone.n_rows, monotone.found) == ((3, 8), 2, "5 after 7")


@pytest.mark.parametrize("column", [number_column([1.0], []), text_column(["a"], [])])
def test_without_current_rows_every_check_that_was_asked_is_undecided(column: Column) -> None:
    rule = ColumnRule("x", column.type, True, 0.0, 0.0, 1.0, ("a",), 0.0, True, True, False)
    violations, not_checked, n_checks = result(rule, column, 1)
    assert (violations, n_checks) == ([], 1)
    asked = ("missing", "range", "categories", "unique", "monotone", "constant")
    assert not_checked == [NotChecked("x", check, "there are no current rows") for check in asked]


def test_a_column_that_cannot_be_compared_is_undecided_only_where_something_was_asked() -> None:
    column = Column("x", "list<item: int64>", "list<item: int64>", "none", note="lists have no order")
    assert result(ColumnRule("x"), column, 1) == ([], [], 1)
    assert result(ColumnRule("x", max_missing_share=0.0), column, 1)[1] == [NotChecked("x", "missing", "lists have no order")]


def test_checks_that_a_kind_does_not_have_say_so() -> None:
    rule = ColumnRule("x", minimum=0, is_monotone=True)
    assert [n.reason for n in result(rule, text_column([], ["a"]))[1]] == ["a category has no range", "categories have no order"]
    time = number_column([], [1], "int64", kind="time")
    assert [n.reason for n in result(ColumnRule("x", categories=("a",)), time)[1]] == ["a time has no categories"]


def test_checks_are_counted() -> None:
    rule = ColumnRule("x", "double", True, 0.0, 0.0, 9.0, is_unique=True, is_monotone=True)
    assert result(rule, number_column([1.0, 2.0], [1.0, 2.0]), 2)[2] == 5  # type, missing, range, unique, monotone
    assert result(ColumnRule("x"), number_column([], [1.0]))[2] == 0


def test_a_report_has_absent_columns_and_those_that_are_not_named() -> None:
    contract = Contract((ColumnRule("carier"), ColumnRule("gone", required=False), ColumnRule("x", type="time")), "c", False)
    one = result(contract.rules[2], number_column([], [1.0]))
    report = contract_report(contract, ["x", "carrier", "y"], [one], 7)
    assert [(v.column, v.check, v.n_rows) for v in report.violations] == [("carier", "presence", 7), ("x", "type", 0)]
    assert report.violations[0].sentence.endswith("7 of 7 current rows; did you mean 'carrier'?")
    assert (report.n_checks, report.not_named, report.not_checked) == (3, ("carrier", "y"), ())
