"""Fairness per slice column as tables: one row per column and measure, and one per slice and rate."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd

from harness.records.fairness import Fairness, FairnessRow, ToOverall
from harness.records.tally import Grid

FAIRNESS_COLUMNS = ("variant", *(f.name for f in fields(FairnessRow)), "confidence", "min_n")
_TO_OVERALL = tuple(f.name for f in fields(ToOverall) if f.name not in ("rate", "slice_id"))
TO_OVERALL_COLUMNS = ("variant", "rate", "slice_by", "slice_value", *_TO_OVERALL, "confidence", "min_n")


def fairness_frame(variant: str, fairness: Fairness) -> pd.DataFrame:
    """Return one row per slice column and measure, all windows together.

    Parameters
    ----------
    variant
        Name of the variant.
    fairness
        Of it.
    """
    rows = [{"variant": variant, **vars(row), "confidence": fairness.confidence, "min_n": fairness.min_n} for row in fairness.between]
    return pd.DataFrame(rows, columns=list(FAIRNESS_COLUMNS))


def to_overall_frame(variant: str, grid: Grid, fairness: Fairness) -> pd.DataFrame:
    """Return one row per slice and rate: the slice against the rest of its column's rows.

    Parameters
    ----------
    variant
        Name of the variant.
    grid
        The one that `fairness` was computed with.
    fairness
        Of the variant.
    """
    by, value = (np.array(names, dtype=np.object_) for names in (grid.slice_by, grid.slice_value))
    blocks = []
    for part in fairness.to_overall:
        columns: dict[str, object] = {
            "variant": variant,
            "rate": part.rate,
            "slice_by": by[part.slice_id],
            "slice_value": value[part.slice_id],
        }
        columns |= {name: getattr(part, name) for name in _TO_OVERALL}
        columns |= {"confidence": fairness.confidence, "min_n": fairness.min_n}
        blocks.append(pd.DataFrame(columns, columns=list(TO_OVERALL_COLUMNS)))
    return pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=list(TO_OVERALL_COLUMNS))
