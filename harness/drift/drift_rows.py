"""From the readings of all statistics to the lines of drift.parquet."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.drift.corrected import Found, corrected_p_values
from harness.records.drift import DriftRow, Reading


def drift_rows(found: Iterable[Found], profile: str, alpha: float, variant: str | None = None) -> tuple[DriftRow, ...]:
    """Return a line for every reading, with its corrected p-value and whether the column has drifted.

    Parameters
    ----------
    found : iterable of (kind, column, slice_by, slice_value, window, statistic, Reading)
        Of all columns of a log, or of one variant: corrected over columns within a kind, statistic, slice and window.
    profile : str
        Whose conventions.
    alpha : float
        Level of the corrected p-values.
    variant : str, optional
        None for inputs and labels.

    Returns
    -------
    tuple of DriftRow
        In the order of `found`.
    """
    taken = list(found)
    lines = zip(taken, corrected_p_values(taken).tolist(), strict=True)
    return tuple(
        DriftRow(
            variant=variant,
            column=column,
            kind=kind,
            statistic=statistic,
            profile=profile,
            slice_by=slice_by,
            slice_value=slice_value,
            window=window,
            n_reference=reading.n_reference,
            n_current=reading.n_current,
            value=reading.value,
            threshold=reading.threshold,
            p_value=reading.p_value,
            p_value_corrected=None if math.isnan(corrected) else corrected,
            drifted=has_drifted(reading, corrected, alpha),
            note=reading.note,
        )
        for (kind, column, slice_by, slice_value, window, statistic, reading), corrected in lines
    )


def has_drifted(reading: Reading, corrected: float, alpha: float) -> bool | None:
    """Say whether a column has drifted: its effect is beyond the threshold, and its corrected p-value below alpha.

    An effect within its threshold is no drift, whatever the p-value. Beyond it without any p-value it is not known, unless the effect decides
    alone. Without a threshold, or undefined, it is not known either.

    Examples
    --------
    >>> beyond = Reading(0.3, 0.2, 0.01, True, 400, 400)
    >>> has_drifted(beyond, 0.04, 0.05), has_drifted(beyond, 0.06, 0.05), has_drifted(beyond, math.nan, 0.05)
    (True, False, None)
    """
    if reading.exceeds is None or reading.decides_alone or not reading.exceeds:
        return reading.exceeds
    return None if math.isnan(corrected) else corrected < alpha
