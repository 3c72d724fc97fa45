"""The files of a proposed configuration, as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.records.conf import Threshold
from harness.records.onboarding import Proposal


def replay_yaml(proposal: Proposal, path: str) -> str:
    """Return `replay/NAME.yaml`."""
    p = proposal
    lines = [
        f"# The log '{p.name}', proposed by harness init from a first look: check label, positive and the periods.",
        f"name: {p.name}",
        f"path: {json.dumps(path)}",
        "task: binary",
        f"label: {json.dumps(p.label)}",
        f"positive: {json.dumps(p.positive, default=float)}",
        f"features: {json.dumps(list(p.features))}   # in the models' input order",
        f"timestamp: {json.dumps(p.timestamp)}",
        "slices:",
        f"  columns: {json.dumps(list(p.slices))}",
        "  crosses: []",
        f"windows: {json.dumps(p.windows)}",
        f"id: {json.dumps(p.id)}",
    ]
    if p.score:
        lines.append(f"production: {{score: {json.dumps(p.score)}}}")
    lines.append("training: null   # what the models learned from, as {before: 2025-01-01}: those rows are not judged")
    if p.reference_from and p.reference_until:
        lines += [
            f"reference: {{from: {p.reference_from}, until: {p.reference_until}}}",
            "tuning: reference   # where thresholds are chosen",
        ]
    else:
        lines += ["reference: null", "tuning: null"]
    if p.timestamp:
        lines.append("label_maturity: {age: 0d, as_of: null}   # raise age when outcomes arrive late")
    return "\n".join(lines) + "\n"


def model_yaml(name: str, path: str, precision: str, transform: str, inputs: Mapping[str, Sequence[str]], output: str | None) -> str:
    """Return `model/NAME.yaml` of an ONNX file."""
    lines = [
        f"# Variant {name}: proposed by harness init.",
        f"name: {name}",
        "source: onnx",
        f"path: {json.dumps(path)}",
        f"precision: {precision}",
        f"output: {json.dumps(output)}",
        f"transform: {transform}",
        f"threshold: {Threshold(value=0.5).value}",
        "trained_until: null   # set it: rows before it are not judged for this variant; unknown leaves lineage UNDECIDED",
    ]
    if inputs:
        lines.append("inputs:")
        lines += [f"  {json.dumps(k)}: {{columns: {json.dumps(list(v))}}}" for k, v in inputs.items()]
    return "\n".join(lines) + "\n"


def logged_yaml(name: str, column: str) -> str:
    """Return `model/NAME.yaml` of the score that the log holds."""
    return (
        f"# What production answered: the log's column '{column}'.\nname: {name}\nsource: logged\ncolumn: {json.dumps(column)}\n"
        "threshold: 0.5\ntrained_until: null\n"
    )


def sweep_yaml(name: str, variants: Sequence[str], champion: str) -> str:
    """Return `sweep/NAME.yaml`."""
    return (
        "# @package _global_\n"
        f"# All variants of {name}, proposed by harness init; champion is the one that runs today.\n"
        f"defaults:\n  - override /replay: {name}\n"
        f"name: {name}\nchampion: {champion}\nparams:\n  model: [{', '.join(variants)}]\n"
    )
