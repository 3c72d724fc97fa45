"""Children are dealt out to cards round robin, one at a time a card."""

from __future__ import annotations

import os
import threading
from collections import Counter

import pytest

from harness.pipeline import quality
from harness.pipeline.card_lanes import cards_of, deal


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


@pytest.mark.parametrize(("card", "seen"), [("GPU-b", "GPU-b"), (None, "before")])
def test_a_child_sees_its_card_only(monkeypatch, card, seen):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "before")
    monkeypatch.setattr(quality, "score_and_reduce", lambda channel, *work: (os.environ["CUDA_VISIBLE_DEVICES"], channel, work))
    assert quality.on_one_card("channel", card, 1, 2) == (seen, "channel", (1, 2))
