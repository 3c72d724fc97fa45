"""mse: how the mean squared error differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

from harness.compare.paired_regression import Complex, PairedRegression


class PairedMse(PairedRegression):
    """Difference of the mean squared error; below 0 the challenger is better."""

    name: ClassVar[str] = "mse"
    higher_is_better: ClassVar[bool] = False
    components: ClassVar[tuple[str, ...]] = ("weight", "champion_squared_error", "squared_error")

    def champion(self, t: Complex) -> Complex:
        """Return the champion's mean squared error."""
        return t[:, 1] / t[:, 0]

    def change(self, t: Complex) -> Complex:
        """Return the mean of the rows' differences."""
        return t[:, 2] / t[:, 0]
