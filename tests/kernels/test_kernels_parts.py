from __future__ import annotations

import math
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.chunks import run_in_order, starts_of_pieces, thread_count
from kernels.moments import RowMoments, merged_moments, moments_from_shifted
from kernels.wide import WideSums


@given(st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**31 - 1)), max_size=8))
def test_wide_sums_are_exact(products):
    sums = WideSums(1)
    for value, factor in products:
        sums.add_product(np.array([value]), np.array([factor]))
        sums.add(np.array([value]))
    assert int(sums.hi[0]) * 2**32 + int(sums.lo[0]) == sum(value * factor + value for value, factor in products)
    assert 0 <= sums.lo[0] < 2**32


def test_moments_of_close_values_far_from_zero_keep_their_digits():
    values = 1e6 + np.array([0.0, 0.1, 0.2, 0.3])
    mean = math.fsum(values) / 4
    deviations = values - values[0]
    n, first = np.array([4]), values[:1]
    got = moments_from_shifted(n, first, np.array([deviations.sum()]), np.array([(deviations**2).sum()]))
    assert got.m2[0] == pytest.approx(math.fsum((values - mean) ** 2), rel=1e-9)
    assert got.mean[0] == pytest.approx(mean, rel=1e-15)


def test_an_empty_side_leaves_the_other_bit_for_bit():
    one = RowMoments(np.array([3]), np.array([0.1]), np.array([0.7]))
    none = RowMoments(np.array([0]), np.array([0.0]), np.array([0.0]))
    for merged in (merged_moments(one, none), merged_moments(none, one)):
        assert [v[0] for v in merged] == [3, 0.1, 0.7]


def test_results_come_in_order_and_few_are_alive():
    alive, most, lock = 0, 0, threading.Lock()

    def work(piece):
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        time.sleep(0.002 if piece % 2 else 0.0)
        return piece

    seen = []
    for piece in run_in_order(work, 20, 3):
        seen.append(piece)
        with lock:
            alive -= 1
    assert seen == list(range(20))
    assert most <= 4


def test_pieces_and_threads():
    assert starts_of_pieces(0, 3) == [0]
    assert starts_of_pieces(6, 3) == [0, 3, 6]
    assert thread_count(None) >= 1
    with pytest.raises(ValueError, match="n_threads is 0; wanted at least 1"):
        thread_count(0)


def test_kernels_import_neither_cuda_nor_a_driver():
    names = "slice_tally, rank_sum, paired_tally, rank_cross, score_order"
    code = f"from kernels import {names}; import sys; sys.exit('numba.cuda' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
