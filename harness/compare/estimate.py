"""What a paired comparison leaves of every cell before levels and families are applied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

PairedT = TypeVar("PairedT", contravariant=True)
Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Estimate:
    """One metric of champion and challenger on the same rows; arrays are [n_cells].

    Parameters
    ----------
    n : int64
        Rows that the metric is computed over (the positive ones for recall).
    champion, challenger : float64
        The metric of each; NaN where it is not defined.
    se : float64
        Standard error of the difference; NaN where it is not defined or 0.
    p_value : float64
        Two-sided, for "no difference".
    method : object
        Text; where there is no interval, why.
    n_fewest_class : int64, optional
        Rows of the rarer class, where the interval rests on both classes.
    degrees : float64, optional
        Of the Student's t that interval and p-value use, infinite for a normal one; NaN where nothing is inferred. None: all normal.
    """

    n: NDArray[np.int64]
    champion: NDArray[np.float64]
    challenger: NDArray[np.float64]
    se: NDArray[np.float64]
    p_value: NDArray[np.float64]
    method: NDArray[np.object_]
    n_fewest_class: NDArray[np.int64] | None = None
    degrees: NDArray[np.float64] | None = None


class PairedMetric(ABC, Generic[PairedT]):
    """A metric whose difference between two variants is estimated on the same rows, from the paired tally of its task."""

    name: ClassVar[str]
    higher_is_better: ClassVar[bool]

    @abstractmethod
    def estimate(self, paired: PairedT) -> Estimate:
        """Return values, standard error and p-value of every cell."""

    @abstractmethod
    def interval(self, paired: PairedT, estimate: Estimate, confidence: NDArray[np.float64]) -> Bounds:
        """Return the two-sided interval of the difference, float64 [n_cells], at a level per cell."""
