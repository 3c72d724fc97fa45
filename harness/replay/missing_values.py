"""Rows of each feature that hold no value: what is passed on to the models as NaN."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.records.replay import InputGroup, RowBatch


class MissingValues:
    """Looks at each feature once, batch by batch.

    Attributes
    ----------
    n_nan
        Per column, the kept rows that hold NaN, or no text.
    """

    def __init__(self, groups: Sequence[InputGroup]) -> None:
        self.groups = groups
        self.n_nan: dict[str, int] = {}

    def add(self, batch: RowBatch, kept: NDArray[np.bool_]) -> None:
        """Take in a batch: NaN are counted in `kept` rows, bool [n]."""
        done = set[str]()
        for group, tensor in zip(self.groups, batch.tensors, strict=True):
            if group.dtype == "string":
                nan = np.equal(tensor, np.array(None, object)).astype(bool)
            elif group.dtype == "int64":
                nan = np.zeros((len(kept), len(group.columns)), bool)
            elif tensor.shape[1] == len(group.columns):
                nan = np.isnan(tensor)
            else:  # one list column fills the whole group
                nan = np.isnan(tensor).any(axis=1, keepdims=True)
            for j, name in enumerate(group.columns):
                if name not in done:
                    done.add(name)
                    self.n_nan[name] = self.n_nan.get(name, 0) + int(nan[kept, j].sum())
