from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from harness.gain.value_matrix import ValueMatrix
from harness.gates.contract import ContractKept
from harness.gates.drift import DriftWithin
from harness.gates.gate import Gate
from harness.gates.replay_parity import ReplayParity
from harness.plugins import build

CONF = Path(__file__).resolve().parents[2] / "conf"


@pytest.mark.parametrize("file", sorted((CONF / "review").glob("*.yaml")), ids=lambda f: f.stem)
def test_every_shipped_review_builds_its_gates_under_names_of_their_own(file: Path) -> None:
    review = OmegaConf.to_container(OmegaConf.load(file), resolve=True)
    gates = [build(spec, "gates", f"gates.{key}") for key, spec in review["gates"].items()]
    assert review["name"] == file.stem
    assert all(isinstance(gate, Gate) for gate in gates)
    assert [gate.name for gate in gates] == list(review["gates"])


@pytest.mark.parametrize("name", ["standard", "flights", "regression", "multiclass"])
def test_reviews_ask_for_the_contract_and_for_parity_where_they_were_measured(name: str) -> None:
    review = OmegaConf.to_container(OmegaConf.load(CONF / "review" / f"{name}.yaml"))
    gates = {key: build(spec, "gates", f"gates.{key}") for key, spec in review["gates"].items()}
    assert gates["contract"] == ContractKept(required=False)
    assert gates["replay_parity"] == ReplayParity(required=False, max_share=0.001)
    assert not any(isinstance(gate, DriftWithin) for gate in gates.values())


def test_the_example_gain_says_that_it_is_one() -> None:
    file = CONF / "gain" / "flights_example.yaml"
    rule = build(OmegaConf.to_container(OmegaConf.load(file)), "gain", "gain")
    assert isinstance(rule, ValueMatrix)
    assert "EXAMPLE" in file.read_text().splitlines()[0]
    assert rule.note == "example figures"
