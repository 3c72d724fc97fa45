"""A sign-off as JUnit XML, for the CI systems that read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from harness.records.evidence import FAIL, PASS, UNDECIDED, WAIVED, GateResult, Signoff

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(signoff: Signoff) -> str:
    """Write one test suite per challenger and one test case per gate.

    FAIL and UNDECIDED are both failures, told apart by `type`: CI systems show a skipped test as green, and what is not decided
    must not look so. WAIVED is skipped, with who waived it and why. Where no gate failed but the sign-off did not pass, a suite
    `signoff` says so: an empty file would be green.
    """
    root = ET.Element("testsuites", name=_clean(f"{signoff.sweep}: {signoff.review}"))
    for verdict in signoff.verdicts:
        _suite(root, verdict.variant, verdict.gates, f"{signoff.review}.{verdict.variant}")
    blamed = any(g.status in (FAIL, UNDECIDED) for v in signoff.verdicts for g in v.gates)
    if signoff.exit_code and not blamed:
        status = UNDECIDED if signoff.status == PASS else signoff.status
        _suite(root, "signoff", [GateResult("verdict", "signoff", status, None, "", signoff.reason)], signoff.review)
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, gates: Sequence[GateResult], class_name: str) -> None:
    suite = ET.SubElement(root, "testsuite", name=_clean(name), tests=str(len(gates)), errors="0")
    suite.set("failures", str(sum(g.status not in (PASS, WAIVED) for g in gates)))
    suite.set("skipped", str(sum(g.status == WAIVED for g in gates)))
    for gate in gates:
        _case(suite, gate, class_name)


def _case(suite: ET.Element, gate: GateResult, class_name: str) -> None:
    case = ET.SubElement(suite, "testcase", name=_clean(gate.gate), classname=_clean(class_name))
    text = _clean("\n".join((gate.sentence, f"limit: {gate.limit}", *gate.details)))
    if gate.status == WAIVED:
        ET.SubElement(case, "skipped", message=_clean(gate.sentence))
    elif gate.status != PASS:
        ET.SubElement(case, "failure", type=gate.status, message=_clean(gate.sentence)).text = text
    else:
        ET.SubElement(case, "system-out").text = text


def _clean(text: str) -> str:
    """Take out control characters, which no XML file may hold."""
    return _NOT_XML.sub("", text)
