from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from harness.records.comparison import Comparison, ComparisonRow, MetricSummary, RowAccount
from harness.records.conf import Deploy, Threshold, VariantConf
from harness.records.evidence import GateResult, Signoff, Verdict
from harness.records.measurement import Measurement, OperatingPoint
from harness.records.money import CostRow, GainRow
from harness.records.percentile import Percentile


def make_measurement(variant: str, **changes: Any) -> Measurement:
    latency = (Percentile(50.0, 0.0412, 0.04, 0.043, 2000, 20), Percentile(99.0, 0.123, 0.11, 0.14, 2000, 662))
    points = (
        OperatingPoint("single", 1, 2000, (2e4,), 2e4, 1.9e4, 2.1e4, latency),
        OperatingPoint("offline", 4096, 300, (1.25e6,), 1.25e6, 1.2e6, 1.3e6, ()),
    )
    base = Measurement(
        variant, "standard", "ok", None, "cpu", "AMD EPYC, 2 cores", 2, 0.1, 0.2, points, None, "unavailable", "vm", 1000, 0.0
    )
    return replace(base, **changes)


def make_row(variant: str, **changes: Any) -> ComparisonRow:
    base = ComparisonRow(
        variant=variant,
        status="ok",
        reason=None,
        precision="fp32",
        device="cpu",
        n_rows=273_853,
        metrics=(
            MetricSummary("auc", 0.81234, 0.8101, 0.8145, 0.0123, 0.0101, 0.0145),
            MetricSummary("brier", 0.1511, math.nan, math.nan, -0.002, -0.003, -0.001),
        ),
        worst_slice="carrier=OO",
        worst_slice_metric=0.7012,
        worst_slice_vs_champion=-0.0031,
        measurement=make_measurement(variant),
        cost=CostRow(variant, "USD", 0.00412, 0.004, 0.0043, 0.0018, 0.00412, None, 0.44, "log", "m7g.large", 61.2, 1, None, None),
        gain=GainRow(variant, "USD", "none", 12.4, 0.3, 1.5, 0.2, "example figures"),
        net_per_1k=12.3959,
        net_per_1k_ci_low=11.8,
        net_per_1k_ci_high=13.0,
        currency="USD",
        pareto=True,
        verdict="PASS",
        net_vs_champion=12.3959 - 10.9,
    )
    return replace(base, **changes)


def make_comparison(*rows: ComparisonRow, **changes: Any) -> Comparison:
    champion = make_row(
        "logistic", verdict="champion", net_per_1k=10.9, net_per_1k_ci_low=10.4, net_per_1k_ci_high=11.4, net_vs_champion=None
    )
    champion = replace(champion, metrics=(MetricSummary("auc", 0.8001, 0.7979, 0.8023, None, None, None),))
    bare = make_row("mlp_wide[precision=int8]", measurement=None, cost=None, gain=None, currency=None, pareto=None, verdict="UNDECIDED")
    bare = replace(bare, net_per_1k=None, net_per_1k_ci_low=None, net_per_1k_ci_high=None, worst_slice=None, worst_slice_metric=None)
    failed = make_row("broken", status="invalid", reason="12 scores are NaN", metrics=(), n_rows=None, verdict="invalid")
    base = Comparison(
        name="flights",
        champion="logistic",
        account=RowAccount(327_346, 273_853, (("in the training period", 50_993), ("without a label", 2_500), ("too young", 0))),
        parity="replay reproduces production: 0 of 273,853 rows beyond 1e-05",
        training_note="no judged row was trained on",
        rows=rows or (champion, make_row("gbdt_small"), bare, failed),
        headline_metrics=("auc",),
        notes=("the price sheet is 120 days old",),
        next_command="harness signoff results/flights review=flights candidate=gbdt_small",
    )
    return replace(base, **changes)


def make_conf(label: str, **changes: Any) -> VariantConf:
    base = VariantConf(
        label, label, "onnx", "m.onnx", None, "fp32", None, "none", (), None, Threshold(0.5), None, Deploy(), "cpu",
        owner="risk-ml", use_case="late flights", kpi="missed connections", fallback="logistic, by the flag use_gbdt",
    )  # fmt: skip
    return replace(base, **changes)


def make_signoff(**changes: Any) -> Signoff:
    name = "gbdt_small"
    gates = (
        GateResult(
            "non_inferiority_auc", name, "PASS", 0.0101, "auc not worse by 0.01 in 1 named slice", "auc is fine", ("all (n 1) +0.01",)
        ),
        GateResult("net_gain", name, "WAIVED", None, "net > 0", "waived by A. Risk on 2026-03-01: pilot"),
        GateResult(
            "p99_latency", name, "PASS", 0.123, "p99 <= 50 ms", "p99 is 0.123 ms", limit_value=50.0, limit_on="latency_single_p99_ms"
        ),
    )
    other = (
        GateResult("non_inferiority_auc", "mlp_wide[precision=int8]", "FAIL", -0.1, "auc", "auc is worse"),
        GateResult("net_gain", "mlp_wide[precision=int8]", "UNDECIDED", math.nan, "net > 0", "gain was not measured"),
    )
    found = (Verdict(name, "PASS", gates), Verdict("mlp_wide[precision=int8]", "FAIL", other))
    base = Signoff("standard", "flights", "logistic", None, name, "PASS", 0, found, "gbdt_small: passes all 3 gates")
    return replace(base, **changes)


@pytest.fixture(name="row")
def _row():
    return make_row


@pytest.fixture(name="measured")
def _measured():
    return make_measurement


@pytest.fixture(name="comparison")
def _comparison():
    return make_comparison


@pytest.fixture(name="conf")
def _conf():
    return make_conf


@pytest.fixture(name="signoff")
def _signoff():
    return make_signoff
