"""The sorts and searches of a card, run by NumPy behind CuPy's names and parameters: a name that CuPy lacks fails here."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import device_sort
from tests.array_api.cupy_stand_in import CupyArray, CupyStandIn, on_card
from tests.gpu_full.gpu_sources import dotted_names, sources
from tests.support.only_signatures import BOOK


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    stand_in = CupyStandIn()
    monkeypatch.setitem(sys.modules, "cupy", stand_in)
    monkeypatch.setattr(device_sort, "check_fits", lambda what, n_bytes: None)  # asks a card for its free memory
    return stand_in


SCORES = np.array([0.5, -0.0, 0.0, np.nan, 1.0, 0.5, np.inf, -np.inf, 1e-45, 0.25, 0.5, 2.0], np.float32)
LABELS = np.array([1, 0, 1, 0, -1, 0, 1, 0, 1, 1, 1, 0], np.int8)


def order_of(scores, labels):
    found = device_sort.order_of_scores(on_card(scores), on_card(labels))
    assert isinstance(found, CupyArray)
    return found


def test_the_order_is_that_of_the_host():
    assert order_of(SCORES, LABELS).get().tobytes() == device_sort.order_of_scores(SCORES, LABELS).tobytes()


@given(st.lists(st.tuples(st.floats(width=32), st.sampled_from([0, 1, -1])), max_size=23), st.integers(1, 7))
def test_orders_borders_and_pieces_are_those_of_the_host(rows, rows_per_piece):
    scores, labels = np.array([s for s, _ in rows], np.float32), np.array([y for _, y in rows], np.int8)
    ours, theirs = device_sort.order_of_scores(scores, labels), order_of(scores, labels)
    assert theirs.get().tobytes() == ours.tobytes()
    borders = device_sort.group_borders(ours, rows_per_piece)
    assert device_sort.group_borders(theirs, rows_per_piece) == borders
    pieces = device_sort.pieces_of_rows(theirs, borders, len(rows))
    assert pieces.get().tobytes() == device_sort.pieces_of_rows(ours, borders, len(rows)).tobytes()


def test_spans_are_those_of_the_host():
    ids = np.array([[0, 3], [0, 5], [2, 4]], np.uint16)
    assert device_sort.column_spans(on_card(ids)).tolist() == device_sort.column_spans(ids).tolist() == [[0, 3], [3, 6]]


@pytest.mark.parametrize("file", sources(), ids=lambda file: file.name)
def test_first_names_of_cudf_and_cupy_are_there(file):
    names = [name.split(".")[:2] for name in dotted_names(file.read_text())]
    assert [f"{library}.{name}" for library, name in names if library in BOOK and name not in BOOK[library]] == []


def test_names_of_cupy_are_used_at_all():
    used = {name for file in sources() for name in dotted_names(file.read_text())}
    assert {"cupy.cuda.runtime.memGetInfo", "cupy.asarray", "cudf.read_parquet"} <= used


@pytest.mark.parametrize(
    "use",
    [
        lambda cupy, a: cupy.nanquantile(a, 0.5),
        lambda cupy, a: cupy.errstate(all="ignore"),
        lambda cupy, a: cupy.searchsorted(a, a, side="left", assume_sorted=True),
        lambda cupy, a: a.resize(3),
        lambda cupy, a: a + np.ones(3),
        lambda cupy, a: cupy.where(a > 0, a, np.ones(3)),
        lambda cupy, a: a.__array_namespace__(),
    ],
)
def test_the_stand_in_refuses_what_cupy_has_not(cupy, use):
    with pytest.raises((AttributeError, TypeError)):
        use(cupy, cupy.asarray([1.0, 2.0, 3.0]))
