"""How many different values there are: exact against a set, estimates within their stated error, parts that add."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift import cardinality as module
from harness.drift.cardinality import LIMIT, joined_cardinality, number_cardinality, text_cardinality

FLOATS = st.lists(st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, 1e300, 5e-324, np.inf, -np.inf]) | st.floats(allow_nan=False), max_size=30)
WHOLE = st.lists(st.sampled_from([0, 1, 2**53, 2**53 + 1, 2**62 + 1, -(2**63), 2**63 - 1]) | st.integers(-(2**63), 2**63 - 1), max_size=30)


@given(FLOATS)
@settings(max_examples=150, deadline=None)
def test_few_numbers_are_counted_as_a_set_counts_them(values):
    found = number_cardinality(np.array(values, np.float64))
    assert (found.n_distinct, found.method) == (len(set(values)), "exact")


def test_int64_and_float64_of_one_value_are_one_value():
    ends = np.array([-(2**63), -(2**62), 2**53, 2**53 + 2, 2**62, 2**63 - 1024, 0, -7])
    joined = joined_cardinality(number_cardinality(ends), number_cardinality(ends.astype(np.float64)))
    assert joined.n_distinct == len(ends)
    # 0x4008... are the bits of 3.0
    assert number_cardinality(np.array([3, 0x4008000000000000])).n_distinct == 2.0


@given(WHOLE)
@settings(max_examples=150, deadline=None)
def test_few_whole_numbers_are_counted_without_rounding(values):
    assert number_cardinality(np.array(values, np.int64)).n_distinct == len(set(values))


@given(FLOATS, FLOATS)
@settings(max_examples=100, deadline=None)
def test_parts_add_to_the_whole(a, b):
    parts = [number_cardinality(np.array(part, np.float64)) for part in (a, b)]
    whole = number_cardinality(np.array(a + b, np.float64))
    assert joined_cardinality(*parts) == whole
    assert joined_cardinality(*parts[::-1]) == whole


@given(st.lists(st.text(max_size=3), max_size=10), st.lists(st.text(max_size=3), max_size=10))
def test_texts_of_parts_add_to_the_whole(a, b):
    assert joined_cardinality(text_cardinality(set(a)), text_cardinality(set(b))) == text_cardinality({*a, *b})


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_equal_numbers_of_any_dtype_are_one_value(dtype):
    values = number_cardinality(np.array([0, 1, 2, 1000], dtype))
    assert joined_cardinality(values, number_cardinality(np.array([2.0, 1000.0, 0.5]))).n_distinct == 5.0


def test_the_limit_itself_is_exact_and_one_more_is_an_estimate():
    assert number_cardinality(np.arange(LIMIT)).method == "exact"
    over = number_cardinality(np.arange(LIMIT + 1))
    assert over.method == "hyperloglog"
    assert over.n_distinct == pytest.approx(LIMIT + 1, rel=5 * 0.082)
    assert text_cardinality(map(str, range(LIMIT))).method == "exact"
    over = text_cardinality(map(str, range(LIMIT + 1)))
    assert (over.method, over.n_distinct) == ("hyperloglog", pytest.approx(LIMIT + 1, rel=5 * 0.016))


@pytest.mark.parametrize("kind", ["whole", "even", "fraction", "time"])
def test_an_estimate_is_within_five_of_its_standard_errors(kind):
    # Numbers of a pattern are what a poor mixing of bits would miscount.
    n = 300_000
    values = {
        "whole": lambda i: i,
        "even": lambda i: 1024 * i,
        "fraction": lambda i: i / 1000,
        "time": lambda i: 1_700_000_000_000_000 + 60_000_000 * i,
    }[kind](np.arange(n))
    assert number_cardinality(values).n_distinct == pytest.approx(n, rel=5 * np.sqrt(64 / n + 0.016**2))


def test_an_estimate_depends_neither_on_the_order_nor_on_repeats_nor_on_the_split(monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.normal(size=40_000)
    whole = number_cardinality(values)
    assert number_cardinality(np.tile(values, 2)[rng.permutation(80_000)]).n_distinct == whole.n_distinct
    monkeypatch.setattr(module, "_CHUNK", 1000)
    assert number_cardinality(values).n_distinct == whole.n_distinct
    parts = [number_cardinality(part) for part in (values[:500], values[500:25_000], values[20_000:])]
    joined = joined_cardinality(joined_cardinality(parts[0], parts[1]), parts[2])
    assert [part.method for part in parts] == ["exact", "hyperloglog", "hyperloglog"]
    assert (joined.method, joined.n_distinct) == ("hyperloglog", pytest.approx(40_000, rel=5 * np.sqrt(64 / 40_000 + 0.016**2)))
    # A union is estimated by other means than one sketch, which knows in which order its values came: not to the last digit.
    assert joined.n_distinct == pytest.approx(whole.n_distinct, rel=0.02)


def test_two_exact_parts_beyond_the_limit_become_an_estimate_and_stay_one_of_their_kind():
    a, b = number_cardinality(np.arange(0.0, 9000.0)), number_cardinality(np.arange(8000.0, 30_000.0, 3))
    joined = joined_cardinality(a, b)
    assert joined.method == "hyperloglog"
    assert joined.n_distinct == pytest.approx(9000 + 7000, rel=0.35)
    again = joined_cardinality(joined, number_cardinality(np.arange(100.0)))
    assert again.n_distinct == joined.n_distinct, "values that were there already"
    texts = joined_cardinality(text_cardinality(map(str, range(9000))), text_cardinality(map(str, range(8000, 15_000))))
    assert (texts.method, texts.n_distinct) == ("hyperloglog", pytest.approx(15_000, rel=5 * 0.016))
    assert joined_cardinality(texts, text_cardinality(["5"])).n_distinct == texts.n_distinct


def test_numbers_and_texts_do_not_add():
    with pytest.raises(ValueError, match="one part counts numbers and the other texts"):
        joined_cardinality(number_cardinality(np.array([1.0])), text_cardinality(["1"]))


def test_texts_that_json_must_escape_are_different_values():
    names = ["", '"', "\\", "\n", "é", "e\u0301", "\ud83d".encode("utf-8", "replace").decode(), "日"]
    found = text_cardinality(names)
    assert found.n_distinct == len(names)
    assert joined_cardinality(found, found) == found
