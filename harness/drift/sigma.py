"""How many standard deviations of the reference's own windows a figure lies from them."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from harness.drift.readings import nobody, reading, undefined
from harness.drift.statistic import DriftStatistic
from harness.records.drift import ColumnPair, Reading, Sample

MIN_WINDOWS = 5  # fewer leave no spread to speak of: Student's t of three degrees is at 3.2 for p = .05


@dataclass(frozen=True)
class SigmaTest:
    """A new figure against those of W windows: their mean, the distance in standard deviations of a new one, its two-sided p-value."""

    reference: float
    n_sigma: float
    p_value: float
    n_windows: int


@dataclass(frozen=True)
class RowsTest:
    """What is said where windows cannot be asked; `p_value` None where there is no test, `decides_alone` where the figures have no error."""

    p_value: float | None
    how: str
    decides_alone: bool = False


def sigma_test(current: float, windows: NDArray[np.float64]) -> SigmaTest | None:
    """Return how far a new window's figure lies from those of the reference's windows; None of fewer than five, or of five that are all equal.

    Formula: t = (x - mean) / (s sqrt(1 + 1/W)), s with ddof 1, referred to Student's t with W - 1 degrees.

    Parameters
    ----------
    windows : float64 [n_windows]
        Figures of the reference's windows; NaN is no window.

    Notes
    -----
    The prediction interval of one further observation: Hahn & Meeker, Statistical Intervals, 1991, section 4.7. Windows are taken to be normal,
    alike and independent; it thereby holds for rows of one day or week that are alike, which a standard error of rows does not.

    Examples
    --------
    Windows 1, 2, 3, 4, 5: mean 3, s sqrt(5/2), and 6 lies 3 / (sqrt(5/2) sqrt(6/5)) = sqrt(3) away.

    >>> found = sigma_test(6.0, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    >>> found.reference, round(found.n_sigma**2, 12), round(found.p_value, 4)
    (3.0, 3.0, 0.1583)
    """
    known = windows[~np.isnan(windows)]
    if len(known) < MIN_WINDOWS or math.isnan(current) or (known == known[0]).all():
        return None
    scale = float(np.abs(known).max())  # squares of figures beyond 1e154, or within 1e-162, are no float64
    mean, spread = scale * float((known / scale).mean()), float((known / scale).std(ddof=1))
    if not math.isfinite(scale) or not spread > 0.0:
        return None
    t = (current - mean) / scale / (spread * math.sqrt(1.0 + 1.0 / len(known)))
    return SigmaTest(mean, t, float(2.0 * stdtr(len(known) - 1, -abs(t))), len(known))


@dataclass(frozen=True, kw_only=True)
class FigureShift(DriftStatistic):
    """Base of the statistics that compare one figure of either side.

    The value is the current figure minus the reference's: minus the mean over the reference's windows where there are five of them that differ,
    else minus that of all reference rows. The p-value is N-sigma against those windows, else against the standard error, and the note says which.
    """

    @abstractmethod
    def figure(self, pair: ColumnPair, sample: Sample) -> float:
        """Return the figure of one side; NaN where it is undefined."""

    @abstractmethod
    def rows(self, sample: Sample) -> int:
        """Return how many rows the figure is of."""

    @abstractmethod
    def limit(self, pair: ColumnPair, reference: float) -> float | None:
        """Return the threshold in the unit of the value, given the reference's figure."""

    @abstractmethod
    def by_rows(self, pair: ColumnPair, value: float) -> RowsTest:
        """Test the difference against its standard error."""

    def windows_of(self, pair: ColumnPair) -> tuple[Sample, ...]:
        """Return the reference's windows that are comparable with the current rows."""
        return pair.reference_windows

    def _whole_windows(self, pair: ColumnPair) -> list[Sample]:
        """Return the reference's windows but those with less than a tenth of the rows that half of them have: one of a few rows would be all of the spread."""
        windows = self.windows_of(pair)
        least = 0.1 * float(np.median([self.rows(window) for window in windows])) if windows else 0.0
        return [window for window in windows if self.rows(window) >= least]

    def remark(self, pair: ColumnPair) -> str:
        """Return what the note says besides how the p-value was found."""
        return ""

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the figures of both sides; undefined where one of them is."""
        n, m = self.rows(pair.reference), self.rows(pair.current)
        current, whole = self.figure(pair, pair.current), self.figure(pair, pair.reference)
        if math.isnan(current) or math.isnan(whole):
            return undefined(None, n, m, nobody(n, "values") if not n or not m else "too few values")
        windows = np.array([self.figure(pair, window) for window in self._whole_windows(pair)], np.float64)
        found = sigma_test(current, windows)
        if found is not None:
            how = f"{found.n_sigma:+.2g} sigma of {found.n_windows} reference windows"
            return reading(current - found.reference, self.limit(pair, found.reference), found.p_value, n, m, self.remark(pair), how)
        value = current - whole
        test = self.by_rows(pair, value)
        alike = np.count_nonzero(~np.isnan(windows)) >= MIN_WINDOWS
        why = "reference windows are all alike" if alike else f"fewer than {MIN_WINDOWS} reference windows"
        notes = (self.remark(pair), test.how, why)
        return reading(value, self.limit(pair, whole), test.p_value, n, m, *notes, decides_alone=test.decides_alone)


def error_test(value: float, error: float, degrees: float = math.inf) -> tuple[float | None, str]:
    """Return the two-sided p-value of a difference with its standard error, and the words; None where the error is 0.

    Examples
    --------
    >>> p_value, how = error_test(1.96, 1.0)
    >>> round(p_value, 3), how
    (0.05, '+2 standard errors, rows treated as independent')
    """
    if not error > 0.0:
        return None, "no spread on either side: any difference decides"
    t = value / error
    p_value = 2.0 * stdtr(degrees, -abs(t)) if math.isfinite(degrees) else math.erfc(abs(t) / math.sqrt(2.0))
    return float(p_value), f"{t:+.2g} standard errors, rows treated as independent"
