"""The page of predicted times against the script that writes it."""

from __future__ import annotations

import pytest

from benchmarks import gpu_roofline
from tests.support.ptx_cases import made_log


@pytest.fixture(scope="module")
def costs(device):
    return gpu_roofline.costs(device)


def test_the_page_is_what_the_script_writes(costs):
    assert gpu_roofline.PAGE.read_text(encoding="utf-8") == gpu_roofline.page(costs)


def test_counts_of_the_binary_tally_by_hand(costs):
    """A row has a score of 4 bytes and a label of 1; one with a label is read on: a window of 4, and 4 slice ids of 2."""
    (tally,) = [one for one in costs if one.rule == "slice_tally._add_rows"]
    few, more = (int((made_log(n).labels >= 0).sum()) for n in (gpu_roofline.FEW, gpu_roofline.MORE))
    assert tally.distinct == 5.0 + 12.0 * (more - few) / (gpu_roofline.MORE - gpu_roofline.FEW)
    assert tally.in_sectors >= tally.distinct
    assert tally.n_threads == 4 * -(-100_000_000 // 4096)


def test_predicted_times_by_hand():
    cost = gpu_roofline.Cost("a", "b.c", 1000, 10.0, 0.0, 4.0, 40.0, 100.0, 0.0)
    assert cost.seconds(2e12) == pytest.approx((4 * 1e8 / 2e12, 40 * 1e8 / 2e12))
    assert cost.chain_s() == pytest.approx(100 * 1e8 / 1000 * 4 / 1.41e9)
    assert cost.bottleneck().startswith("1,000 threads, 100,000 rows each")
    assert "predicted, not measured" in gpu_roofline.page([cost])
