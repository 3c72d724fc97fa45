"""`break_even.csv`, `sensitivity.csv` and `money_by_slice.csv`: one row per challenger, per stretch, and per variant and slice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import pandas as pd

from harness.records.comparison import Comparison
from harness.records.money import BreakEven, PartMoney, SensitivityRange

_ASSUMPTION = "assumption"
BREAK_EVEN_COLUMNS = (
    *("variant", "champion", "currency", "price_per_hour", "price_per_hour_reason", "utilisation", "utilisation_wins_above"),
    *("utilisation_reason", "requests_per_day", "wins_above", "n_volume_crossings", "requests_per_day_reason", _ASSUMPTION),
)
SENSITIVITY_COLUMNS = (*(field.name for field in fields(SensitivityRange)), _ASSUMPTION)
MONEY_BY_SLICE_COLUMNS = (*(field.name for field in fields(PartMoney)), _ASSUMPTION)


def break_even_csv(comparison: Comparison) -> str:
    """Return the text of `break_even.csv`; an empty figure has its reason in the column beside it."""
    assumed = _assumptions(comparison)
    return _csv(BREAK_EVEN_COLUMNS, ((*_break_even(b), assumed.get(b.variant)) for b in comparison.break_even))


def sensitivity_csv(comparison: Comparison) -> str:
    """Return the text of `sensitivity.csv`: one row per stretch of a parameter over which the same variant brings the most."""
    assumed = _assumptions(comparison)
    return _csv(SENSITIVITY_COLUMNS, ((*vars(r).values(), assumed.get(r.best)) for r in comparison.sensitivity))


def money_by_slice_csv(comparison: Comparison) -> str:
    """Return the text of `money_by_slice.csv`: an empty field was not measured, NaN is not defined."""
    assumed = _assumptions(comparison)
    return _csv(MONEY_BY_SLICE_COLUMNS, ((*vars(p).values(), assumed.get(p.variant)) for p in comparison.parts))


def _break_even(found: BreakEven) -> list[object]:
    reasons = {f"{name}_reason": why for name, why in found.reasons}
    return [reasons.get(name) if name.endswith("_reason") else getattr(found, name) for name in BREAK_EVEN_COLUMNS[:-1]]


def _assumptions(comparison: Comparison) -> dict[str, str | None]:
    """Return per variant what its gain takes for granted: it stands beside every number that uses it."""
    return {row.variant: row.gain.assumption for row in comparison.rows if row.gain}


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    # dtype object: NaN, None and whole numbers stay what they are
    values = [["NaN" if isinstance(value, float) and value != value else value for value in row] for row in rows]
    return str(pd.DataFrame(values, columns=list(columns), dtype=object).to_csv(index=False, lineterminator="\n"))
