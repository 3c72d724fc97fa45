"""Which half of the rows a row is in: slices are found on one half and confirmed on the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GAMMA = np.uint64(0x9E3779B97F4A7C15)


def mixed(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a fixed pseudo-random 64-bit number of each id; different ids give different numbers.

    Source: Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 15 with Stafford's variant 13 of
    the mixing constants. The first output of that generator seeded with 0 is known:

    >>> hex(int(mixed(np.array([0x9E3779B97F4A7C15], np.uint64))[0]))
    '0xe220a8397b1dcdaf'
    """
    z = ids.copy()
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def in_search_half(ids: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Say of each row whether it is in the half that slices are searched on; the others confirm.

    Parameters
    ----------
    ids : int64 [n_rows]
        Number of the row, or of its cluster, so that a cluster is never in both halves. It may be any 64-bit number: the half
        depends on nothing but the id and the seed, so that rows may be in any order and further rows move none.
    seed : int
        Chooses another split.

    Returns
    -------
    bool [n_rows]

    Examples
    --------
    >>> in_search_half(np.array([7, 8, 7, 9]), seed=0).tolist()
    [False, True, False, True]
    """
    key = mixed(np.array([seed % (1 << 64)], np.uint64) + _GAMMA)
    own = ids.astype(np.int64, copy=False).view(np.uint64)
    return np.asarray(mixed((own ^ key) + _GAMMA) >> np.uint64(63), dtype=np.bool_)
