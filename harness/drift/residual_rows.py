"""The parts of a loss change as rows of drift.parquet, and when the residual counts as drift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.records.drift import DriftRow, LossParts
from harness.records.tally import ALL
from harness.stats.benjamini_hochberg import benjamini_hochberg

RESIDUAL_WORDS = "the relation changed, or an input that the score ignores did"
LEAST_SHARE = 0.01  # of the reference's loss: with millions of rows smaller residuals are significant too, and change no decision
_Z95 = 1.959963984540054  # quantile .975 of the normal distribution


def residual_rows(
    parts: Sequence[LossParts], variant: str, alpha: float, least_share: float = LEAST_SHARE, profile: str = "harness"
) -> tuple[DriftRow, ...]:
    """Return four rows per table: loss_change, covariate, outside_support, residual; `column` is the loss.

    The residual has drifted where it is at least `least_share` of the reference's loss and its corrected p-value is below `alpha`. Corrected by
    Benjamini and Hochberg: the tables of one loss (all rows, slice columns) are a family, since they look at the same rows in different ways and
    none is preferred; its windows are another. Two losses of one model are two views of one change and are not corrected for each other.

    Parameters
    ----------
    parts
        Of one variant, as `loss_parts` returns them.
    alpha : float
        Of the corrected p-values.
    least_share : float
        Least size of a residual that counts, over the reference's mean loss.

    Examples
    --------
    >>> one = LossParts("all", "brier", 500, 400, 2, 0.2, 0.26, 0.01, 0.002, 0.048, 0.012, 6.3e-5)
    >>> [(r.statistic, r.value, r.drifted) for r in residual_rows([one], "a", 0.05)]
    [('loss_change', 0.06, None), ('covariate', 0.01, None), ('outside_support', 0.002, None), ('residual', 0.048, True)]
    """
    p = np.array([np.nan if part.p_value is None else part.p_value for part in parts])
    names = [(part.loss, part.window == ALL) for part in parts]
    families = list(dict.fromkeys(names))
    corrected = benjamini_hochberg(p, np.array([families.index(name) for name in names], np.int64)).tolist()
    found = []
    for part, p_corrected in zip(parts, corrected, strict=True):
        threshold = least_share * part.reference_loss
        known = None if part.p_value is None else float(p_corrected)
        drifted = None if known is None else known < alpha and abs(part.residual) >= threshold
        change = round(part.current_loss - part.reference_loss, 15)
        found += [
            _row(part, variant, profile, "loss_change", change, _losses(part)),
            _row(part, variant, profile, "covariate", part.covariate, "what the reference's curve expects of the current scores"),
            _row(part, variant, profile, "outside_support", part.outside_support, _outside(part)),
            _row(part, variant, profile, "residual", part.residual, _interval(part, bool(drifted)), (threshold, known, drifted)),
        ]
    return tuple(found)


def _row(
    part: LossParts,
    variant: str,
    profile: str,
    statistic: str,
    value: float,
    note: str,
    test: tuple[float | None, float | None, bool | None] = (None, None, None),
) -> DriftRow:
    is_undefined = np.isnan(value)
    return DriftRow(
        variant=variant,
        column=part.loss,
        kind="residual",
        statistic=statistic,
        profile=profile,
        slice_by=part.slice_by,
        slice_value=ALL,
        window=part.window,
        n_reference=part.n_reference,
        n_current=part.n_current,
        value=value,
        threshold=None if is_undefined else test[0],
        p_value=part.p_value if statistic == "residual" else None,
        p_value_corrected=test[1],
        drifted=test[2],
        note=f"undefined: {part.reason}" if is_undefined else note,
    )


def _losses(part: LossParts) -> str:
    left_out = f"; {part.n_invalid_score:,} labelled rows without a valid score left out" if part.n_invalid_score else ""
    return f"mean loss {part.reference_loss:.4g} -> {part.current_loss:.4g}{left_out}"


def _outside(part: LossParts) -> str:
    return f"{part.n_outside:,} rows ({part.n_outside / max(part.n_current, 1):.2%}) whose score or category the reference never had"


def _interval(part: LossParts, drifted: bool) -> str:
    if part.residual_se is None:
        return part.reason or "no test"
    low, high = part.residual - _Z95 * part.residual_se, part.residual + _Z95 * part.residual_se
    return (f"{RESIDUAL_WORDS}; " if drifted else "") + f"95 % [{low:.3g}, {high:.3g}], rows treated as independent"
