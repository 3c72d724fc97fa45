"""How long a replica takes for a batch of each size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ServiceTimes:
    """Mean time of a batch of each measured size, at one thread count.

    Args:
        batch_rows: int64 [n], rows of a batch, ascending and distinct, at least one.
        seconds: float64 [n], mean time of one such batch, positive.
        max_batch_rows: the batch size that was chosen: no larger batch is formed. One of `batch_rows`.

    Examples
    --------
    >>> times = ServiceTimes(np.array([1, 10, 100]), np.array([0.01, 0.02, 0.1]), max_batch_rows=100)
    >>> times.rows_per_s
    1000.0
    >>> times.scaled(0.5).rows_per_s  # half as fast
    500.0
    """

    batch_rows: NDArray[np.int64]
    seconds: NDArray[np.float64]
    max_batch_rows: int

    def __post_init__(self) -> None:
        """Refuse sizes that are not ascending, and a chosen size that was not measured."""
        if self.batch_rows.size == 0 or self.batch_rows.size != self.seconds.size or (np.diff(self.batch_rows) <= 0).any():
            raise ValueError(f"batch_rows {self.batch_rows.tolist()} must be ascending, one for each of {self.seconds.size} times")
        if not (np.isfinite(self.seconds) & (self.seconds > 0)).all():
            raise ValueError(f"the times of batches {self.seconds.tolist()} must be positive and finite")
        if self.max_batch_rows not in self.batch_rows:
            raise ValueError(f"max_batch_rows {self.max_batch_rows} was not measured; measured were {self.batch_rows.tolist()}")

    @property
    def rows_per_s(self) -> float:
        """Throughput of back-to-back batches of the chosen size."""
        chosen = int(np.searchsorted(self.batch_rows, self.max_batch_rows))
        return float(self.max_batch_rows / self.seconds[chosen])

    def scaled(self, factor: float) -> ServiceTimes:
        """Return the times of a replica whose throughput is `factor` times as high, at every batch size."""
        return replace(self, seconds=self.seconds / factor)
