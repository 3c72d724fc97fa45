"""The cells of the comparison table as text, with a footnote for each reason that something is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from harness.records.comparison import Comparison, ComparisonRow, MetricSummary
from harness.records.measurement import Measurement, OperatingPoint
from harness.report.numbers import NOT_MEASURED, milliseconds, money, rate, with_interval


@dataclass
class Footnotes:
    """Reasons, each numbered once; `noisy` names the variants whose figures carry a `~`."""

    texts: list[str] = field(default_factory=list)
    noisy: list[str] = field(default_factory=list)

    def mark(self, text: str) -> str:
        """Return `(3)`, the number of this reason."""
        if text not in self.texts:
            self.texts.append(text)
        return f"({self.texts.index(text) + 1})"

    def missing(self, text: str) -> str:
        """Return `n/a (3)`."""
        return f"{NOT_MEASURED} {self.mark(text)}"


@dataclass(frozen=True)
class RowText:
    """One line of the table; a line break separates a figure from its interval."""

    variant: str
    metric: str
    vs_champion: str
    worst_slice: str
    latency: str
    throughput: str
    cost: str
    gain: str
    net: str
    pareto: str
    verdict: str


def row_text(row: ComparisonRow, comparison: Comparison, notes: Footnotes) -> RowText:
    """Write one variant."""
    name = comparison.headline_metrics[0] if comparison.headline_metrics else ""
    summary = row.metric(name)
    if row.status != "ok":
        why = notes.missing(f"{row.variant}: {row.status}: {row.reason or 'no reason was recorded'}")
        rest = dict.fromkeys(("vs_champion", "worst_slice", "latency", "throughput", "cost", "gain", "net", "pareto"), NOT_MEASURED)
        return RowText(variant=row.variant, metric=why, verdict=row.status, **rest)
    return RowText(
        variant=row.variant + (" *" if row.variant == comparison.champion else ""),
        metric=_metric(summary, name, notes),
        vs_champion=_vs_champion(row, summary, comparison, notes),
        worst_slice=_worst_slice(row, notes),
        latency=_latency(row.measurement, notes),
        throughput=_throughput(row, notes),
        cost=_cost(row, notes),
        gain=_gain(row, notes),
        net=_net(row, notes),
        pareto=notes.missing("cost or gain not measured, so no Pareto front") if row.pareto is None else ("yes" if row.pareto else "no"),
        verdict=row.verdict,
    )


def _metric(summary: MetricSummary | None, name: str, notes: Footnotes) -> str:
    if summary is None:
        return notes.missing(f"{name or 'no headline metric'}: not computed; add it to metrics")
    return with_interval(summary.value, summary.ci_low, summary.ci_high, break_line=True)


def _vs_champion(row: ComparisonRow, summary: MetricSummary | None, comparison: Comparison, notes: Footnotes) -> str:
    if row.variant == comparison.champion:
        return "champion"
    if summary is None or summary.vs_champion is None:
        return notes.missing(
            "no champion: champion=NAME" if comparison.champion is None else f"{row.variant}: no rows to pair with the champion"
        )
    low, high = (math.nan if f is None else f for f in (summary.vs_champion_ci_low, summary.vs_champion_ci_high))
    return with_interval(summary.vs_champion, low, high, signed=True, break_line=True)


def _worst_slice(row: ComparisonRow, notes: Footnotes) -> str:
    if row.worst_slice is None:
        return notes.missing("no slice has rows enough to rank")
    figures = ([] if row.worst_slice_metric is None else [f"{row.worst_slice_metric:.4f}"]) + (
        [] if row.worst_slice_vs_champion is None else [f"({row.worst_slice_vs_champion:+.4f})"]
    )
    return f"{row.worst_slice}\n{' '.join(figures)}" if figures else row.worst_slice


def _latency(m: Measurement | None, notes: Footnotes) -> str:
    point = m.point("single") if m else None
    if m is None or point is None:
        return notes.missing(_not_measured(m))
    found = {p.q: p for p in point.latency}
    parts = []
    for q in (50.0, 99.0):
        p = found.get(q)
        if p is None:
            parts.append(notes.missing(f"{m.variant}: p{q:g} was not recorded"))
        else:
            parts.append(notes.missing(f"n={p.n:,}, needs {p.n_needed:,}") if p.value_ms is None else milliseconds(p.value_ms))
    return "\n".join(parts) + _noisy(m, notes)


def _throughput(row: ComparisonRow, notes: Footnotes) -> str:
    point, m = priced_point(row), row.measurement
    if m is None or point is None:
        return notes.missing(_not_measured(m))
    return f"{rate(point.throughput_rows_per_s)}{_noisy(m, notes)}\n{point.batch_rows:,}"


def priced_point(row: ComparisonRow) -> OperatingPoint | None:
    """Return the operating point whose throughput and batch stand in the table: the one that is priced, else the fastest offline one."""
    return row.operating_point or (row.measurement.point("offline") if row.measurement else None)


def _noisy(m: Measurement, notes: Footnotes) -> str:
    if m.status == "ok":
        return ""
    if m.status == "noisy":
        if m.variant not in notes.noisy:
            notes.noisy.append(m.variant)
        return " ~"
    reason = m.reason or "no reason was recorded"
    return " " + notes.mark(f"{m.variant}: {m.status} measurement: {reason}")


def _not_measured(m: Measurement | None) -> str:
    return f"speed: {m.reason}" if m and m.reason else "speed was not measured: measure=quick"


def _cost(row: ComparisonRow, notes: Footnotes) -> str:
    if row.cost is None or row.cost.cost_per_1k is None:
        return notes.missing(f"cost: {row.cost.reason}" if row.cost and row.cost.reason else "no price sheet: price=NAME")
    return money(row.cost.cost_per_1k) + (f"\n{notes.mark(row.cost.note)}" if row.cost.note else "")


def _gain(row: ComparisonRow, notes: Footnotes) -> str:
    if row.gain is None:
        return notes.missing("no business rule: gain=NAME")
    why = f"gain: {row.gain.reason}" if math.isnan(row.gain.gain_per_1k) and row.gain.reason else None
    marks = (notes.mark(why) if why else "") + _assumed(row, notes)
    return money(row.gain.gain_per_1k, signed=True) + (f"\n{marks}" if marks else "")


def _net(row: ComparisonRow, notes: Footnotes) -> str:
    if row.net_per_1k is None:
        return notes.missing("net needs both a gain and a cost")
    low, high = row.net_per_1k_ci_low, row.net_per_1k_ci_high
    if low is None or high is None or math.isnan(low + high):
        figure, interval = money(row.net_per_1k, signed=True), ""
    else:
        figure, _, interval = with_interval(row.net_per_1k, low, high, signed=True, break_line=True).partition("\n")
    mark = _assumed(row, notes)
    return figure + (f" {mark}" if mark else "") + (f"\n{interval}" if interval else "")


def _assumed(row: ComparisonRow, notes: Footnotes) -> str:
    """Return the number of the footnote that says what a gain takes for granted; nothing where it does not."""
    return notes.mark(f"gain: {row.gain.assumption}") if row.gain and row.gain.assumption else ""
