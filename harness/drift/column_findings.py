"""From the rows of all statistics to one finding per column, the furthest first."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from harness.records.drift import DriftRow
from harness.records.log_findings import ColumnFinding

ALL = "all"


def column_findings(rows: Sequence[DriftRow], changed: Mapping[str, str]) -> tuple[ColumnFinding, ...]:
    """Say of every column whether it has drifted over all rows, by which statistic most, and since which window.

    Columns that drifted stand first, then those that did in some window or slice; among equals, the one whose statistic is furthest beyond its threshold.

    Parameters
    ----------
    rows
        Of all columns, slices and windows; windows in the order of time.
    changed
        What has changed in each column, in words.
    """
    headline: dict[tuple[str, str], list[DriftRow]] = defaultdict(list)
    windows: dict[tuple[str, str], dict[str, bool]] = defaultdict(dict)
    slices: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        key = (row.kind, row.column)
        if row.slice_by != ALL:
            name = f"{row.slice_by}={row.slice_value}"
            slices[key][name] = max(slices[key].get(name, 0.0), _reach(row) if row.drifted else 0.0)
        elif row.window == ALL:
            headline[key].append(row)
        else:
            windows[key][row.window] = windows[key].get(row.window, False) or bool(row.drifted)
    found = [_finding(own, windows[key], slices[key], changed.get(own[0].column, "")) for key, own in headline.items()]
    return tuple(sorted(found, key=_order))


def _finding(own: Sequence[DriftRow], windows: Mapping[str, bool], slices: Mapping[str, float], changed: str) -> ColumnFinding:
    known = [row.drifted for row in own if row.drifted is not None]
    candidates = [row for row in own if row.drifted] or own
    first = max(candidates, key=_reach)
    drifted_windows = [name for name, drifted in windows.items() if drifted]
    drifted_slices = [name for name, reach in slices.items() if reach > 0]
    return ColumnFinding(
        column=first.column,
        kind=first.kind,
        drifted=any(known) if known else None,
        statistic=first.statistic,
        value=first.value,
        threshold=first.threshold,
        p_value_corrected=first.p_value_corrected,
        changed=changed,
        first_window=drifted_windows[0] if drifted_windows else None,
        n_windows_drifted=len(drifted_windows),
        n_windows=len(windows),
        worst_slice=max(drifted_slices, key=lambda name: slices[name]) if drifted_slices else None,
        n_slices_drifted=len(drifted_slices),
        n_slices=len(slices),
    )


def _reach(row: DriftRow) -> float:
    """Return how many thresholds a value is, for a comparison of statistics with different units."""
    if math.isnan(row.value) or not row.threshold:
        return -1.0
    return abs(row.value) / row.threshold


def _order(finding: ColumnFinding) -> tuple[int, float, str]:
    reach = abs(finding.value) / finding.threshold if finding.threshold and not math.isnan(finding.value) else -1.0
    somewhere = finding.n_windows_drifted > 0 or finding.n_slices_drifted > 0
    rank = 0 if finding.drifted else 1 if somewhere else 2 if finding.drifted is not None else 3
    return (rank, -reach, finding.column)
