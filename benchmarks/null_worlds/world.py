"""What a simulated world is: how rows are laid out, and what it hands to the tallies."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.pipeline.reduction import Rows
from harness.records.tally import ALL, Grid

Floats = NDArray[np.float64]
CLUSTER_ROWS = 10  # mean size of a cluster


@dataclass(frozen=True)
class Design:
    """How many rows a data set has, which of them are alike, and what they weigh.

    Args:
        n_rows: of a data set; not read where there are clusters.
        n_clusters: of a data set, of `CLUSTER_ROWS` rows on average (lognormal sizes, sd of the log .5); 0: rows are independent.
        icc: correlation of the latent normal variables of two rows of one cluster.
        weights: none; lognormal (sd of the log 1), or bounded (uniform on [.5, 2]), both independent of everything else.
    """

    n_rows: int = 2000
    n_clusters: int = 0
    icc: float = 0.2
    weights: Literal["none", "lognormal", "bounded"] = "none"

    def lay_out(self, rng: np.random.Generator, n_sets: int) -> Layout:
        """Return the rows of so many data sets, without values."""
        set_ids = np.repeat(np.arange(n_sets, dtype=np.int32), self.n_rows)
        cluster_ids = None
        if self.n_clusters:
            size = np.rint(np.exp(rng.normal(np.log(CLUSTER_ROWS) - 0.125, 0.5, n_sets * self.n_clusters))).clip(1).astype(np.int64)
            cluster_ids = np.repeat(np.arange(len(size)), size)
            set_ids = (cluster_ids // self.n_clusters).astype(np.int32)
        n = len(set_ids)
        return Layout(n_sets, set_ids, cluster_ids, self._weights(rng, n), self.icc)

    def _weights(self, rng: np.random.Generator, n: int) -> Floats | None:
        if self.weights == "none":
            return None
        return rng.lognormal(0.0, 1.0, n) if self.weights == "lognormal" else rng.uniform(0.5, 2.0, n)


@dataclass(frozen=True)
class Layout:
    """Rows of many data sets; `set_ids` int32 and `cluster_ids` int64 [n_rows]."""

    n_sets: int
    set_ids: NDArray[np.int32]
    cluster_ids: NDArray[np.int64] | None
    weights: Floats | None
    icc: float

    def normal(self, rng: np.random.Generator) -> Floats:
        """Return a standard normal variable per row, alike within clusters."""
        own = rng.standard_normal(len(self.set_ids))
        if self.cluster_ids is None:
            return own
        shared = rng.standard_normal(int(self.cluster_ids[-1]) + 1)
        return np.asarray(np.sqrt(self.icc) * shared[self.cluster_ids] + np.sqrt(1.0 - self.icc) * own, np.float64)

    def correlated(self, rng: np.random.Generator, n_models: int, correlation: float) -> list[Floats]:
        """Return a standard normal variable per row and model; those of two models are correlated."""
        shared = self.normal(rng)
        return [np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * self.normal(rng) for _ in range(n_models)]

    def rows(self, task: str, labels: NDArray[Any], n_classes: int = 0) -> Rows:
        """Return the rows with one slice per data set; slice 0 is all of them together."""
        slice_ids = np.stack([np.zeros_like(self.set_ids), self.set_ids + np.int32(1)], axis=1)
        return Rows(task, labels, slice_ids, None, grid_of(self.n_sets), n_classes, self.weights, self.cluster_ids)


def grid_of(n_sets: int) -> Grid:
    """Return a grid with one slice per data set."""
    return Grid((ALL, *["set"] * n_sets), (ALL, *map(str, range(n_sets))), (ALL,))


@dataclass(frozen=True)
class Sample:
    """Simulated data sets: their rows, and per model scores and threshold (None where the task has none)."""

    rows: Rows
    scores: tuple[NDArray[np.float32], ...]
    thresholds: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class World(ABC):
    """One column of one table of the page.

    Args:
        table: heading of the table.
        column: heading of the column.
        design: of its data sets.
        models_alike: of two models, whether all their metrics are equal in truth.
    """

    table: str
    column: str
    design: Design = Design()
    models_alike: bool = False

    @property
    def name(self) -> str:
        """Name of the world, from which its seed follows."""
        return f"{self.table}; {self.column}"

    @property
    def seed(self) -> int:
        """Seed of all its random numbers: the CRC-32 of its name."""
        return zlib.crc32(self.name.encode())

    @abstractmethod
    def simulate(self, rng: np.random.Generator, n_sets: int) -> Sample:
        """Return so many data sets."""
