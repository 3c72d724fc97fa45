"""Children are dealt out to cards round robin, one at a time a card."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import replace

import pytest

from harness.device import CudaDevice
from harness.pipeline import quality
from harness.pipeline.card_lanes import card_notes, cards_of, deal
from harness.records.measurement import Gpu


class Children:
    """Does tasks as children would, and watches how many are on a card at once."""

    def __init__(self, fails=(), waits_for=None):
        self.done, self.most, self._now = [], Counter(), Counter()
        self._lock, self._fails = threading.Lock(), fails
        self._meeting = None if waits_for is None else threading.Barrier(waits_for, timeout=20)

    def __call__(self, task, card):
        with self._lock:
            self._now[card] += 1
            self.most[card] = max(self.most[card], self._now[card])
        if self._meeting is not None:
            self._meeting.wait()
        with self._lock:
            self._now[card] -= 1
            self.done.append((task, card))
        return f"{task} failed" if task in self._fails else task


def cuda(task):
    return task.startswith("cuda")


def test_cards_take_turns_and_what_has_none_comes_after():
    tasks = ["cuda0", "cpu0", "cuda1", "cuda2", "cpu1", "cuda3", "cuda4"]
    children = Children()
    results = dict(deal(tasks, ("A", "B"), cuda, children))
    assert results == {task: task for task in tasks}
    on = dict(children.done)
    assert [on[f"cuda{i}"] for i in range(5)] == ["A", "B", "A", "B", "A"]
    assert children.done[-2:] == [("cpu0", None), ("cpu1", None)]
    assert set(children.most.values()) == {1}


def test_cards_work_at_the_same_time():
    """Each of two children waits until the other has begun."""
    assert len(list(deal(["cuda0", "cuda1"], ("A", "B"), cuda, Children(waits_for=2)))) == 2


@pytest.mark.parametrize("cards", [(), ("A",)])
def test_one_card_or_none_is_as_before(cards):
    children = Children()
    tasks = ["cpu0", "cuda0", "cpu1", "cuda1"]
    assert [task for task, _ in deal(tasks, cards, cuda, children)] == tasks
    assert children.done == [(task, None) for task in tasks]


def test_no_tasks_and_more_cards_than_tasks():
    assert list(deal([], ("A", "B"), cuda, Children())) == []
    assert list(deal(["cuda0"], ("A", "B", "C"), cuda, Children())) == [("cuda0", "cuda0")]


def test_a_child_that_failed_does_not_keep_its_card_from_the_next():
    children = Children(fails=("cuda0",))
    assert dict(deal(["cuda0", "cuda1", "cuda2"], ("A", "B"), cuda, children))["cuda0"] == "cuda0 failed"
    assert ("cuda2", "A") in children.done


def test_cards_are_named_by_uuid_where_all_are_known():
    assert cards_of(("GPU-a", "MIG-b"), 2, {"CUDA_VISIBLE_DEVICES": "1,0"}) == ("GPU-a", "MIG-b")
    assert cards_of(("GPU-a", "unknown CUDA device 1"), 2, {"CUDA_VISIBLE_DEVICES": "1,0"}) == ("1", "0")
    assert cards_of(("GPU-a",), 2, {}) == ("0", "1")
    assert cards_of((), 0, {}) == ()


def test_instances_are_dealt_out_though_cuda_shows_one_to_a_process():
    assert cards_of(("MIG-a", "MIG-b"), 1, {"CUDA_VISIBLE_DEVICES": "MIG-a,MIG-b"}) == ("MIG-a", "MIG-b")
    assert cards_of(("MIG-a", "GPU-b"), 1, {"CUDA_VISIBLE_DEVICES": "MIG-a,GPU-b"}) == ("MIG-a", "GPU-b")
    assert cards_of(("MIG-a",), 1, {}) == ("MIG-a",)
    assert cards_of(("GPU-a",), 1, {}) == ("GPU-a",)  # cut, and nothing set: the one instance that CUDA shows is on the only card
    assert cards_of(("GPU-a", "GPU-b"), 1, {}) == ("0",)  # cut, beside a card that is not: CUDA shows the instance alone
    assert cards_of(("MIG-a", "MIG-b"), 0, {"CUDA_VISIBLE_DEVICES": "MIG-a,MIG-b"}) == ()  # the card is lost


L4, T4 = CudaDevice("NVIDIA L4", "GPU-a", "Default"), CudaDevice("NVIDIA T4", "GPU-b", "Default")
GPU = Gpu("GPU-a", "NVIDIA L4", 24 << 30, 72.0, 2040, 2040, True, None, "8.9")


def test_one_card_is_named():
    assert card_notes(("GPU-a",), (L4,), (GPU,), 1, is_timed=True) == ("device: 1 variant is scored on NVIDIA L4 (GPU-a) and timed there",)
    assert card_notes(("GPU-a", "GPU-b"), (L4, T4), (), 1, is_timed=False) == ("device: 1 variant is scored on NVIDIA L4 (GPU-a)",)
    assert card_notes((), (), (), 2, is_timed=True) == ()


def test_cards_that_only_have_numbers_are_named_by_the_driver():
    assert (
        card_notes(("0", "1"), (L4, T4), (), 2, is_timed=False)[0]
        == "device: 2 variants are scored on 2 cards, NVIDIA L4 (GPU-a), NVIDIA T4 (GPU-b), one at a time a card"
    )


def test_cards_of_one_model_have_no_note_of_models_and_others_have_one():
    same = CudaDevice("NVIDIA L4", "GPU-b", "Default")
    assert len(card_notes(("GPU-a", "GPU-b"), (L4, same), (GPU,), 2, is_timed=True)) == 1
    assert "of different models (NVIDIA L4, NVIDIA T4)" in card_notes(("GPU-a", "GPU-b"), (L4, T4), (GPU,), 2, is_timed=True)[1]


def test_a_card_that_others_use_is_said_if_it_is_one_of_those_that_are_used():
    busy, elsewhere = replace(GPU, foreign_pids=(7, 8)), replace(GPU, uuid="GPU-c", foreign_pids=(9,))
    notes = card_notes(("GPU-a",), (L4,), (busy, elsewhere), 1, is_timed=True)
    assert [note for note in notes if "used by other processes" in note] == [
        "device: NVIDIA L4 (GPU-a) is used by other processes too (7, 8): its memory is shared with them, and times and energy hold their share, so"
        " a measurement of speed is invalid; end them, or name a free card in CUDA_VISIBLE_DEVICES"
    ]


def test_instances_that_were_not_named_are_said():
    shown = CudaDevice("NVIDIA A100 MIG 1g.5gb", "MIG-x", "Default")
    cut = replace(GPU, mig=True)
    assert (
        "of which CUDA shows one to a process (NVIDIA A100 MIG 1g.5gb (MIG-x))"
        in card_notes(("GPU-a",), (shown,), (cut,), 2, is_timed=True)[-1]
    )
    assert not any("cut into" in note for note in card_notes(("MIG-x",), (shown,), (cut,), 2, is_timed=True))


@pytest.mark.parametrize(("card", "seen"), [("GPU-b", "GPU-b"), (None, "before")])
def test_a_child_sees_its_card_only(monkeypatch, card, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "before")
    monkeypatch.setattr(quality, "score_and_reduce", lambda channel, *work: (os.environ["CUDA_VISIBLE_DEVICES"], channel, work))
    assert quality.on_one_card("channel", card, 1, 2) == (seen, "channel", (1, 2))
