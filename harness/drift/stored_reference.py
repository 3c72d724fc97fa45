"""A stored profile in place of the reference rows."""

from __future__ import annotations

import numpy as np

from harness.drift.bins import has_shared_rows
from harness.records.drift import Sample
from harness.records.profile import Bins, ColumnProfile


class StoredReference:
    """Gives the sides of a stored profile as the statistics read them; values are not known, and statistics that need them say so."""

    def __init__(self, profile: ColumnProfile) -> None:
        self._profile = profile
        self._slices = {name: i for i, name in enumerate(zip(profile.slice_by, profile.slice_value, strict=True))}

    def whole(self, bins: Bins) -> Sample:
        """Return all rows of the reference, in bins that begin as the profile's own."""
        return self._sample(0, bins, self._profile.cardinality.n_distinct)

    def windows(self, bins: Bins) -> tuple[Sample, ...]:
        """Return the windows of the reference."""
        return tuple(self._sample(1 + i, bins) for i in range(len(self._profile.window_names)))

    def slice(self, slice_by: str, slice_value: str, bins: Bins) -> Sample:
        """Return a slice of the reference; one that the profile does not know has no rows."""
        place = self._slices.get((slice_by, slice_value))
        if place is None:
            nan = float("nan")
            return Sample(0, 0, 0, nan, nan, nan, nan, np.zeros(bins.n_bins, np.int64))
        return self._sample(1 + len(self._profile.window_names) + place, bins)

    def _sample(self, cell: int, bins: Bins, n_distinct: float | None = None) -> Sample:
        m, own = self._profile.moments, self._profile.counts[cell]
        counts = np.zeros(bins.n_bins, np.int64)
        counts[: len(own) - 1], counts[-1] = own[:-1], own[-1]  # categories that the profile does not name stand after its own
        n = int(m.n_rows[cell] - m.n_missing[cell] - m.n_infinite[cell])
        is_number = self._profile.kind in ("number", "time")
        return Sample(
            n_rows=int(m.n_rows[cell]),
            n_missing=int(m.n_missing[cell]),
            n_infinite=int(m.n_infinite[cell]),
            minimum=float(m.minimum[cell]),
            maximum=float(m.maximum[cell]),
            mean=float(m.mean[cell]),
            std=float(np.sqrt(m.m2[cell] / (n - 1))) if is_number and n > 1 else float("nan"),
            counts=counts,
            n_distinct=n_distinct if n_distinct is not None or is_number or has_shared_rows(bins, counts) else float((own[:-1] > 0).sum()),
        )
