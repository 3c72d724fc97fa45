"""mae: how the mean absolute error differs between two variants on the same rows."""

from __future__ import annotations

from typing import ClassVar

from harness.compare.paired_regression import Complex, PairedRegression


class PairedMae(PairedRegression):
    """Difference of the mean absolute error; below 0 the challenger is better."""

    name: ClassVar[str] = "mae"
    higher_is_better: ClassVar[bool] = False
    components: ClassVar[tuple[str, ...]] = ("weight", "champion_absolute_error", "absolute_error")

    def champion(self, t: Complex) -> Complex:
        """Return the champion's mean absolute error."""
        return t[:, 1] / t[:, 0]

    def change(self, t: Complex) -> Complex:
        """Return the mean of the rows' differences."""
        return t[:, 2] / t[:, 0]
