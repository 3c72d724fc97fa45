"""A model whose file says another number of columns than there are classes is refused before anything runs."""

import pytest

from harness.errors import ModelError
from harness.inference.plan import plan_onnx
from harness.records.model import ModelSummary, Tensor
from harness.records.replay import LogColumn, LogFiles
from harness.replay_schema import read_replay
from harness.schema import read_variant

LOG = LogFiles((), (LogColumn("a", "double", "number"),), 3, "0")
VARIANT = read_variant({"name": "m", "path": "m.onnx"}, "m", "cpu")


def planned(shape, classes, task="multiclass"):
    labels = {"label": "y"} | ({"classes": classes} if classes else {})
    replay = read_replay({"name": "log", "path": "log.parquet", "task": task, "features": ["a"]} | labels)
    summary = ModelSummary(
        "m.onnx", "0", 1, (Tensor("x", "float", (None, 1)),), (Tensor("probabilities", "float", shape),), "fp32", "test", 17
    )
    return plan_onnx(VARIANT, summary, replay, LOG)


@pytest.mark.parametrize("shape", [(None, 2), (None, 4), (None, 1001)])
def test_another_width_than_the_stated_classes_is_refused(shape):
    words = (
        f"model.output: output 'probabilities' of m.onnx has {shape[1]} columns, wanted 3, one for each of replay.classes .bus, car, train.;"
        " state the model's classes in its order, or name another output"
    )
    with pytest.raises(ModelError, match=words):
        planned(shape, ["bus", "car", "train"])


def test_many_classes_are_not_all_listed():
    with pytest.raises(ModelError, match=r"wanted 30, one for each of replay.classes .0, 1, 2, 3, 4, 5, … .24 more.."):
        planned((None, 29), list(range(30)))


@pytest.mark.parametrize(("shape", "classes"), [((None, 3), [7, 8, 9]), ((None, None), [7, 8, 9]), ((None, 4), None)])
def test_a_width_that_fits_or_is_not_known_yet_is_taken(shape, classes):
    assert planned(shape, classes).output == "probabilities"


def test_one_column_is_still_told_the_task():
    with pytest.raises(ModelError, match="has 1 column, wanted one per class for task multiclass"):
        planned((None, 1), ["bus", "car"])
