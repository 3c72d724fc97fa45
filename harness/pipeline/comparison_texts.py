"""The lines above and below a comparison: parity, training, why a verdict is what it is, what else must be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.cost.price_sheet import Price
from harness.drift.parity import parity_sentence
from harness.pipeline.stored_variant import StoredVariant
from harness.records.conf import SweepConf
from harness.records.data_evidence import DataEvidence
from harness.records.evidence import FAIL, UNDECIDED, Verdict
from harness.records.log_findings import LogFindings
from harness.records.measurement import DECIDING_PROTOCOLS
from harness.report.drift_text import contract_line, contract_sentences, drift_line
from harness.runs.manifest import Manifest, StoredReplay

_SHOWN_SENTENCES = 3


def parity_text(conf: SweepConf, data: DataEvidence) -> str:
    """Say whether the replay reproduces what the live model computed."""
    if data.parity is None:
        return f"replay parity: not measured, {data.parity_reason or 'the champion was not scored with it'}"
    return parity_sentence(data.parity, data.windows)


def data_lines(findings: LogFindings | None, data: DataEvidence) -> tuple[str, ...]:
    """Say whether the log keeps its contract and which columns drifted."""
    if findings is None:
        return (f"contract and drift: not measured, {data.drift_reason}",)
    return (contract_line(findings), drift_line(findings))


def contract_notes(findings: LogFindings | None) -> tuple[str, ...]:
    """Say the first broken promises in full, and how many more there are."""
    sentences = contract_sentences(findings) if findings else []
    more = len(sentences) - _SHOWN_SENTENCES
    return (
        *(f"contract: {s}" for s in sentences[:_SHOWN_SENTENCES]),
        *([f"contract: {more} more in replay/findings.json"] if more > 0 else []),
    )


def training_text(variants: Sequence[StoredVariant], manifest: Manifest) -> str:
    """Say which judged rows a variant may have learned from."""
    if manifest.first_judged is None:
        return "training: not known which rows a model was trained on, the log has no time column (replay.timestamp)"
    unknown = [v.label for v in variants if v.run.trained_until is None]
    texts = []
    held_back = [f"{v.label} {v.run.n_in_training:,}" for v in variants if v.run.n_in_training]
    if held_back:
        texts.append(f"rows judged less for a variant that had learned from them, and in none of its pairs: {', '.join(held_back)}")
    if unknown:
        texts.append(f"training: not known of {', '.join(unknown)} (trained_until is not set), so judged rows may have been trained on")
    else:
        texts.append("no judged row was trained on by any variant")
    return "; ".join(texts)


def reasons(given: Sequence[Verdict]) -> list[str]:
    """Say of each challenger that does not pass which gate stands in the way."""
    found = []
    for verdict in given:
        gates = [g for g in verdict.gates if g.status == verdict.status]
        if verdict.status == FAIL and gates:
            found.append(f"{verdict.variant}: FAIL, {gates[0].gate}: {gates[0].sentence}")
        elif verdict.status == UNDECIDED and gates:
            found.append(f"{verdict.variant}: UNDECIDED on {', '.join(g.gate for g in gates)}")
    return found


def notes(
    conf: SweepConf, replay: StoredReplay, prices: Mapping[str, Price], variants: Sequence[StoredVariant], late_candidate: bool
) -> tuple[str, ...]:
    """Say what else a reader must know of the figures."""
    lines = list(replay.notes)
    lines += [price.warning for _, price in sorted(prices.items()) if price.warning]
    gain_note: str | None = getattr(conf.gain, "note", None)
    if gain_note:
        lines.append(f"gain: {gain_note}")
    if conf.price is not None and conf.price.requests_per_day is not None and replay.traffic is not None:
        lines.append(f"cost: the log's traffic scaled to {conf.price.requests_per_day:,.0f} requests a day (price.requests_per_day)")
    bounds = [float(t.bound[0]) for v in variants if (t := getattr(v.tally, "binned_auc", None)) is not None]
    if bounds:
        lines.append(
            f"auc: from bins of the score, as metrics.auc.method=binned asks, in memory that does not depend on the number of rows; over all"
            f" rows the exact value differs by at most {max(bounds):.2g}"
        )
    if late_candidate:
        lines.append(f"candidate {conf.candidate} was named after the sweep: its verdict is corrected for all challengers")
    places = sorted({m.measured_on for v in variants if (m := v.measurement) and m.device == "cuda" and m.points and m.measured_on})
    if len(places) > 1:
        lines.append(
            f"speed: variants were timed on different cards ({'; '.join(places)}), so their times and costs do not compare; use force=true"
        )
    weak = sorted({m.protocol for v in variants if (m := v.measurement) and m.points and m.protocol not in DECIDING_PROTOCOLS})
    lines += [f"speed: protocol {protocol}, a first look; gates on cost and latency stay UNDECIDED on it" for protocol in weak]
    return tuple(lines)


def next_command(root: Path, conf: SweepConf, by_variant: dict[str, str]) -> str:
    """Return the command to type next."""
    if conf.champion is None:
        return f"run again with champion={conf.variants[0].label} to compare on the same rows"
    if not by_variant:
        return "add a challenger, as model=NAME,OTHER, to compare on the same rows"
    return f"harness signoff {root} review={conf.review}"
