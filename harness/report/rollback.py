"""When to roll a model back: the figures at which its advantage is gone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.records.comparison import Comparison, ComparisonRow
from harness.records.conf import VariantConf
from harness.records.evidence import Signoff
from harness.report.numbers import money

_P99 = "latency_single_p99_ms"
_P99_SHARE, _P99_SHARE_BAD = 0.01, 0.02  # of requests above the limit: what a p99 allows, and twice that
_NOTICED = "noticed with power .8 at alpha .05 by {n:,} predictions"


@dataclass(frozen=True)
class Notice:
    """How many requests notice a deterioration with power .8 at alpha .05; None where no number does.

    `of_mean` takes the mean now, the bad one and the standard deviation of a request; `of_share` the share now and the bad one.
    """

    of_mean: Callable[[float, float, float], int | None]
    of_share: Callable[[float, float], int | None]


@dataclass(frozen=True)
class Threshold:
    """A figure at which to roll back; `limit` is None where there is none, and `reason` says why.

    Args:
        today: as it was measured here; None where it was not.
        deterioration: from what to what, which `n_predictions` notice.
        n_predictions: in production; None where no sample is needed, or their number is not known.
        note: how the number of predictions is to be read, in words.
    """

    limit: float | None
    today: float | None = None
    deterioration: str | None = None
    n_predictions: int | None = None
    note: str | None = None
    reason: str | None = None

    @property
    def noticed(self) -> str:
        """Say which deterioration so many predictions notice, or why none are counted."""
        if self.limit is None or self.note is not None:
            return self.note or ""
        if self.n_predictions is None:
            return f"how many predictions notice a change {self.deterioration} is not known"
        return f"a change {self.deterioration} is {_NOTICED.format(n=self.n_predictions)}"


@dataclass(frozen=True)
class Rollback:
    """What the runbook knows of the variant that a sign-off is about; None where it is not known.

    Its gain is at break-even where it equals `champion_net_per_1k` + `cost_per_1k`: below that the champion brings more.

    Args:
        advantage_per_1k: its net less the champion's; None without both.
        assumption: what its gain takes for granted.
        gain, error_rate, p99_ms, cost: where the advantage is zero, each alone; of `p99_ms` the limit that was set.
        p99_source: who set it: a gate of the review, or the price's service level.
    """

    variant: str
    owner: str | None
    fallback: str | None
    kpi: str | None
    currency: str | None
    baseline: str | None
    champion_net_per_1k: float | None
    cost_per_1k: float | None
    gain_per_1k: float | None
    advantage_per_1k: float | None
    assumption: str | None
    gain: Threshold
    error_rate: Threshold
    p99_ms: Threshold
    cost: Threshold
    error_cost_per_row: float | None = None
    p99_source: str | None = None


def rollback(
    signoff: Signoff,
    comparison: Comparison,
    variants: Sequence[VariantConf],
    error_costs: Mapping[str, float | None] | None = None,
    notice: Notice | None = None,
) -> Rollback | None:
    """Gather the thresholds of the variant that decided the review, or of the candidate; None where there is neither.

    Formula, with D the paired difference of net to the champion, per 1,000: gain at break-even = gain - D, cost = cost + D,
    error rate = error rate + D / (1000 · e), with e what one more wrong decision costs. These do not depend on the number of rows. The error
    rate is 1 - accuracy, where that metric was computed.

    Parameters
    ----------
    error_costs
        By variant, what one more wrong decision costs on average, in the currency of the gain.
    notice
        Counts the predictions that notice a deterioration; None leaves them out.
    """
    name = signoff.decided_by or signoff.candidate
    row = next((r for r in comparison.rows if r.variant == name), None)
    if name is None or row is None:
        return None
    champion = next((r for r in comparison.rows if r.variant == signoff.champion), None)
    conf = next((v for v in variants if v.label == name), None)
    champion_net = champion.net_per_1k if champion else None
    lead = row.net_vs_champion
    error_cost = (error_costs or {}).get(name)
    limit, source = _p99_limit(signoff, row)
    gone = _why_none(lead, row.currency)
    return Rollback(
        variant=name,
        owner=conf.owner if conf else None,
        fallback=conf.fallback if conf else None,
        kpi=conf.kpi if conf else None,
        currency=row.currency,
        baseline=row.gain.baseline if row.gain else None,
        champion_net_per_1k=champion_net,
        cost_per_1k=row.cost.cost_per_1k if row.cost else None,
        gain_per_1k=row.gain.gain_per_1k if row.gain else None,
        advantage_per_1k=lead,
        assumption=row.gain.assumption if row.gain else None,
        gain=Threshold(None, reason=gone) if gone or lead is None else _gain(row, lead, notice),
        error_rate=Threshold(None, reason=gone) if gone or lead is None else _error_rate(row, lead, error_cost, notice),
        p99_ms=_p99(limit, notice),
        cost=Threshold(None, reason=gone) if gone or lead is None else _cost(row, lead),
        error_cost_per_row=error_cost,
        p99_source=source,
    )


def _why_none(lead: float | None, currency: str | None) -> str | None:
    if lead is None or not math.isfinite(lead):
        return "not known, it needs a champion, a price sheet and a business rule (price=NAME gain=NAME)"
    if lead <= 0:
        return f"there is no advantage to lose: net {money(lead, signed=True)} {currency} per 1,000 predictions against the champion"
    return None


def _gain(row: ComparisonRow, lead: float, notice: Notice | None) -> Threshold:
    assert row.gain is not None
    today, limit = row.gain.gain_per_1k, row.gain.gain_per_1k - lead
    deviation = row.gain.se_per_1k * math.sqrt(row.gain.n_rows) / 1000  # of one row
    n = notice.of_mean(today / 1000, limit / 1000, deviation) if notice and row.gain.n_rows > 1 else None
    return Threshold(limit, today, "of the gain from today's down to break-even", n)


def _error_rate(row: ComparisonRow, lead: float, error_cost: float | None, notice: Notice | None) -> Threshold:
    accuracy = row.metric("accuracy")
    if accuracy is None or math.isnan(accuracy.value):
        return Threshold(None, reason="not known, it needs the metric accuracy")
    today = 1 - accuracy.value
    if error_cost is None or not math.isfinite(error_cost):
        return Threshold(None, today, reason="not known, the business rule does not say what one more wrong decision costs")
    limit = today + lead / (1000 * error_cost) if error_cost > 0 else math.inf
    if limit >= 1:
        return Threshold(None, today, reason="there is none: not even wrong decisions alone would take the whole advantage")
    n = notice.of_share(today, limit) if notice else None
    return Threshold(limit, today, "of the error rate from today's up to break-even", n)


def _cost(row: ComparisonRow, lead: float) -> Threshold:
    assert row.cost is not None
    assert row.cost.cost_per_1k is not None
    return Threshold(row.cost.cost_per_1k + lead, row.cost.cost_per_1k, note="a sum, and no sample: no number of predictions is needed")


def _p99(limit: float | None, notice: Notice | None) -> Threshold:
    if limit is None:
        return Threshold(None, reason="no limit, the review has no latency gate and the price no slo_ms")
    n = notice.of_share(_P99_SHARE, _P99_SHARE_BAD) if notice else None
    return Threshold(limit, deterioration="from 1 % to 2 % of requests above the limit", n_predictions=n)


def _p99_limit(signoff: Signoff, row: ComparisonRow) -> tuple[float | None, str | None]:
    """Find the limit of the latency gate, of several the strictest; without one the service level that the cost holds."""
    gates = [g for v in signoff.verdicts if v.variant == row.variant for g in v.gates]
    limits = [g.limit_value for g in gates if g.limit_on == _P99 and g.limit_value is not None]
    if limits:
        return min(limits), "the review's latency gate"
    slo = row.cost.slo_ms if row.cost else None
    return slo, None if slo is None else "price.slo_ms"
