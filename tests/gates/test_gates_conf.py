from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from harness.gain.value_matrix import ValueMatrix
from harness.gates.gate import Gate
from harness.plugins import build

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.mark.parametrize("file", sorted((CONF / "review").glob("*.yaml")), ids=lambda f: f.stem)
def test_every_shipped_review_builds_its_gates_under_names_of_their_own(file: Path) -> None:
    review = OmegaConf.to_container(OmegaConf.load(file), resolve=True)
    gates = [build(spec, "gates", f"gates.{key}") for key, spec in review["gates"].items()]
    assert review["name"] == file.stem
    assert all(isinstance(gate, Gate) for gate in gates)
    assert [gate.name for gate in gates] == list(review["gates"])


def test_the_example_gain_says_that_it_is_one() -> None:
    file = CONF / "gain" / "flights_example.yaml"
    rule = build(OmegaConf.to_container(OmegaConf.load(file)), "gain", "gain")
    assert isinstance(rule, ValueMatrix)
    assert "EXAMPLE" in file.read_text().splitlines()[0]
    assert rule.note == "example figures"
