"""The rules of a card that walk pieces of an order, compiled for the CPU, against the definitions and for pieces of any size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kernels.class_influence_pieces as influence_module
import kernels.order_pieces as module
import kernels.rank_curve_pieces as curve_module
from harness.stats.cuts import largest_within, smallest_reaching
from kernels.class_influence import add_influence
from kernels.rank_curve import _empty_records, _tally_of_records, rank_curve
from kernels.score_order import START_BIT, score_order
from tests.oracles import multiclass_oracle, rank_curve_oracle, tally_oracle
from tests.support.host_card import use_host

NO_WINDOWS, NO_WEIGHTS = np.zeros(0, np.int32), np.zeros(0)
FAST = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LOG = {
    "seed": st.integers(0, 10_000),
    "n_rows": st.integers(0, 60),
    "n_windows": st.sampled_from([1, 3]),
    "n_score_values": st.sampled_from([1, 2, 5, 40]),
    "n_piece_rows": st.integers(1, 20),
}


@pytest.fixture
def host(monkeypatch):
    """Arrays of NumPy stand for those of a card, which has pieces of as many rows as are asked for."""
    use_host(monkeypatch, module, curve_module, influence_module)
    return lambda n_piece_rows: monkeypatch.setattr(module, "rows_per_piece", lambda *grid: n_piece_rows)


def counts_of(log, n_windows):
    rows = tally_oracle.rows_of_cells(*log[1:], n_windows)
    positive = np.array([int(log[1][r].sum()) for r in rows])
    return rows, positive, np.array([len(r) for r in rows]) - positive


def curves(log, n_windows):
    """The curve of the card's rules, and that of the CPU's walk."""
    scores, labels, slice_ids, window_ids, n_slices = log
    _, positive, negative = counts_of(log, n_windows)
    cuts = largest_within(0.1, negative), smallest_reaching(0.07, positive + negative)
    order = score_order(scores, labels, n_threads=1)
    expected = rank_curve(scores, order, slice_ids, window_ids, n_slices, n_windows, positive, negative, *cuts, n_threads=1)
    ids = slice_ids, NO_WINDOWS if window_ids is None else window_ids
    records = curve_module.records_on_cuda(scores, order, *ids, n_windows, _empty_records(positive, negative, *cuts))
    return _tally_of_records(records), expected


@given(sizes=st.lists(st.integers(1, 12), max_size=30), n_piece_rows=st.integers(1, 10))
def test_a_piece_has_whole_groups_or_a_part_of_one(sizes, n_piece_rows):
    from kernels.device_sort import group_borders

    is_start = np.concatenate([np.arange(size) == 0 for size in sizes]) if sizes else np.zeros(0, bool)
    order = is_start.astype(np.uint32) << np.uint32(START_BIT)
    pieces = module.pieces_of(group_borders(order, n_piece_rows), n_piece_rows)
    group = np.cumsum(is_start)
    assert pieces.starts[0] == 0
    assert pieces.starts[-1] == len(order)
    assert len(pieces.completes) == len(pieces.starts) - 1
    unfinished = None
    for piece, (start, stop) in enumerate(pairwise(pieces.starts)):
        assert 0 < stop - start <= n_piece_rows
        is_part = not is_start[start] or (stop < len(order) and not is_start[stop])
        assert module.is_part_of_group(order, start, stop) == is_part
        assert module.piece_at(np.array(pieces.starts), start) == piece
        if not is_part:
            assert (unfinished, pieces.completes[piece]) == (None, piece)
            continue
        assert len(set(group[start:stop])) == 1
        unfinished = piece if is_start[start] else unfinished
        is_last = stop == len(order) or is_start[stop]
        assert pieces.completes[piece] == (unfinished if is_last else module.NOT_LAST)
        unfinished = None if is_last else unfinished
    assert unfinished is None


@FAST
@given(**LOG)
def test_what_stands_below_every_piece(host, seed, n_rows, n_windows, n_score_values, n_piece_rows):
    host(n_piece_rows)
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(
        seed, n_rows, n_windows=n_windows, n_score_values=n_score_values
    )
    weights, order = np.random.default_rng(seed).integers(1, 5, n_rows) / 2, score_order(scores, labels, n_threads=1)
    pieces = module.pieces_on_card(order, n_slices * n_windows, slice_ids.shape[1])
    ids = slice_ids, NO_WINDOWS if window_ids is None else window_ids
    below, whole = module.weights_below(pieces, order, *ids, n_windows, weights, n_slices * n_windows)
    for cell, rows in enumerate(tally_oracle.rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        for label in (0, 1):
            own = [row for row in rows if labels[row] == label]
            assert whole[cell, label] == sum(weights[own])
            for piece, (start, stop) in enumerate(pairwise(pieces.starts)):
                is_part = module.is_part_of_group(order, start, stop)
                lowest = scores[order[start] & 0x3FFFFFFF]
                equal = [row for row in own if scores[row] == lowest]
                assert below[piece, cell, label] == sum(weights[[row for row in own if scores[row] < lowest]])
                assert below[piece, cell, 2 + label] == (sum(weights[equal]) if is_part else 0.0)


@FAST
@given(**LOG)
def test_a_curve_of_pieces_of_any_size_is_the_definitions(host, seed, n_rows, n_windows, n_score_values, n_piece_rows):
    host(n_piece_rows)
    log = tally_oracle.random_log(seed, n_rows, n_windows=n_windows, n_score_values=n_score_values)
    curve, on_cpu = curves(log, n_windows)
    for name in ("bin_n", "bin_positive", "recall_at_fpr"):
        np.testing.assert_array_equal(getattr(curve, name), getattr(on_cpu, name), err_msg=name)
    for cell, rows in enumerate(counts_of(log, n_windows)[0]):
        s, y = log[0][rows], log[1][rows]
        if not rows:
            assert np.isnan(curve.precision_at_top[cell])
            continue
        bins = rank_curve_oracle.rank_bins(s, y)
        np.testing.assert_array_equal(curve.bin_n[cell], bins[0])
        np.testing.assert_array_equal(curve.bin_positive[cell], bins[1])
        np.testing.assert_allclose(curve.bin_score[cell], bins[2], rtol=1e-12)
        assert curve.precision_at_top[cell] == pytest.approx(rank_curve_oracle.precision_at_top(s, y, 0.07), rel=1e-12)
        if 0 < y.sum() < len(rows):
            assert curve.recall_at_fpr[cell] == rank_curve_oracle.recall_at_fpr(s, y, 0.1)
        if y.sum() > 0:
            value, variance = rank_curve_oracle.average_precision(s, y)
            assert curve.average_precision[cell] == pytest.approx(value, rel=1e-12)
            assert curve.average_precision_variance[cell] == pytest.approx(variance, rel=1e-11, abs=1e-28)


@pytest.mark.parametrize("n_score_values", [None, 1000, 7])
@pytest.mark.parametrize("n_piece_rows", [64, 1000])
def test_a_long_curve_is_close_to_that_of_the_cpu(host, n_score_values, n_piece_rows):
    host(n_piece_rows)
    rng = np.random.default_rng(1)
    scores = rng.beta(0.5, 4.0, 30_000).astype(np.float32)
    scores = scores if n_score_values is None else (scores * n_score_values).astype(np.int32).astype(np.float32) / n_score_values
    labels = (rng.random(30_000) < scores).astype(np.int8)
    slice_ids = np.stack([np.zeros(30_000), 1 + rng.integers(0, 5, 30_000)], axis=1).astype(np.uint16)
    curve, on_cpu = curves((scores, labels, slice_ids, None, 6), 1)
    for name, values in on_cpu._asdict().items():
        exact = name in ("bin_n", "bin_positive", "recall_at_fpr", "precision_at_top")
        np.testing.assert_allclose(getattr(curve, name), values, rtol=0.0 if exact else 1e-12, err_msg=name)


def test_the_order_of_the_rows_leaves_every_bit_of_a_curve(host):
    host(7)
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(3, 90, n_windows=3, n_score_values=20)
    rows = np.random.default_rng(2).permutation(90)
    plain = curves((scores, labels, slice_ids, window_ids, n_slices), 3)[0]
    moved = curves((scores[rows], labels[rows], slice_ids[rows], window_ids[rows], n_slices), 3)[0]
    for one, other in zip(plain, moved, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("n_negative", [0, 2])
def test_counts_of_other_rows_are_refused_before_the_walk(host, n_negative):
    host(1)
    scores, labels, ids = np.array([0.1, 0.9], np.float32), np.array([0, 1], np.int8), np.zeros((2, 1), np.uint16)
    records = _empty_records(np.array([1]), np.array([n_negative]), np.array([1]), np.array([1]))
    with pytest.raises(ValueError, match="n_positive and n_negative are not those of the rows in the order"):
        curve_module.records_on_cuda(scores, score_order(scores, labels), ids, NO_WINDOWS, 1, records)


@FAST
@given(**LOG, weighted=st.booleans())
def test_influences_of_pieces_of_any_size_are_the_definitions(host, seed, n_rows, n_windows, n_score_values, n_piece_rows, weighted):
    host(n_piece_rows)
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(
        seed, n_rows, n_windows=n_windows, n_score_values=n_score_values
    )
    keep = (labels == 0) | (labels == 1)
    scores, labels, slice_ids = scores[keep], labels[keep], slice_ids[keep]
    window_ids = None if window_ids is None else window_ids[keep]
    rng, n_cells = np.random.default_rng(seed), n_slices * n_windows
    weights = rng.integers(1, 5, len(scores)) / 4 if weighted else None
    log, scale = (scores, labels, slice_ids, window_ids, n_slices), rng.random((n_cells, 2))
    weight = np.ones(len(scores)) if weights is None else weights
    positive = np.array([sum(weight[row] for row in rows if labels[row] == 1) for rows in tally_oracle.rows_of_cells(*log[1:], n_windows)])
    influence = np.full((slice_ids.shape[1], len(scores), 2 if n_windows > 1 else 1), 5.0)
    ids = slice_ids, NO_WINDOWS if window_ids is None else window_ids
    placed = influence_module.add_influence_on_cuda(
        influence, score_order(scores, labels, n_threads=1), *ids, n_windows, NO_WEIGHTS if weights is None else weights, positive, scale
    )
    expected, sums = multiclass_oracle.influences(*log, n_windows, weights, scale)
    np.testing.assert_allclose(influence, 5.0 + expected, rtol=1e-12)  # added to what is there
    np.testing.assert_array_equal(placed, sums)


@pytest.mark.parametrize("n_piece_rows", [64, 1000])
def test_weights_that_are_not_whole_are_close_to_the_cpu(host, n_piece_rows):
    host(n_piece_rows)
    rng, n_rows = np.random.default_rng(1), 20_000
    scores, labels = rng.integers(0, 300, n_rows).astype(np.float32), rng.integers(0, 2, n_rows).astype(np.int8)
    slice_ids, weights, scale = rng.integers(0, 3, (n_rows, 1)).astype(np.uint16), rng.gamma(0.5, 1.0, n_rows), rng.random((3, 2))
    positive = np.bincount(slice_ids[:, 0], weights * labels, 3)
    order, found = score_order(scores, labels, n_threads=1), np.zeros((2, 1, n_rows, 1))
    placed = influence_module.add_influence_on_cuda(found[0], order, slice_ids, NO_WINDOWS, 1, weights, positive, scale)
    expected = add_influence(found[1], order, slice_ids, None, weights, positive, scale, 3, 1)
    np.testing.assert_allclose(placed, expected, rtol=1e-9)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-9)  # what is placed highest is a difference of sums near 0
