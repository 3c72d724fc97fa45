"""Speed and energy beside the table: one sentence each, where there is something to say."""

from __future__ import annotations

from collections.abc import Iterator

from harness.records.comparison import Comparison, ComparisonRow
from harness.records.load import RateLimit
from harness.records.measurement import Measurement, ProviderCheck
from harness.report.numbers import count, milliseconds, percent
from harness.report.row_text import priced_point


def speed_lines(comparison: Comparison) -> Iterator[str]:
    """Say what ran elsewhere than asked for, what else has to be known of a measurement, which rate holds the service level, and the energy."""
    measured = [(row, row.measurement) for row in comparison.rows if row.measurement is not None]
    yield from (_provider(m.variant, m.provider) for _, m in measured if m.provider is not None and _is_partial(m.provider))
    yield from (_rate_limit(m.variant, m.rate_limit) for _, m in measured if m.rate_limit is not None)
    yield from (f"{m.variant}: {remark}" for _, m in measured for remark in m.remarks)
    energies = [text for row, m in measured if (text := _energy(row, m))]
    if energies:
        yield f"energy: {'; '.join(energies)}"


def _is_partial(check: ProviderCheck) -> bool:
    return check.node_share < 1 or check.node_time_share < 1


def _provider(variant: str, check: ProviderCheck) -> str:
    rest = f"; elsewhere: {', '.join(check.elsewhere)}" if check.elsewhere else ""
    shares = f"{percent(check.node_share)} of {check.n_nodes:,} nodes and {percent(check.node_time_share)} of their time"
    return f"{variant}: {shares} on {check.asked}{rest}"


def _rate_limit(variant: str, limit: RateLimit) -> str:
    why = f": {limit.reason}" if limit.reason else ""
    if limit.rate_per_s is None:
        return f"{variant}: no rate was found that holds p99 <= {milliseconds(limit.slo_ms)} ms{why}"
    return f"{variant} holds p99 <= {milliseconds(limit.slo_ms)} ms up to {count(limit.rate_per_s)} requests/s{why}"


def _energy(row: ComparisonRow, m: Measurement) -> str:
    """Write the energy of the point that stands in the table; empty where it was not read."""
    point = priced_point(row)
    if point is None or point.energy_j_per_1k is None:
        return ""
    joules, active = point.energy_j_per_1k, point.active_j_per_1k
    idle = f", idle share {percent(1 - active / joules)}" if active is not None and joules > 0 else ""
    return f"{m.variant} {joules:.3g} J per 1k ({point.energy_source}{idle})"
