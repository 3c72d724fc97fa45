from __future__ import annotations

from collections import Counter

import pytest

from harness.meters.schedule import blocks

VARIANTS = ("a", "b", "c", "d")


def test_each_block_holds_every_variant_once():
    order = blocks(VARIANTS, 50, seed=1)
    assert len(order) == 50
    assert all(sorted(block) == sorted(VARIANTS) for block in order)


def test_the_seed_fixes_the_order_and_more_blocks_leave_the_first_alone():
    assert blocks(VARIANTS, 5, seed=7) == blocks(VARIANTS, 9, seed=7)[:5]
    assert blocks(VARIANTS, 5, seed=7) != blocks(VARIANTS, 5, seed=8)


def test_every_variant_comes_first_about_equally_often():
    first = Counter(block[0] for block in blocks(VARIANTS, 4000, seed=0))
    assert all(abs(first[v] - 1000) < 4 * (4000 * 0.25 * 0.75) ** 0.5 for v in VARIANTS)


def test_what_is_no_plan_is_refused():
    with pytest.raises(ValueError, match="must differ"):
        blocks(["a", "a"], 1, 0)
    with pytest.raises(ValueError, match="at least one block"):
        blocks(["a"], 0, 0)
    assert blocks([], 2, 0) == ((), ())
