"""How a metric moved: the reference and every window side by side, and when a model would have had to be trained again."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE_PERIOD = "reference"


@dataclass(frozen=True)
class PeriodValue:
    """One metric of one variant in one period, beside its last window.

    `last_minus_this` is the value in `last_window` less the one here, the two on different rows; NaN in the last window itself, and
    where either is not defined.
    """

    variant: str
    metric: str
    slice_by: str
    slice_value: str
    period: str
    n: int
    value: float
    ci_low: float
    ci_high: float
    last_window: str
    last_minus_this: float
    last_minus_this_ci_low: float
    last_minus_this_ci_high: float


@dataclass(frozen=True)
class RetrainRule:
    """Train again when `metric` on a slice is below (or above) a limit in some window; exactly one of the two is set."""

    metric: str
    slice_by: str
    slice_value: str
    below: float | None = None
    above: float | None = None

    @property
    def limit(self) -> float:
        """The limit, whichever side it is on."""
        limit = self.below if self.below is not None else self.above
        assert limit is not None  # one of the two is set
        return limit

    @property
    def text(self) -> str:
        """The rule in words."""
        where = self.slice_by if self.slice_by == "all" else f"{self.slice_by}={self.slice_value}"
        return f"{self.metric} on {where} {'below' if self.below is not None else 'above'} {self.limit:g}"


@dataclass(frozen=True)
class RetrainReading:
    """What a rule says of one variant over the windows, in their order.

    Args:
        n_windows: windows with `min_n` rows and a value.
        n_skipped: windows that have fewer rows or no value.
        n_held: of `n_windows`, those beyond the limit.
        first_window, value, ci_low, ci_high: the first of them; None and NaN where there is none.
        first_certain: the first window whose whole interval is beyond the limit, or None.
        trouble: why nothing can be said (no such metric, slice or window), or None.
    """

    variant: str
    rule: RetrainRule
    n_windows: int
    n_skipped: int
    n_held: int
    first_window: str | None
    value: float
    ci_low: float
    ci_high: float
    first_certain: str | None
    trouble: str | None = None
