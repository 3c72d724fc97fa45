"""The demo's conf says what the demo builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from harness.demo.flights import FEATURES
from harness.demo.train import TRAINED_UNTIL

CONF = Path(__file__).parents[2] / "conf"
VARIANTS = ("logistic", "gbdt_small", "gbdt_large", "mlp_small", "mlp_wide", "mlp_wide_int8", "carrier_rate")


def load(option: str) -> Any:
    """Read one option with its own defaults list, resolved."""
    tree = OmegaConf.load(CONF / f"{option}.yaml")
    for parent in tree.pop("defaults", []):
        if parent != "_self_":
            tree = OmegaConf.merge(OmegaConf.load(CONF / "model" / f"{parent}.yaml"), tree)
    return OmegaConf.to_container(tree, resolve=True)


def test_features_stand_in_the_order_in_which_the_models_were_exported() -> None:
    assert load("replay/flights")["features"] == list(FEATURES)


def test_training_ends_where_reference_and_tuning_begin() -> None:
    replay = load("replay/flights")
    assert str(replay["training"]["before"]) == TRAINED_UNTIL
    assert replay["reference"] == {"from": "2013-03-01", "until": "2013-04-01"}
    assert replay["tuning"] == "reference"


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_is_named_as_its_file_and_says_who_answers_for_it(name: str) -> None:
    variant = load(f"model/{name}")
    assert variant["name"] == name
    assert str(variant["trained_until"]) == TRAINED_UNTIL
    assert all("example" in variant[key] for key in ("owner", "use_case", "kpi", "fallback"))


@pytest.mark.demo
@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "carrier_rate"])
def test_variant_names_a_file_that_is_built(name: str, demo_root: Path) -> None:
    variant = load(f"model/{name}")
    assert (demo_root / variant["path"]).is_file()
    assert variant["precision"] == ("int8" if name == "mlp_wide_int8" else "fp32")


def test_sweep_holds_every_variant_of_the_demo() -> None:
    tree = OmegaConf.to_container(OmegaConf.load(CONF / "sweep" / "flights.yaml"))
    assert isinstance(tree, dict)
    assert tree["params"]["model"] == list(VARIANTS)
    assert tree["champion"] in VARIANTS
    assert tree["model"]["threshold"] == {"maximise": "gain", "tuned_on": "tuning"}


@pytest.mark.parametrize("option", ["replay/flights", "sweep/flights", *(f"model/{name}" for name in VARIANTS)])
def test_first_line_says_what_it_is(option: str) -> None:
    first, second = (CONF / f"{option}.yaml").read_text().splitlines()[:2]
    comment = second if first.startswith("# @package") else first
    assert comment.startswith("# ")
    assert len(comment) > 40
