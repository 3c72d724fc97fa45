"""A variant on a card, from its model to its tables, against the same variant on the CPU; under Numba's CUDA simulator."""

from __future__ import annotations

import contextlib
import re
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numba import cuda

from harness.config import compose_sweep
from harness.errors import DeviceError, ScoreError
from harness.inference import onnx_cuda
from harness.inference.onnx_cpu import OnnxCpu
from harness.pipeline import quality
from harness.pipeline.card_errors import card_errors
from harness.pipeline.device_rows import PARTS, Asked, Card, where_parts_run
from harness.pipeline.planning import members_of, plan_sweep
from harness.pipeline.prepare import prepare
from harness.pipeline.reduction import OnCard, Rows, paired_of, tally_of
from harness.records.needs import Needs
from harness.records.tally import Grid
from harness.runs import folder as files
from harness.runs import store
from harness.tallies.stored import to_columns
from harness.workers.child import Outcome
from kernels.devices import CardMemoryError, is_on_cuda
from tests.oracles import tally_oracle
from tests.sweep.test_tasks import CLASS_WEIGHTS, replay, task_log, write_graph
from tests.sweep.world import make_log, make_world, write_model

COUNTS = ("int64", "int32")
METRICS = "metrics=[accuracy,log_loss,auc,average_precision,calibration_slope]"


class OnnxSimulated:
    """Stands in for OnnxCuda: the CPU scores, and the scores lie on the simulated card, in smaller batches than were planned."""

    def __init__(self, plan, device_id):
        assert device_id == 0
        self._cpu, self.batch_rows, self.notes = OnnxCpu(replace(plan, device="cpu")), 64, ["the batch was halved"]

    def score_rows(self, tensors, n_rows, batch_rows, on_rows):
        scores = [self._cpu.score([t[start : start + 64] for t in tensors]) for start in range(0, n_rows, 64)]
        on_rows(n_rows)
        return cuda.to_device(np.concatenate(scores))


def assert_same(found, expected):
    """Counts are the same; floats are sums in another order."""
    assert list(found) == list(expected)
    for name, values in expected.items():
        if str(values.dtype) in COUNTS:
            np.testing.assert_array_equal(found[name], values, err_msg=name)
        else:
            np.testing.assert_allclose(found[name], values, rtol=1e-7, atol=1e-9, err_msg=name)


def in_this_process(work, args, timeout_s, log, on_progress):
    with log.open("a") as stream, contextlib.redirect_stdout(stream):
        return Outcome("ok", work(SimpleNamespace(progress=on_progress), *args), None)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = make_world(tmp_path, ("champion", "better"))
    world.log(make_log(260))
    return world


@pytest.fixture
def on_both(world, monkeypatch):
    """Run champion and challenger on the CPU and on the simulated card; the folders of the challengers."""
    monkeypatch.setattr(quality, "run_child", in_this_process)
    monkeypatch.setattr(onnx_cuda, "OnnxCuda", OnnxSimulated)

    def run(*overrides):
        conf = compose_sweep(["sweep=tiny", *overrides], ["conf"])
        plan = plan_sweep(conf, None)
        prepared = prepare(plan.log, conf.replay, plan.groups, world.root / "cache", plan.replay_code, lambda *_: None)
        found = []
        for device in ("cpu", "cuda"):
            root = world.root / device
            members = members_of(conf, plan, root, world.root / "cache")
            champion, better = (replace(m, plan=replace(m.plan, device=device)) for m in members)
            quality.run_quality(champion, None, conf, prepared, root, lambda _: None)
            record = quality.run_quality(better, champion, conf, prepared, root, lambda _: None)
            found.append((better.folder, record))
        return found

    return run


def test_a_variant_on_a_card_has_the_tables_of_the_cpu(on_both):
    (cpu, cpu_record), (card, card_record) = on_both(METRICS)
    for name in (store.SCORES, store.TALLIES, store.PAIRED, store.REFERENCE, store.UNLABELLED):
        assert_same(files.read_columns(card / name), files.read_columns(cpu / name))
    assert (card_record.n_judged, card_record.threshold) == (cpu_record.n_judged, cpu_record.threshold)
    assert cpu_record.batch_rows > 64
    assert card_record.batch_rows == 64
    log = (card / store.LOG).read_text()
    assert log.count("device: the batch was halved\n") == 1
    assert "device: 4 of 6 parts are computed on the card: counts, losses and calibration bins, exact ranks" in log
    assert "rank curve; 2 on the host, from the scores that came back: reference rows (they are few), rows without" in log
    assert "device:" not in (cpu / store.LOG).read_text()


def test_the_reduction_reads_what_is_on_the_card(on_both, monkeypatch):
    """Taking the device path out would leave the tables as they are, so what the kernels are given is looked at."""
    seen = []

    def watch(name):
        from harness.pipeline import reduction

        real = getattr(reduction, name)
        on_card = lambda args: next((one for one in args if isinstance(one, OnCard)), None)  # noqa: E731
        monkeypatch.setattr(reduction, name, lambda *args: seen.append((name, on_card(args))) or real(*args))

    watch("tally_of")
    watch("paired_of")
    on_both()
    on_card = [(name, there) for name, there in seen if there is not None]
    assert [name for name, _ in on_card] == ["tally_of", "paired_of", "tally_of"]  # the champion alone, then the pair and the challenger
    for _, there in on_card:
        assert all(is_on_cuda(one) for one in (*there.scores, there.rows.labels, there.rows.slice_ids, there.rows.window_ids))
    assert on_card[1][1].rows.slice_ids is on_card[2][1].rows.slice_ids  # sent once


def random_rows(seed, n_rows, n_windows):
    scores, labels, slice_ids, window_ids, n_slices = tally_oracle.random_log(seed, n_rows, n_windows=n_windows, n_score_values=7)
    names = tuple(str(i) for i in range(n_slices))
    return scores, Rows("binary", labels, slice_ids, window_ids, Grid(names, names, tuple(str(i) for i in range(n_windows))))


@pytest.mark.parametrize(("n_rows", "n_windows"), [(0, 1), (1, 1), (23, 1), (60, 3)])
def test_tallies_on_a_card_are_those_of_the_cpu(n_rows, n_windows):
    scores, rows = random_rows(n_rows, n_rows, n_windows)
    champion = random_rows(n_rows + 1, n_rows, n_windows)[0]
    needs = Needs(ranks=True, binned_auc=True, curve=True, max_fpr=0.3, calibration=True)
    card = Card()
    alone = [tally_of(scores, rows, 0.5, needs, on_card=there) for there in (None, card.scored(rows, scores))]
    assert_same(*(to_columns(tally) for tally in reversed(alone)))
    pair = [paired_of(champion, scores, rows, 0.4, 0.5, needs, on_card=there) for there in (None, card.scored(rows, champion, scores))]
    assert_same(*(to_columns(tally) for tally in reversed(pair)))


# Task, label, metrics, design, and the part of the log line that says where the rows were reduced.
DESIGNS = [
    ("binary", "y", "metrics=[accuracy,log_loss]", {"weight": "w", "cluster": "user"}, "weighted and clustered rows"),
    ("regression", "amount", "metrics=regression", {"weight": "w"}, "regression"),
    ("multiclass", "mode", "metrics=[multiclass_accuracy,multiclass_log_loss]", {"cluster": "user"}, "several classes"),
]


@pytest.mark.parametrize(("task", "label", "metrics", "design", "part"), DESIGNS, ids=[design[0] for design in DESIGNS])
def test_a_variant_of_any_task_and_design_has_the_tables_of_the_cpu(world, on_both, task, label, metrics, design, part):
    world.log(task_log().iloc[::120])
    replay(world, task=task, label=label, **design)
    if task != "binary":
        weights = CLASS_WEIGHTS if task == "multiclass" else np.array([[1.2], [-0.8], [0.5], [0.0]])
        for name, share in (("champion", 0.5), ("better", 1.0)):
            write_graph(world.model(name), weights * share, softmax=task == "multiclass")
    (cpu, _), (card, record) = on_both(metrics, "gain=none", f"review={'none' if task == 'binary' else task}")
    assert record.n_judged > 20
    for name in (store.TALLIES, store.PAIRED):
        found, expected = files.read_columns(card / name), files.read_columns(cpu / name)
        assert "totals.total" in expected
        assert_same(found, expected)
    there, here = (card / store.LOG).read_text().split(" on the host, ")
    assert part in there
    assert part not in here


def test_scores_that_are_none_are_refused_before_anything_is_reduced(world, on_both, monkeypatch):
    """Nothing looks at scores on a card: they are looked at when they come back."""
    write_model(world.model("champion"), (1.0, -0.4, 0.0, 0.0), nan=True)
    real = quality.score_and_reduce
    on_card = lambda channel, member, *rest: real(channel, replace(member, plan=replace(member.plan, device="cuda")), *rest)  # noqa: E731
    monkeypatch.setattr(quality, "score_and_reduce", on_card)
    monkeypatch.setattr("harness.pipeline.reduction.tally_of", lambda *_: pytest.fail("reduced"))
    with pytest.raises(ScoreError, match=r"NaN in (\d+) of \1 rows"):
        on_both()


def test_ids_of_another_replay_are_refused_before_they_are_sent():
    scores, rows = random_rows(1, 5, 1)
    other = replace(rows, slice_ids=rows.slice_ids + np.uint16(1000))
    with pytest.raises(ValueError, match="slice_ids holds"):
        Card().scored(other, scores)


def test_memory_of_the_card_is_one_sentence(monkeypatch):
    with pytest.raises(DeviceError, match=r"device: ordering takes too much"), card_errors():
        raise CardMemoryError("ordering takes too much")
    monkeypatch.setattr("kernels.devices.free_bytes", lambda: 3.0)
    scores, rows = random_rows(1, 5, 1)
    with pytest.raises(DeviceError, match=r"device: an array of the judged rows takes .* MiB free"), card_errors():
        Card().scored(rows, scores)


def asked(task="binary", has_pair=True, weights=None, **needs):
    rows = replace(random_rows(1, 5, 1)[1], task=task, weights=weights)
    conf = SimpleNamespace(replay=SimpleNamespace(reference=None), gain=None, drift=None, slice_search=None)
    variant = SimpleNamespace(threshold=SimpleNamespace(value=0.5))
    return Asked(rows, Needs(**needs), conf, variant, has_pair)


def test_it_is_said_where_each_part_runs():
    said = where_parts_run(asked(ranks=True))
    assert said == (
        "device: 2 of 3 parts are computed on the card: counts, losses and calibration bins, exact ranks; "
        "1 on the host, from the scores that came back: rows without a label (they are few)"
    )
    assert "weighted and clustered rows; 0 on the host" in where_parts_run(asked(has_pair=False, weights=np.ones(5)))
    assert "1 of 1 parts are computed on the card: several classes; " in where_parts_run(asked("multiclass", has_pair=False))


@pytest.mark.parametrize("need", ["ranks", "binned_auc", "curve", "calibration"])
def test_every_pass_over_binary_rows_is_a_part(need):
    base = {"binned_auc": True} if need == "ranks" else {"ranks": True}
    before, after = ({part.name for part in PARTS if part.is_asked(asked(**needs))} for needs in (base, base | {need: True}))
    assert before < after
    assert len(after - before) == 1


def test_the_parts_are_those_that_the_decision_lists():
    rows = re.findall(
        r"^\| (.+?) \| (card|host) \|", (Path(__file__).parents[2] / "docs/decisions/022-cuda-drivers.md").read_text(), re.MULTILINE
    )
    assert rows == [(part.name, "card" if part.why_on_host is None else "host") for part in PARTS]


def test_no_pass_was_forgotten():
    passes = {field.name for field in fields(Needs) if field.default is False}
    assert passes == {"ranks", "binned_auc", "curve", "calibration", "auc_by_class"}  # the last one is of several classes
