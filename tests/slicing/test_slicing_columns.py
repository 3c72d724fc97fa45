from decimal import Decimal

import numpy as np
import pytest

from harness.errors import ReplayError
from harness.records.conf import SliceColumn
from harness.records.replay import Categories
from harness.slicing.columns import BandEncoder, CategoryEncoder, refuse_same_names
from harness.slicing.crosses import CrossEncoder


def encoded(batches, column="c", max_slices=100):
    encoder = CategoryEncoder(SliceColumn(column), max_slices)
    provisional = [encoder.add(Categories(np.array(codes, np.int32), values)) for codes, values in batches]
    remap, names = encoder.finish()
    return [names[i] for ids in provisional for i in remap[ids]], names


def test_values_keep_their_names_over_batches_with_other_dictionaries():
    rows, names = encoded([([0, 1, 0], ("b", "a")), ([0, 1], ("c", "b"))])
    assert rows == ["b", "a", "b", "c", "b"]
    assert names == ("a", "b", "c")


def test_numbers_sort_as_numbers_and_missing_stands_last():
    _, names = encoded([([0, 1, 2, -1], (10, 9, 2))])
    assert names == ("2", "9", "10", "missing")


def test_a_value_called_missing_is_not_confused_with_null():
    rows, _ = encoded([([0, -1], ("missing",))])
    assert rows == ["missing", "missing (null)"]


def test_a_dictionary_entry_that_no_row_uses_is_no_slice():
    _, names = encoded([([0, 0], ("a", "never"))])
    assert names == ("a",)


def test_too_many_values_are_refused_with_the_limit():
    with pytest.raises(ReplayError, match=r"column 'user' has more than 3 values.*coarser column"):
        encoded([(list(range(4)), tuple("abcd"))], column="user", max_slices=3)


def test_bands_are_closed_below_and_open_above():
    encoder = BandEncoder(SliceColumn("d", (500.0, 1500.0)))
    ids = encoder.add(np.array([499.9, 500.0, 1499.9, 1500.0, np.nan]))
    remap, names = encoder.finish()
    assert [names[i] for i in remap[ids]] == ["< 500", "[500, 1500)", "[500, 1500)", ">= 1500", "missing"]


def test_bands_without_rows_are_left_out():
    encoder = BandEncoder(SliceColumn("d", (0.0, 1.0)))
    ids = encoder.add(np.array([0.5, 0.5]))
    remap, names = encoder.finish()
    assert names == ("[0, 1)",)
    assert remap[ids].tolist() == [0, 0]


@pytest.mark.parametrize("widths", [(3, 2), (5000, 4000)])  # a table of combinations, and a sort
@pytest.mark.parametrize("cut", [0, 1, 3])
def test_crosses_name_the_combinations_that_occur(widths, cut):
    names = tuple(tuple(f"{column}{i}" for i in range(width)) for column, width in zip("ab", widths, strict=True))
    a, b = np.array([2, 0, 2, 1], np.int32), np.array([1, 0, 1, 0], np.int32)
    encoder = CrossEncoder("a*b", names)
    encoder.see([a[:cut], b[:cut]])
    encoder.see([a[cut:], b[cut:]])
    found = encoder.finish(max_slices=3)
    ids = np.concatenate([encoder.encode([a[:cut], b[:cut]]), encoder.encode([a[cut:], b[cut:]])])
    assert [found[i] for i in ids] == ["a2*b1", "a0*b0", "a2*b1", "a1*b0"]
    assert len(found) == 3
    assert ids.dtype == np.int32


def test_a_cross_of_too_many_combinations_is_refused_before_they_are_named():
    encoder = CrossEncoder("a*b", [("x", "y"), ("p", "q")])
    encoder.see([np.array([0, 1, 1], np.int32), np.array([0, 0, 1], np.int32)])
    with pytest.raises(ReplayError, match=r"3 slices of a\*b, above slices.max_slices=2; slice by fewer or coarser columns"):
        encoder.finish(max_slices=2)


def test_whole_floats_are_named_as_integers_and_other_numbers_in_full():
    values = (1234567.0, 1234568.0, 1234568.5, -0.1, 0.30000000000000004, 1e300)
    _, names = encoded([(list(range(len(values))), values)])
    assert names == ("-0.1", "0.30000000000000004", "1234567", "1234568", "1234568.5", "1e+300")


def test_edges_are_named_in_full():
    encoder = BandEncoder(SliceColumn("d", (1234567.0, 1234568.0, 1234568.25)))
    encoder.add(np.array([0.0, 1234567.0, 1234568.0, 1234569.0]))
    assert encoder.finish()[1] == ("< 1234567", "[1234567, 1234568)", "[1234568, 1234568.25)", ">= 1234568.25")


def test_decimals_sort_as_numbers():
    _, names = encoded([([0, 1], (Decimal("10.00"), Decimal("9.00")))])
    assert names == ("9.00", "10.00")


def test_two_slices_of_one_name_are_refused():
    with pytest.raises(ReplayError, match=r"2 different slices of 'c' are called 'missing \(null\)', wanted one name per slice"):
        encoded([([0, 1, -1], ("missing", "missing (null)"))])
    assert refuse_same_names("c", ("a", "b")) == ("a", "b")
    assert refuse_same_names("c", ()) == ()
