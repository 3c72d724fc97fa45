"""How every variant's loss changed since the reference, as the terminal and the page show it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.records.comparison import Comparison, LossChange

RESIDUAL_NOTE = "residual: the relation changed, or an input that the score ignores did"


def loss_change_columns(comparison: Comparison) -> list[str]:
    """Return the titles; empty where nothing is known of any variant."""
    known = [c for c in comparison.loss_changes if math.isfinite(c.change)]
    return ["variant", f"{known[0].loss} since reference", "covariate", "outside support", "residual"] if known else []


def loss_change_rows(comparison: Comparison) -> Iterator[list[str]]:
    """Yield one line per variant under `loss_change_columns`; a `!` marks a residual that is more than chance."""
    for c in comparison.loss_changes:
        if math.isfinite(c.change):
            yield [c.variant, *(f"{v:+.4f}" for v in (c.change, c.covariate, c.outside_support)), f"{c.residual:+.4f}{_mark(c)}"]


def _mark(c: LossChange) -> str:
    return " !" if c.residual_drifted else " ?" if c.residual_drifted is None else "  "
