"""Blocks of cells: each once, and what goes wrong in one is not lost."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.blocks import in_blocks


@pytest.mark.parametrize(("n_cells", "size"), [(0, 3), (1, 3), (3, 3), (10, 3), (1000, 7)])
def test_every_cell_is_filled_once(n_cells, size):
    filled = np.zeros(n_cells, np.int64)

    def fill(block):
        filled[block] += 1

    in_blocks(fill, n_cells, size)
    assert (filled == 1).all()


def test_trouble_in_a_block_is_raised():
    def fill(block):
        if block.start == 6:
            raise ValueError("block of cell 6")

    with pytest.raises(ValueError, match="block of cell 6"):
        in_blocks(fill, 10, 3)
