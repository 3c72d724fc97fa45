"""`comparison.csv`, `.json` and `.md`: one row per variant."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pandas as pd

from harness.records.comparison import Comparison, ComparisonRow, MetricSummary
from harness.report.against_rows import against_columns, against_rows
from harness.report.loss_change_rows import loss_change_columns, loss_change_rows
from harness.report.over_time_files import is_shown, time_columns, time_rows
from harness.report.plain import plain, to_json
from harness.report.row_text import Footnotes, priced_point, row_text
from harness.report.table import columns_of, footer, heading

Value = str | float | int | bool | None
_SUFFIXES = ("", "_ci_low", "_ci_high", "_vs_champion", "_vs_champion_ci_low", "_vs_champion_ci_high")
_COST_FIGURES = ("cost_per_1k", "cost_per_1k_at_full", "cost_per_1k_from_log", "cost_per_1k_at_stated", "utilisation_share")
_COST = (*_COST_FIGURES, "utilisation_source", "priced_as", "cost_per_month", "replicas_peak")


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """Return the table of `comparison.csv`; figures that were not measured are missing values, as undefined ones are."""
    columns, rows = table_of(comparison)
    return pd.DataFrame.from_records(rows, columns=columns)


def comparison_csv(comparison: Comparison) -> str:
    """Return the text of `comparison.csv`: an empty field was not measured, NaN is not defined."""
    columns, rows = table_of(comparison)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_field(value) for value in row] for row in rows)
    return out.getvalue()


def comparison_json(comparison: Comparison) -> str:
    """Return the text of `comparison.json`: the record with the account of rows and the notes.

    What has one line per slice or per hour is left out: `parts` are `money_by_slice.csv`, and a `fleet` goes into the costs that stand here.
    """
    rows = tuple(replace(row, cost=replace(row.cost, fleet=None)) if row.cost else row for row in comparison.rows)
    record = plain(replace(comparison, rows=rows, parts=()))
    del record["parts"]  # not there is not the same as null, which is "not measured"
    for row in record["rows"]:
        if row["cost"]:
            del row["cost"]["fleet"]
    return to_json(record)


def comparison_markdown(comparison: Comparison) -> str:
    """Return the text of `comparison.md`: what the terminal shows, as a table that GitHub renders."""
    notes = Footnotes()
    lines = [row_text(row, comparison, notes) for row in comparison.rows]
    columns = columns_of(comparison)
    table = [[title for title, _ in columns], ["---"] * len(columns), *([getattr(line, name) for _, name in columns] for line in lines)]
    tables = [table]
    if is_shown(comparison):
        titles = time_columns(comparison)
        tables.append([titles, ["---"] * len(titles), *time_rows(comparison)])
    if titles := loss_change_columns(comparison):
        tables.append([titles, ["---"] * len(titles), *loss_change_rows(comparison)])
    if titles := against_columns(comparison):
        tables.append([titles, ["---"] * len(titles), *against_rows(comparison)])
    rows = "\n\n".join("\n".join(f"| {' | '.join(escape_markdown(cell) for cell in row)} |" for row in t) for t in tables)
    above, below = ("\n\n".join(escape_markdown(t) for t in texts) for texts in (heading(comparison), footer(comparison, notes)))
    return f"# {escape_markdown(comparison.name)}\n\n{above}\n\n{rows}\n\n{below}\n"


def escape_markdown(text: str) -> str:
    """Write text so that nothing in it breaks a Markdown table, becomes a tag or a link; brackets and underscores stay readable."""
    for character in "\\`*<|":
        text = text.replace(character, "\\" + character)
    return text.replace("](", "]\\(").replace("\n", "<br>")


def table_of(comparison: Comparison) -> tuple[list[str], list[list[Value]]]:
    """Return columns and rows of `comparison.csv`: None was not measured, NaN is not defined."""
    seen = [m.metric for row in comparison.rows for m in row.metrics]
    metrics = _column_names(dict.fromkeys((*(h for h in comparison.headline_metrics if h in seen), *seen)))
    records = [_record(row, metrics) for row in comparison.rows]
    columns = list(records[0]) if records else list(_record(_EMPTY, metrics))
    return columns, [list(record.values()) for record in records]


def _column_names(metrics: Iterable[str]) -> dict[str, str]:
    """Return the first column of each metric: its name, or `<name>_score` where one of its columns is taken already."""
    taken = set(_record(_EMPTY, {}))
    names = {}
    for metric in metrics:
        column = metric
        while taken & {column + suffix for suffix in _SUFFIXES}:
            column += "_score"
        taken |= {column + suffix for suffix in _SUFFIXES}
        names[metric] = column
    return names


def _record(row: ComparisonRow, metrics: Mapping[str, str]) -> dict[str, Value]:
    """Put one row in the order of the contract."""
    record: dict[str, Value] = {k: getattr(row, k) for k in ("variant", "status", "reason", "precision", "device", "n_rows")}
    for name, column in metrics.items():
        record |= dict(zip((column + suffix for suffix in _SUFFIXES), _summary(row.metric(name)), strict=True))
    record |= {k: getattr(row, k) for k in ("worst_slice", "worst_slice_metric", "worst_slice_vs_champion")}
    record |= _speed(row)
    record |= {k: getattr(row.cost, k) if row.cost else None for k in _COST}
    record["gain_per_1k"] = row.gain.gain_per_1k if row.gain else None
    return record | {k: getattr(row, k) for k in ("net_per_1k", "net_per_1k_ci_low", "net_per_1k_ci_high", "currency", "pareto", "verdict")}


def _summary(m: MetricSummary | None) -> tuple[Value, ...]:
    if m is None:
        return (None,) * len(_SUFFIXES)
    return m.value, m.ci_low, m.ci_high, m.vs_champion, m.vs_champion_ci_low, m.vs_champion_ci_high


def _speed(row: ComparisonRow) -> dict[str, Value]:
    m, point = row.measurement, priced_point(row)
    single = m.point("single") if m else None
    latency = {p.q: p.value_ms for p in single.latency} if single else {}
    return {
        "latency_single_p50_ms": latency.get(50.0),
        "latency_single_p99_ms": latency.get(99.0),
        "throughput_rows_per_s": point.throughput_rows_per_s if point else None,
        "batch_rows": point.batch_rows if point else None,
        "measured_on": m.measured_on if m else None,
        "measurement_status": m.status if m else "not_measured",
        "energy_j_per_1k": point.energy_j_per_1k if point else None,
        "energy_source": point.energy_source if point else m.energy_source if m else None,
    }


def _field(value: Value) -> Value:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


_EMPTY = ComparisonRow("", "", None, "", "", None, (), None, None, None, None, None, None, None, None, None, None, None, "")
