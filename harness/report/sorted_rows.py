"""The rows of a comparison in the order of one of its columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from harness.errors import ConfigError, did_you_mean, one_of
from harness.records.comparison import Comparison
from harness.report.comparison_files import Value, table_of

_HIGHEST_FIRST = ("n_rows", "worst_slice_metric", "worst_slice_vs_champion", "throughput_rows_per_s", "utilisation_share", "pareto")
_HIGHEST_FIRST_OF = ("gain_", "net_")


def sorted_rows(comparison: Comparison, column: str, directions: Mapping[str, str]) -> Comparison:
    """Put the rows in the order of a column of `comparison.csv`.

    Best first where the column has a direction: net, gain, throughput and metrics of which more is better from the highest, cost, latency
    and the other metrics from the lowest; else ascending. `-` before the name: highest first, `+`: lowest first. Rows without the figure stand last; equal ones keep
    their order. `sort` of the result says what was done.

    Parameters
    ----------
    comparison
        Is not changed.
    column
        As "net_per_1k", "-cost_per_1k".
    directions
        Of every metric, by name: higher, lower or none.

    Raises
    ------
    ConfigError
        When there is no such column.
    """
    name = column.lstrip("+-")
    columns, rows = table_of(comparison)
    if name not in columns:
        near = did_you_mean(name, columns) or next((f"; did you mean '{c}'?" for c in columns if name and name in c), "")
        raise ConfigError(f"--sort: no column '{name}' in comparison.csv; columns are: {one_of(columns)}{near}")
    values = [row[columns.index(name)] for row in rows]
    highest_first = column[:1] == "-" or (column[:1] != "+" and _is_highest_first(name, comparison, directions))
    with_figure = [i for i, value in enumerate(values) if not _is_missing(value)]
    order = sorted(with_figure, key=lambda i: _key(values[i]), reverse=highest_first)  # stable in either direction
    order += [i for i, value in enumerate(values) if _is_missing(value)]
    said = f"{name}, {'highest' if highest_first else 'lowest'} first"
    return replace(comparison, rows=tuple(comparison.rows[i] for i in order), sort=said)


def _is_highest_first(name: str, comparison: Comparison, directions: Mapping[str, str]) -> bool:
    metrics = {m.metric for row in comparison.rows for m in row.metrics}
    own = [metric for metric in metrics if name == metric or name.startswith(f"{metric}_")]
    if name.startswith(_HIGHEST_FIRST_OF) or name in _HIGHEST_FIRST:
        headline = comparison.headline_metrics[0] if name.startswith("worst_slice_") and comparison.headline_metrics else ""
        return directions.get(headline) != "lower"
    return bool(own) and directions.get(max(own, key=len)) == "higher"


def _key(value: Value) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value or 0), "")


def _is_missing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
