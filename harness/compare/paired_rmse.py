"""rmse: how the root mean squared error differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from harness.compare.paired_regression import Complex, PairedRegression


class PairedRmse(PairedRegression):
    """Difference of the root mean squared error; below 0 the challenger is better.

    Formula: d / (sqrt(a) + sqrt(a + d)), with a the champion's mean squared error and d the mean of the rows' differences.
    """

    name: ClassVar[str] = "rmse"
    higher_is_better: ClassVar[bool] = False
    components: ClassVar[tuple[str, ...]] = ("weight", "champion_squared_error", "squared_error")

    def champion(self, t: Complex) -> Complex:
        """Return the champion's root mean squared error."""
        return np.sqrt(t[:, 1] / t[:, 0])

    def change(self, t: Complex) -> Complex:
        """Return the difference of the roots."""
        a, d = t[:, 1] / t[:, 0], t[:, 2] / t[:, 0]
        return np.asarray(d / (np.sqrt(a) + np.sqrt(a + d)), np.complex128)
