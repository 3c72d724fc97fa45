"""What metrics ask of the reduction of rows, beyond what is always counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from harness.errors import ConfigError


@dataclass(frozen=True)
class Needs:
    """The parts of a tally that cost a pass of their own; a metric names those that it reads.

    Args:
        ranks: rank sums, for exact AUC.
        binned_auc: AUC from score bins, in memory that does not depend on the number of rows.
        curve: the `RankCurve`; `max_fpr` and `top_share` are its parameters, None where no metric sets them.
        calibration: the `CalibrationFit`.
        top_k: how many classes with the highest scores count as a hit; None where no metric sets it.
        auc_by_class: one-vs-rest AUC of every class.
    """

    ranks: bool = False
    binned_auc: bool = False
    curve: bool = False
    max_fpr: float | None = None
    top_share: float | None = None
    calibration: bool = False
    top_k: int | None = None
    auc_by_class: bool = False


def combined(needs: Iterable[Needs]) -> Needs:
    """Return what all of them ask for together.

    Raises
    ------
    ConfigError
        When two metrics set one parameter to different values: a tally holds one of them.

    >>> combined([Needs(ranks=True), Needs(curve=True, max_fpr=0.1)])
    Needs(ranks=True, binned_auc=False, curve=True, max_fpr=0.1, top_share=None, calibration=False, top_k=None, auc_by_class=False)
    """
    found: dict[str, Any] = {}
    for need in needs:
        for field in fields(need):
            value = getattr(need, field.name)
            before = found.get(field.name)
            if value is None or value is False:
                continue
            if before not in (None, False, value):
                raise ConfigError(f"metrics: {field.name} is {before} in one metric and {value} in another; use one value in a sweep")
            found[field.name] = value
    return Needs(**found)
