from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
import yaml

from harness.records.evidence import GateResult, Verdict
from harness.report.signoff_pages import pages

EVIL = "<b>x</b>\"'&|"


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.links += [str(v) for k, v in attrs if k in ("src", "href")]


def written(signoff, comparison, conf, **changes):
    return pages(signoff(**changes), comparison(), [conf("gbdt_small"), conf("logistic")])


def test_every_file_of_a_review_is_written_and_twice_the_same(signoff, comparison, conf) -> None:
    files = written(signoff, comparison, conf)
    assert sorted(files) == ["alerts.yaml", "runbook.md", "signoff.html", "signoff.json", "signoff.md", "signoff.xml"]
    assert files == written(signoff, comparison, conf)
    assert all(text.endswith("\n") for text in files.values())


def test_the_page_needs_nothing_from_elsewhere_and_holds_gates_table_and_lines(signoff, comparison, conf) -> None:
    page = written(signoff, comparison, conf)["signoff.html"]
    tags = Tags(page)
    assert not {"script", "link", "img", "iframe"} & set(tags.seen)
    assert tags.links == []
    assert not re.search(r"https?:|@import|url\(", page)
    for wanted in (
        "p99 &lt;= 50 ms",
        "waived by A. Risk",
        "0.8123",
        "KPI missed connections",
        "273,853 of 327,346",
        "no price sheet: price=NAME",
    ):
        assert wanted in page


def test_names_are_escaped_everywhere(signoff, comparison, row, conf) -> None:
    bad = Verdict(EVIL, "FAIL", (GateResult(EVIL, EVIL, "FAIL", None, EVIL, EVIL, (EVIL,)),))
    done = signoff(verdicts=(bad,), decided_by=EVIL, sweep=EVIL, reason=EVIL, review=EVIL, champion=EVIL + "2", candidate=EVIL)
    files = pages(
        done,
        comparison(row(EVIL + "2", net_per_1k=1.0), row(EVIL), name=EVIL, notes=(EVIL,), parity=EVIL, training_note=EVIL),
        [conf(EVIL, owner=EVIL, fallback=EVIL)],
    )
    assert "b" not in Tags(files["signoff.html"]).seen
    assert "&lt;b&gt;x" in files["signoff.html"]
    assert not re.search(r"(?<!\\)<b>", files["signoff.md"] + files["runbook.md"])
    assert ET.fromstring(files["signoff.xml"].split("\n", 1)[1]).find("testsuite").get("name") == EVIL
    assert yaml.safe_load(files["alerts.yaml"])["groups"][0]["name"] == f"rollback {EVIL}"
    assert json.loads(files["signoff.json"])["decided_by"] == EVIL


def test_junit_has_a_case_per_gate_and_nothing_undecided_is_green(signoff, comparison, conf) -> None:
    root = ET.fromstring(written(signoff, comparison, conf)["signoff.xml"].split("\n", 1)[1])
    found = {(s.get("name"), c.get("name")): [(e.tag, e.get("type")) for e in c] for s in root for c in s}
    other = "mlp_wide[precision=int8]"
    assert found == {
        ("gbdt_small", "non_inferiority_auc"): [("system-out", None)],
        ("gbdt_small", "net_gain"): [("skipped", None)],
        ("gbdt_small", "p99_latency"): [("system-out", None)],
        (other, "non_inferiority_auc"): [("failure", "FAIL")],
        (other, "net_gain"): [("failure", "UNDECIDED")],
    }
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("5", "2", "1")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"verdicts": (), "status": "UNDECIDED", "exit_code": 3, "reason": "no champion"}, "UNDECIDED"),
        ({"verdicts": (), "status": "PASS", "exit_code": 4, "reason": "1 variant failed"}, "UNDECIDED"),
    ],
)
def test_junit_without_a_failed_gate_is_red_where_the_signoff_did_not_pass(signoff, comparison, conf, changes, kind: str) -> None:
    root = ET.fromstring(written(signoff, comparison, conf, **changes)["signoff.xml"].split("\n", 1)[1])
    failure = root.find("testsuite/testcase/failure")
    assert (failure.get("type"), failure.get("message"), root.get("failures")) == (kind, changes["reason"], "1")


def test_control_characters_do_not_break_the_xml(signoff, comparison, conf) -> None:
    bad = Verdict("v\x00\x1b[1m", "FAIL", (GateResult("g", "v", "FAIL", None, "", "a\x0bb"),))
    root = ET.fromstring(written(signoff, comparison, conf, verdicts=(bad,))["signoff.xml"].split("\n", 1)[1])
    assert root.find("testsuite").get("name") == "v[1m"


def test_json_tells_an_undefined_figure_from_one_that_was_not_measured(signoff, comparison, conf) -> None:
    data = json.loads(written(signoff, comparison, conf)["signoff.json"])
    assert data["verdicts"][1]["gates"][1]["value"] == "NaN"
    assert data["verdicts"][0]["gates"][1]["value"] is None
    assert (data["status"], data["exit_code"], math.isclose(data["verdicts"][0]["gates"][0]["value"], 0.0101)) == ("PASS", 0, True)


def test_runbook_names_owner_fallback_and_thresholds(signoff, comparison, conf) -> None:
    text = written(signoff, comparison, conf)["runbook.md"]
    for wanted in ("risk-ml", "logistic, by the flag use_gbdt", "10.9041 USD per 1,000", "exceeds 50 ms", "missed connections"):
        assert wanted in text


def test_runbook_says_what_is_not_known(signoff, comparison, row, conf) -> None:
    bare = row("gbdt_small", cost=None, gain=None, net_per_1k=None, net_vs_champion=None)
    verdict = Verdict("gbdt_small", "PASS", ())
    files = pages(signoff(verdicts=(verdict,)), comparison(bare), [conf("gbdt_small", owner=None, fallback=None, kpi=None)])
    for wanted in ("set model.owner", "set model.fallback", "break-even gain: not known", "p99 latency: no limit"):
        assert wanted in files["runbook.md"]
    assert yaml.safe_load(files["alerts.yaml"]) == {"groups": []}


def test_with_nobody_decided_there_is_nothing_to_roll_back(signoff, comparison, conf) -> None:
    files = written(signoff, comparison, conf, decided_by=None, candidate=None, status="UNDECIDED")
    assert "nothing to roll back" in files["runbook.md"]
    assert yaml.safe_load(files["alerts.yaml"]) == {"groups": []}


def test_alerts_are_prometheus_rules_on_the_thresholds(signoff, comparison, conf) -> None:
    (group,) = yaml.safe_load(written(signoff, comparison, conf)["alerts.yaml"])["groups"]
    gain, latency, cost = group["rules"]
    assert gain["expr"] == 'avg_over_time(model_gain_per_1k{model="gbdt_small"}[1d]) < 10.9041'
    assert latency["expr"].startswith("1000 * histogram_quantile(0.99, sum by (le) (rate(model_request_duration_seconds_bucket")
    assert latency["expr"].endswith(" > 50")
    assert cost["expr"] == 'avg_over_time(model_cost_per_1k{model="gbdt_small"}[1d]) > 1.50002'
    assert all({"alert", "expr", "for", "labels", "annotations"} == set(rule) for rule in group["rules"])


def test_the_latency_limit_is_read_as_a_number_never_from_a_sentence(signoff, comparison, conf) -> None:
    texts = [GateResult("mine", "gbdt_small", "PASS", 1.0, "p99 <= 7 ms", "p99 <= 7 ms")]
    other = GateResult("cost", "gbdt_small", "PASS", 1.0, "cost", "cheap", limit_value=3.0, limit_on="cost_per_1k")
    limits = [
        GateResult("p99", "gbdt_small", "PASS", 1.0, "", "", limit_value=v, limit_on="latency_single_p99_ms") for v in (40.0, 12.3456789)
    ]

    def rules(*gates: GateResult) -> list[str]:
        files = written(signoff, comparison, conf, verdicts=(Verdict("gbdt_small", "PASS", gates),))
        (group,) = yaml.safe_load(files["alerts.yaml"])["groups"]
        return [rule["expr"] for rule in group["rules"] if rule["alert"] == "ModelLatencyP99AboveLimit"]

    assert rules(*texts, other) == []
    (rule,) = rules(*texts, other, *limits)
    assert rule.endswith(" > 12.3456789"), "the strictest, with all its digits"


def test_markdown_tables_survive_a_bar_in_a_sentence(signoff, comparison, conf) -> None:
    base = signoff()
    bar = Verdict("v", "FAIL", (GateResult("g", "v", "FAIL", None, "a | b", "c | d"),))
    text = pages(replace(base, verdicts=(bar,)), comparison(), [])["signoff.md"]
    assert "| g | FAIL | a \\| b | c \\| d |" in text
