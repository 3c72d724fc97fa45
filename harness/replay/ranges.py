"""Missing values and ranges of the features: the inferred contract, and what is passed to the models as NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.replay import InputGroup, LogFiles, RowBatch


class Ranges:
    """Looks at each feature once, batch by batch.

    Attributes
    ----------
    n_nan
        Per column, the kept rows that hold NaN, or no text.
    """

    def __init__(self, log: LogFiles, groups: Sequence[InputGroup]) -> None:
        self.log, self.groups = log, groups
        self.n_reference = 0
        self.n_nan: dict[str, int] = {}
        self._found: dict[str, tuple[int, float, float]] = {}

    def add(self, batch: RowBatch, kept: NDArray[np.bool_], reference: NDArray[np.bool_]) -> None:
        """Take in a batch: NaN are counted in `kept` rows, ranges in `reference` rows, both bool [n]."""
        self.n_reference += int(reference.sum())
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
                if name in done:
                    continue
                done.add(name)
                self.n_nan[name] = self.n_nan.get(name, 0) + int(nan[kept, j].sum())
                if group.dtype == "string":
                    n_missing, low, high = self._found.get(name, (0, np.inf, -np.inf))
                    self._found[name] = n_missing + int(nan[reference, j].sum()), low, high
                elif tensor.shape[1] == len(group.columns):
                    self._widen(name, tensor[reference, j].astype(np.float64))

    def _widen(self, name: str, values: NDArray[np.float64]) -> None:
        present = values[~np.isnan(values)]
        n_missing, low, high = self._found.get(name, (0, np.inf, -np.inf))
        low = min(low, float(present.min())) if len(present) else low
        high = max(high, float(present.max())) if len(present) else high
        self._found[name] = n_missing + len(values) - len(present), low, high

    def contract(self, inferred_from: str, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the contract as it is written beside the results; columns not looked at are taken from `before`."""
        known = {c["name"]: c for c in before["columns"]} if before else {}
        columns = [
            self._column(c.name, c.type) if c.name in self._found or c.name not in known else known[c.name] for c in self.log.columns
        ]
        return {"inferred_from": inferred_from, "n_rows": self.n_reference, "columns": columns}

    def _column(self, name: str, type_: str) -> dict[str, Any]:
        n_missing, low, high = self._found.get(name, (None, np.inf, -np.inf))
        known = n_missing is not None and low <= high
        return {
            "name": name,
            "type": type_,
            "nullable": None if n_missing is None else n_missing > 0,
            "n_missing": n_missing,
            "minimum": low if known else None,
            "maximum": high if known else None,
        }
