"""`alerts.yaml`: the thresholds of a roll-back as alerting rules for Prometheus."""

from __future__ import annotations

import json

import yaml

from harness.report.numbers import percent
from harness.report.rollback import Rollback, Threshold


def alerts(known: Rollback | None, sweep: str) -> str:
    """Write Prometheus alerting rules for the thresholds that are known.

    The metric names are ours to choose and yours to change: the gauges `model_gain_per_1k{model}`, the gain of observed decisions against
    the same baseline, `model_error_rate{model}` and `model_cost_per_1k{model}`, and the histogram `model_request_duration_seconds{model}`.
    """
    head = (
        f"# Roll-back alerts for Prometheus, written by the sign-off of sweep {json.dumps(sweep)}; see runbook.md.\n"
        "# Metric names to adapt: model_gain_per_1k, model_error_rate, model_cost_per_1k and model_request_duration_seconds_bucket,\n"
        "# all labelled by model. Where predictions are counted: a shorter stretch than so many may miss the change.\n"
    )
    rules = _rules(known) if known else []
    groups = [{"name": f"rollback {known.variant}", "rules": rules}] if known and rules else []
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=200)


def _rules(known: Rollback) -> list[dict[str, object]]:
    label = f"{{model={json.dumps(known.variant, ensure_ascii=False)}}}"
    assumed = f" ({known.assumption})" if known.assumption else ""
    rules = []
    if known.gain.limit is not None:
        summary = f"Gain per 1,000 predictions ({known.currency}) is below break-even with {known.fallback or 'the champion'}{assumed}"
        expression = f"avg_over_time(model_gain_per_1k{label}[1d]) < {known.gain.limit:.12g}"
        rules.append(_rule("ModelGainBelowBreakEven", expression, "6h", summary, known.gain))
    if known.error_rate.limit is not None:
        summary = f"Error rate is above {percent(known.error_rate.limit)}, where the advantage is gone{assumed}"
        expression = f"avg_over_time(model_error_rate{label}[1d]) > {known.error_rate.limit:.12g}"
        rules.append(_rule("ModelErrorRateAboveBreakEven", expression, "6h", summary, known.error_rate))
    if known.p99_ms.limit is not None:
        p99 = f"1000 * histogram_quantile(0.99, sum by (le) (rate(model_request_duration_seconds_bucket{label}[10m])))"
        summary = f"p99 latency is above {known.p99_ms.limit:.12g} ms"
        rules.append(_rule("ModelLatencyP99AboveLimit", f"{p99} > {known.p99_ms.limit:.12g}", "10m", summary, known.p99_ms))
    if known.cost.limit is not None:
        summary = f"Cost per 1,000 predictions ({known.currency}) is above break-even{assumed}"
        expression = f"avg_over_time(model_cost_per_1k{label}[1d]) > {known.cost.limit:.12g}"
        rules.append(_rule("ModelCostAboveBreakEven", expression, "6h", summary, known.cost))
    return rules


def _rule(name: str, expression: str, during: str, summary: str, threshold: Threshold) -> dict[str, object]:
    annotations = {"summary": _plain(summary), "noticed": _plain(threshold.noticed), "runbook": "runbook.md"}
    return {"alert": name, "expr": expression, "for": during, "labels": {"severity": "page"}, "annotations": annotations}


def _plain(text: str) -> str:
    """Write text so that Prometheus, which reads annotations as templates, shows it as it is."""
    return text.replace("{{", '{{"{{"}}')
