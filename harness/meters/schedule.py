"""The order in which variants are timed: a machine that warms up or slows down must hit all of them alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def blocks(variants: Sequence[str], n_blocks: int, seed: int) -> tuple[tuple[str, ...], ...]:
    """Order the trials: each block holds every variant once, in a random order of its own.

    A randomised complete block design: differences between variants are taken within a block, where the state of
    the machine is shared.

    Parameters
    ----------
    variants : sequence of str
        Names, each once.
    n_blocks : int
        Blocks, at least 1; more blocks leave the first ones as they were.
    seed : int
        Seed of the order; the same seed gives the same order.

    Raises
    ------
    ValueError
        When a name comes twice or there is no block.

    Source: Fisher, The Design of Experiments (1935), chapter IV.

    Examples
    --------
    >>> [sorted(block) for block in blocks(["a", "b", "c"], n_blocks=2, seed=0)]
    [['a', 'b', 'c'], ['a', 'b', 'c']]
    """
    if len(set(variants)) != len(variants):
        raise ValueError(f"variants of a block must differ, found {list(variants)}")
    if n_blocks < 1:
        raise ValueError(f"n_blocks is {n_blocks}: at least one block is needed")
    rng = np.random.default_rng(seed)
    return tuple(tuple(variants[i] for i in rng.permutation(len(variants))) for _ in range(n_blocks))
