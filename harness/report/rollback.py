"""When to roll a model back: thresholds for the runbook and for Prometheus."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from harness.records.comparison import Comparison
from harness.records.conf import VariantConf
from harness.records.evidence import Signoff

_P99 = "latency_single_p99_ms"


@dataclass(frozen=True)
class Rollback:
    """What the runbook knows of the variant that a sign-off is about; None where it is not known.

    Its gain is at break-even where it equals `champion_net_per_1k` + `cost_per_1k`: below that the champion brings more.
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
    p99_limit_ms: float | None

    @property
    def has_break_even(self) -> bool:
        """Whether the break-even gain is known."""
        return self.champion_net_per_1k is not None and self.cost_per_1k is not None and self.gain_per_1k is not None


def rollback(signoff: Signoff, comparison: Comparison, variants: Sequence[VariantConf]) -> Rollback | None:
    """Gather the thresholds of the variant that decided the review, or of the candidate; None where there is neither."""
    name = signoff.decided_by or signoff.candidate
    row = next((r for r in comparison.rows if r.variant == name), None)
    if name is None or row is None:
        return None
    champion = next((r for r in comparison.rows if r.variant == signoff.champion), None)
    conf = next((v for v in variants if v.label == name), None)
    return Rollback(
        variant=name,
        owner=conf.owner if conf else None,
        fallback=conf.fallback if conf else None,
        kpi=conf.kpi if conf else None,
        currency=row.currency,
        baseline=row.gain.baseline if row.gain else None,
        champion_net_per_1k=champion.net_per_1k if champion else None,
        cost_per_1k=row.cost.cost_per_1k if row.cost else None,
        gain_per_1k=row.gain.gain_per_1k if row.gain else None,
        p99_limit_ms=_p99_limit(signoff, name),
    )


def alerts(known: Rollback | None, sweep: str) -> str:
    """Write Prometheus alerting rules for the thresholds that are known.

    The metric names are ours to choose and yours to change: `model_gain_per_1k{model}`, the gain of observed decisions against the
    same baseline, and the histogram `model_request_duration_seconds{model}`.
    """
    head = (
        f"# Roll-back alerts for Prometheus, written by the sign-off of sweep {json.dumps(sweep)}; see runbook.md.\n"
        "# Metric names to adapt: model_gain_per_1k and model_request_duration_seconds_bucket, both labelled by model.\n"
    )
    rules = _rules(known) if known else []
    groups = [{"name": f"rollback {known.variant}", "rules": rules}] if known and rules else []
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=200)


def _rules(known: Rollback) -> list[dict[str, object]]:
    label = f"{{model={json.dumps(known.variant, ensure_ascii=False)}}}"
    rules = []
    if known.has_break_even:
        limit = f"({known.champion_net_per_1k!r} + {known.cost_per_1k!r})"  # Prometheus adds: the champion's net and this model's cost
        summary = f"Gain per 1,000 predictions ({known.currency}) is below break-even with {known.fallback or 'the champion'}"
        rules.append(_rule("ModelGainBelowBreakEven", f"avg_over_time(model_gain_per_1k{label}[1d]) < {limit}", "6h", summary))
    if known.p99_limit_ms is not None:
        p99 = f"1000 * histogram_quantile(0.99, sum by (le) (rate(model_request_duration_seconds_bucket{label}[10m])))"
        summary = f"p99 latency is above {known.p99_limit_ms:.12g} ms"
        rules.append(_rule("ModelLatencyP99AboveLimit", f"{p99} > {known.p99_limit_ms:.12g}", "10m", summary))
    return rules


def _rule(name: str, expression: str, during: str, summary: str) -> dict[str, object]:
    annotations = {"summary": summary, "runbook": "runbook.md"}
    return {"alert": name, "expr": expression, "for": during, "labels": {"severity": "page"}, "annotations": annotations}


def _p99_limit(signoff: Signoff, variant: str) -> float | None:
    """Find the limit of the latency gate; of several the strictest."""
    gates = [g for v in signoff.verdicts if v.variant == variant for g in v.gates]
    return min((g.limit_value for g in gates if g.limit_on == _P99 and g.limit_value is not None), default=None)
