"""Several cards: which there are, and how children are dealt out to them, one at a time a card."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def cards_of(uuids: Sequence[str], n_devices: int, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Name the cards that children are dealt out to, as `CUDA_VISIBLE_DEVICES` takes them.

    By UUID where every one is known: numbers count in an order that hangs on other variables. Else what the variable lists now, or numbers.

    >>> cards_of(("GPU-a", "GPU-b"), 2), cards_of((), 2, {}), cards_of((), 2, {"CUDA_VISIBLE_DEVICES": "3, 1"})
    (('GPU-a', 'GPU-b'), ('0', '1'), ('3', '1'))
    """
    if len(uuids) == n_devices and all(uuid.startswith(("GPU-", "MIG-")) for uuid in uuids):
        return tuple(uuids)
    listed = [entry.strip() for entry in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    return tuple(listed[:n_devices]) if listed else tuple(str(number) for number in range(n_devices))


def deal(
    tasks: Sequence[Task], cards: Sequence[str], on_card: Callable[[Task], bool], work: Callable[[Task, str | None], Result]
) -> Iterator[tuple[Task, Result]]:
    """Do tasks in children, one at a time a card, and yield each with its result when it is done.

    With two cards or more the tasks of cards are dealt out to them round robin, and the others are done after them, one at a time. With
    one card, or none, all are done one at a time in their order.

    Parameters
    ----------
    tasks : which are independent of each other
    cards : as `cards_of` names them
    on_card : says whether a task is one of a card
    work : does a task on a card, or on the first one there is for None; called from several threads at once

    >>> list(deal("abc", ("0", "1"), lambda task: task != "b", lambda task, card: card))[-1]
    ('b', None)
    """
    dealt = [task for task in tasks if on_card(task)] if len(cards) > 1 else []
    if dealt:
        with ThreadPoolExecutor(len(cards)) as pool:
            lanes = {card: iter(dealt[number :: len(cards)]) for number, card in enumerate(cards)}
            running = dict[Future[Result], tuple[Task, str]]()

            def begin(card: str) -> None:
                for task in lanes[card]:
                    running[pool.submit(work, task, card)] = (task, card)
                    return

            for card in cards:
                begin(card)
            while running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    task, card = running.pop(done)
                    begin(card)
                    yield task, done.result()
    for task in tasks:
        if not dealt or not on_card(task):
            yield task, work(task, None)
