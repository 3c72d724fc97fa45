"""A model file that is not what its variant says is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.cli.test_cli_refused_log import assert_refused
from tests.conftest import Said, World

Harness = Callable[[Sequence[str]], Said]

MODELS = {
    "not ONNX": (["model=not_onnx"], ["not_onnx.onnx' is not an ONNX model", "export it again"]),
    "no bytes": (["model=empty"], ["empty.onnx' is not an ONNX model"]),
    "cut off": (["model=cut_off"], ["cut_off.onnx' is not an ONNX model"]),
    "more features": (["model=five_wide"], ["five_wide.onnx takes 5 features, and 3 columns are given (amount, age, ratio)"]),
    "fewer features": (["model=two_wide"], ["two_wide.onnx takes 2 features, and 3 columns are given"]),
    "integers wanted": (["model=from_int64", "replay.features=[age]"], ["'age' is float", "takes int64"]),
    "two outputs": (["model=two_outputs"], ["two_outputs.onnx has 2 float outputs (score, logit)", "output: score"]),
    "no float output": (["model=label_only"], ["label_only.onnx has no float output (label: int64)"]),
    "three classes": (["model=three_columns"], ["has 3 columns, wanted one or two for task binary"]),
    "precision not as claimed": (["model=good", "model.precision=int8"], ["claims int8", "good.onnx is fp32", "set precision: fp32"]),
    "double not as claimed": (["model=double"], ["claims fp32", "double.onnx is fp64"]),
    "unknown precision": (["model.precision=fp23"], ["model.precision: found 'fp23'", "did you mean 'fp32'?"]),
    "unknown output": (["model.output=scores"], ["good.onnx has no output 'scores'", "did you mean 'score'?"]),
    "unknown input": (["model.inputs={y: {columns: [amount, age, ratio]}}"], ["model.inputs.y:", "its inputs are: x"]),
    "unknown column of an input": (["model.inputs={x: {columns: [amount, agee, ratio]}}"], ["no column 'agee'", "did you mean 'age'?"]),
    "dtype not as claimed": (["model.inputs={x: {columns: [amount, age, ratio], dtype: int64}}"], ["found int64", "good.onnx takes float"]),
    "no features": (["replay.features=[]"], ["replay.features: empty", "'good' has a model that needs features"]),
    "a logged score of texts": (["model=logged", "model.column=country"], ["'country' holds strings"]),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_model_that_cannot_be_run(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    overrides, words = MODELS[case]
    assert_refused(harness(world.args(tmp_path / "results", *overrides, sweep=None)), words, tmp_path / "results")


def test_a_model_file_that_is_not_there(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path / "results", f"model.path={world.models / 'god.onnx'}", sweep=None))
    assert_refused(said, ["model.path: no file", "did you mean", "good.onnx"], tmp_path / "results")


def test_a_folder_as_a_model(harness: Harness, world: World, tmp_path: Path) -> None:
    said = harness(world.args(tmp_path / "results", f"model.path={world.models}", sweep=None))
    assert_refused(said, ["is a folder; name one ONNX file in it"], tmp_path / "results")
