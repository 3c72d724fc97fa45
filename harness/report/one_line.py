"""The one line per model that a sign-off page leads with."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records.comparison import Comparison, ComparisonRow
from harness.records.conf import VariantConf
from harness.report.numbers import money, with_interval


def one_line(row: ComparisonRow, comparison: Comparison, conf: VariantConf | None) -> str:
    """Say in one line what a model is for, what a thousand calls cost, and what it brings.

    As "gbdt_small (risk-ml, card fraud; KPI chargebacks): 0.0041 USD / 1k calls, auc +0.0120 [0.0090, 0.0150] on the champion,
    net +1.93 USD / 1k"; what was not measured is left out of the line and stands in the table's notes. What the gain takes for granted
    stands behind the net.
    """
    parts = [_cost(row), _quality(row, comparison), _net(row)]
    said = ", ".join(part for part in parts if part) or "nothing was measured"
    return f"{row.variant}{_who(conf)}: {said}"


def one_lines(comparison: Comparison, variants: Sequence[VariantConf]) -> list[str]:
    """Write the line of every variant that has figures, in the order of the table."""
    confs = {conf.label: conf for conf in variants}
    return [one_line(row, comparison, confs.get(row.variant)) for row in comparison.rows if row.status == "ok"]


def _who(conf: VariantConf | None) -> str:
    if conf is None:
        return ""
    first = ", ".join(text for text in (conf.owner, conf.use_case) if text)
    said = "; ".join(text for text in (first, f"KPI {conf.kpi}" if conf.kpi else "") if text)
    return f" ({said})" if said else ""


def _cost(row: ComparisonRow) -> str:
    if row.cost is None or row.cost.cost_per_1k is None:
        return ""
    return f"{money(row.cost.cost_per_1k)} {row.cost.currency or ''} / 1k calls".replace("  ", " ")


def _quality(row: ComparisonRow, comparison: Comparison) -> str:
    summary = row.metric(comparison.headline_metrics[0]) if comparison.headline_metrics else None
    if summary is None:
        return ""
    if summary.vs_champion is None or summary.vs_champion_ci_low is None or summary.vs_champion_ci_high is None:
        return f"{summary.metric} {with_interval(summary.value, summary.ci_low, summary.ci_high)}"
    figure = with_interval(summary.vs_champion, summary.vs_champion_ci_low, summary.vs_champion_ci_high, signed=True)
    return f"{summary.metric} {figure} on the champion"


def _net(row: ComparisonRow) -> str:
    if row.net_per_1k is None:
        return ""
    assumed = f" ({row.gain.assumption})" if row.gain and row.gain.assumption else ""
    return f"net {money(row.net_per_1k, signed=True)} {row.currency or ''} / 1k".replace("  ", " ") + assumed
