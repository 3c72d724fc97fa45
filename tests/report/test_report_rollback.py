"""Thresholds: where the advantage is zero, how many predictions notice, and what runbook and alerts make of them."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.requests_to_notice import requests_to_notice, requests_to_notice_share
from harness.records.comparison import MetricSummary
from harness.records.evidence import Verdict
from harness.report.alerts import alerts
from harness.report.rollback import Notice, rollback
from harness.report.signoff_pages import pages
from tests.report.conftest import make_comparison, make_conf, make_row, make_signoff

NOTICE = Notice(requests_to_notice, requests_to_notice_share)
ERROR_COST = {"gbdt_small": 0.05}
GAIN, CHAMPION_NET, COST = 12.4, 10.9, 0.00412


def row_of(**changes):
    base = make_row("gbdt_small")
    gain = replace(base.gain, gain_per_1k=GAIN, se_per_1k=0.3, n_rows=40_000)
    accuracy = MetricSummary("accuracy", 0.9, 0.89, 0.91, None, None, None)
    return replace(base, gain=gain, net_per_1k=GAIN - COST, metrics=(*base.metrics, accuracy), **changes)


def world(row=None, champion_net: float | None = CHAMPION_NET, **changes):
    own = row or row_of()
    lead = None if champion_net is None or own.net_per_1k is None else own.net_per_1k - champion_net
    return make_comparison(replace(make_row("logistic"), net_per_1k=champion_net), replace(own, net_vs_champion=lead), **changes)


def known(row=None, signoff=None, error_costs=ERROR_COST, notice=NOTICE, champion_net: float | None = CHAMPION_NET):
    return rollback(signoff or make_signoff(), world(row, champion_net), [make_conf("gbdt_small")], error_costs, notice)


def test_at_each_threshold_alone_the_nets_are_equal() -> None:
    found = known()
    assert found.gain.limit - COST == pytest.approx(CHAMPION_NET)
    assert GAIN - found.cost.limit == pytest.approx(CHAMPION_NET)
    more_errors_per_1k = 1000 * (found.error_rate.limit - (1 - 0.9))
    assert GAIN - more_errors_per_1k * 0.05 - COST == pytest.approx(CHAMPION_NET)
    assert (found.error_rate.today, found.cost.today, found.gain.today) == (pytest.approx(0.1), COST, GAIN)


@given(se=st.floats(0.001, 10), n=st.integers(2, 10**7))
def test_thresholds_do_not_depend_on_how_many_rows_were_judged(se: float, n: int) -> None:
    row = row_of()
    other = known(replace(row, gain=replace(row.gain, se_per_1k=se, n_rows=n)))
    assert [t.limit for t in (other.gain, other.error_rate, other.cost)] == [
        t.limit for t in (known().gain, known().error_rate, known().cost)
    ]
    deviation = se * math.sqrt(n) / 1000
    assert other.gain.n_predictions == requests_to_notice(GAIN / 1000, other.gain.limit / 1000, deviation)


def test_how_many_predictions_notice_is_said_of_each_deterioration_in_words() -> None:
    found = known()
    sd = 0.3 * 200 / 1000
    z = (1.6448536 + 0.8416212) ** 2
    assert found.gain.n_predictions == math.ceil(z * (sd / (found.advantage_per_1k / 1000)) ** 2)
    assert found.p99_ms.n_predictions == 793
    assert found.error_rate.n_predictions == requests_to_notice_share(found.error_rate.today, found.error_rate.limit)
    assert found.cost.n_predictions is None
    assert "from today's down to break-even is noticed with power .8 at alpha .05 by" in found.gain.noticed
    assert found.p99_ms.noticed == (
        "a change from 1 % to 2 % of requests above the limit is noticed with power .8 at alpha .05 by 793 predictions"
    )
    assert "up to break-even" in found.error_rate.noticed
    assert found.cost.noticed == "a sum, and no sample: no number of predictions is needed"
    assert known(notice=None).gain.noticed.endswith("is not known")


@pytest.mark.parametrize("gain", [{"n_rows": 0}, {"n_rows": 1}, {"se_per_1k": math.nan}])
def test_without_a_standard_deviation_no_number_is_made_up(gain) -> None:
    row = row_of()
    found = known(replace(row, gain=replace(row.gain, **gain)))
    assert found.gain.limit is not None
    assert found.gain.n_predictions is None


@pytest.mark.parametrize("champion_net", [12.4 - COST, 13.0])
def test_without_an_advantage_there_is_nothing_to_fall_back_from(champion_net: float) -> None:
    found = known(champion_net=champion_net)
    for threshold in (found.gain, found.error_rate, found.cost):
        assert threshold.limit is None
        assert threshold.reason.startswith("there is no advantage to lose: net ")
    rules = yaml.safe_load(alerts(found, "s"))["groups"][0]["rules"]
    assert [rule["alert"] for rule in rules] == ["ModelLatencyP99AboveLimit"]


@pytest.mark.parametrize("champion_net", [None, math.nan])
def test_without_two_nets_nothing_is_known(champion_net: float | None) -> None:
    assert known(champion_net=champion_net).gain.reason.startswith("not known, it needs a champion, a price sheet and a business rule")


def test_an_error_rate_without_a_limit_says_why() -> None:
    bare = row_of()
    bare = replace(bare, metrics=bare.metrics[:-1])
    assert known(bare).error_rate.reason == "not known, it needs the metric accuracy"
    for costs in (None, {}, {"gbdt_small": None}, {"gbdt_small": math.nan}):
        found = known(error_costs=costs).error_rate
        assert (found.limit, found.today) == (None, pytest.approx(0.1))
        assert found.reason == "not known, the business rule does not say what one more wrong decision costs"
    for cost in (1e-9, 0.0, -1.0):
        assert known(error_costs={"gbdt_small": cost}).error_rate.reason.startswith("there is none: not even wrong decisions alone")


def test_the_latency_limit_is_the_gates_else_the_service_level() -> None:
    slo = row_of(cost=replace(make_row("gbdt_small").cost, slo_ms=35.0))
    assert (known(slo).p99_ms.limit, known(slo).p99_source) == (50.0, "the review's latency gate")
    bare = make_signoff(verdicts=(Verdict("gbdt_small", "PASS", ()),))
    assert (known(slo, bare).p99_ms.limit, known(slo, bare).p99_source) == (35.0, "price.slo_ms")
    assert known(None, bare).p99_ms.reason == "no limit, the review has no latency gate and the price no slo_ms"


def _without_texts(expression: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)


def _is_balanced(expression: str) -> bool:
    closes = {")": "(", "}": "{", "]": "["}
    stack: list[str] = []
    for character in _without_texts(expression):
        if character in "([{":
            stack.append(character)
        elif character in closes and (not stack or stack.pop() != closes[character]):
            return False
    return not stack


@pytest.mark.parametrize("name", ["gbdt_small", 'm(]"}\\', "mlp[precision=int8]", "{{ .Labels }}", "Ä€"])
def test_every_alert_is_a_balanced_expression_of_a_file_that_parses(name: str) -> None:
    row = replace(row_of(), variant=name)
    gates = tuple(replace(g, variant=name) for g in make_signoff().verdicts[0].gates)
    done = make_signoff(decided_by=name, verdicts=(Verdict(name, "PASS", gates),))
    conf = make_conf(name, fallback="{{ logistic }}")
    (group,) = yaml.safe_load(alerts(rollback(done, world(row), [conf], {name: 0.05}, NOTICE), "s"))["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [
        *("ModelGainBelowBreakEven", "ModelErrorRateAboveBreakEven", "ModelLatencyP99AboveLimit", "ModelCostAboveBreakEven")
    ]
    for rule in group["rules"]:
        assert _is_balanced(rule["expr"]), rule["expr"]
        assert re.search(r"[<>] [\d(.]", rule["expr"])
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert set(rule["annotations"]) == {"summary", "noticed", "runbook"}
        assert all("{{" not in text.replace('{{"{{"}}', "") for text in rule["annotations"].values()), "no template of Prometheus"
    assert not _is_balanced("rate(x[5m)]"), "the check can fail"
    limit = float(group["rules"][3]["expr"].rpartition("> ")[2])
    assert limit == pytest.approx(GAIN - CHAMPION_NET)


def test_the_runbook_says_each_threshold_and_what_notices_it() -> None:
    row = row_of()
    assumed = replace(row, gain=replace(row.gain, assumption="linear: x | y"))
    text = pages(make_signoff(), world(assumed), [make_conf("gbdt_small")], ERROR_COST, NOTICE)["runbook.md"]
    bullets = [line for line in text.splitlines() if line.startswith("- ")]
    assert [b.partition("**")[2].partition("**")[0] for b in bullets] == [
        *("gain falls to break-even", "error rate rises to break-even"),
        *("p99 latency of single requests exceeds 50 ms", "cost rises to break-even"),
    ]
    gain, error, p99, cost = bullets
    assert "10.9041 USD per 1,000" in gain
    assert "13 %" in error
    assert "one more wrong decision costs 0.0500 USD on average" in error
    assert "by 793 predictions" in p99
    assert "1.50 USD per 1,000 predictions" in cost
    assert all("(linear: x \\| y)" in b for b in (gain, error, cost)), "beside every number that uses it"
    assert "linear" not in p99


def test_the_runbook_gives_the_reason_of_each_threshold_that_is_not_there() -> None:
    bare = replace(row_of(), gain=None, cost=None, net_per_1k=None)
    done = make_signoff(verdicts=(Verdict("gbdt_small", "PASS", ()),))
    text = pages(done, world(bare), [make_conf("gbdt_small")])["runbook.md"]
    for wanted in ("break-even gain: not known", "break-even error rate: not known", "p99 latency: no limit", "break-even cost: not known"):
        assert f"- {wanted}" in text
