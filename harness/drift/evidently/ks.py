"""ks of profile evidently: the two-sample Kolmogorov-Smirnov test, by its p-value alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

from scipy.stats import ks_2samp

from harness.drift.evidently.default import EvidentlyChoice
from harness.drift.evidently.statistic import P_VALUE, Comparison, values_of
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair


@dataclass(frozen=True, kw_only=True)
class EvidentlyKs(EvidentlyChoice):
    """Whether two samples of numbers can be of one distribution; drifted when p <= `threshold`.

    Formula: D = max |F - G|; p two-sided, exact up to 10,000 rows a side, else of the asymptotic law (SciPy's ks_2samp, as Evidently).

    The value is D (Evidently shows p in its place). Undefined when: a side has no value.

    Notes
    -----
    Evidently, legacy/calculations/stattests/ks_stattest.py: the one of its tests that takes p equal to the threshold for drift.

    Examples
    --------
    >>> from harness.records.profile import Bins
    >>> from harness.records.drift import Sample
    >>> side = lambda *v: Sample(4, 0, 0, v[0], v[-1], 0, 0, np.zeros(3, np.int64), values=lambda: np.array(v))
    >>> import numpy as np
    >>> EvidentlyKs(by_default=False).read(ColumnPair("x", "number", Bins((1.0,)), side(1.0, 2, 3, 4), side(3.0, 4, 5, 6))).value
    0.5
    """

    threshold: float | None = P_VALUE

    own_name: ClassVar[str] = "ks"
    is_test: ClassVar[bool] = True
    kinds: ClassVar[tuple[ColumnKind, ...]] = ("number",)

    def decides(self, found: Comparison, threshold: float) -> bool:
        """Say whether p is at most the threshold."""
        return found.p_value is not None and found.p_value <= threshold

    def compare(self, pair: ColumnPair) -> Comparison:
        """Return D and its p-value."""
        with warnings.catch_warnings():
            # SciPy warns where its exact p fails, and takes the asymptotic one; so does Evidently.
            warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful", RuntimeWarning)
            found = ks_2samp(values_of(pair.reference), values_of(pair.current))
        return Comparison(float(found.statistic), float(found.pvalue), "p of Kolmogorov and Smirnov, not corrected")
