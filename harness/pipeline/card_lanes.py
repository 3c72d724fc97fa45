"""Several cards: which there are, and how children are dealt out to them, one at a time a card."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from harness.device import CudaDevice
from harness.records.measurement import Gpu
from harness.units import human_bytes

Task = TypeVar("Task")
Result = TypeVar("Result")


def cards_of(uuids: Sequence[str], n_devices: int, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Name the cards that children are dealt out to, as `CUDA_VISIBLE_DEVICES` takes them.

    By UUID where every one is known: numbers count in an order that hangs on other variables. Else what the variable lists now, or numbers.
    Of several MIG instances CUDA shows one to a process, and none of them beside a card that is not cut: a child that is given one sees it.

    >>> cards_of(("GPU-a", "GPU-b"), 2), cards_of((), 2, {}), cards_of((), 2, {"CUDA_VISIBLE_DEVICES": "3, 1"})
    (('GPU-a', 'GPU-b'), ('0', '1'), ('3', '1'))
    >>> cards_of(("MIG-a", "MIG-b"), 1)
    ('MIG-a', 'MIG-b')

    Source: NVIDIA MIG User Guide, section "CUDA Device Enumeration".
    """
    is_cut = any(uuid.startswith("MIG-") for uuid in uuids)
    if (len(uuids) == n_devices or is_cut) and n_devices > 0 and all(uuid.startswith(("GPU-", "MIG-")) for uuid in uuids):
        return tuple(uuids)
    listed = [entry.strip() for entry in environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    return tuple(listed[:n_devices]) if listed else tuple(str(number) for number in range(n_devices))


def card_notes(
    cards: Sequence[str], devices: Sequence[CudaDevice], gpus: Sequence[Gpu], n_variants: int, *, is_timed: bool
) -> tuple[str, ...]:
    """Say which cards variants are scored on, which one they are timed on, and what a reader of either has to know, one sentence each.

    Parameters
    ----------
    cards : as `cards_of` names them
    devices : those that CUDA's driver shows, the first one first: on it the speed phase runs
    gpus : what NVML says of all cards of the machine
    n_variants : how many have a card

    >>> a, b = CudaDevice("NVIDIA L4", "GPU-a", None), CudaDevice("NVIDIA T4", "GPU-b", None)
    >>> card_notes(("GPU-a", "GPU-b"), (a, b), (), 3, is_timed=True)[0]
    'device: 3 variants are scored on 2 cards, NVIDIA L4 (GPU-a), NVIDIA T4 (GPU-b), one at a time a card, and timed on NVIDIA L4 (GPU-a)'
    """
    if not cards:
        return ()
    used = cards if n_variants > 1 else cards[:1]
    named = {device.uuid: str(device) for device in devices} | {gpu.uuid: f"{gpu.name} ({gpu.uuid})" for gpu in gpus}
    named |= dict(zip(cards, map(str, devices), strict=True)) if len(cards) == len(devices) else {}
    first = str(devices[0]) if devices else named.get(cards[0], cards[0])
    timed = f", and timed on {first}" if is_timed else ""
    if len(used) > 1:
        where = f"{len(used)} cards, {', '.join(named.get(card, card) for card in used)}, one at a time a card{timed}"
    else:
        where = first + (" and timed there" if is_timed else "")
    lines = [f"device: {n_variants} variant{'s are' if n_variants > 1 else ' is'} scored on {where}"]
    shown = [gpu for gpu in gpus if gpu.uuid in used]
    models = sorted({gpu.name for gpu in shown} | {device.name for device in devices if device.uuid in used})
    if len(models) > 1:
        lines.append(
            f"device: the cards are of different models ({', '.join(models)}), so scores may differ in their last bits from card to card;"
            " CUDA_VISIBLE_DEVICES=GPU-… keeps one model"
        )
    lines += [_used_by_others(gpu) for gpu in shown if gpu.foreign_pids]
    if any(gpu.mig for gpu in gpus) and not any(card.startswith("MIG-") for card in cards):
        lines.append(
            f"device: cards are cut into MIG instances, of which CUDA shows one to a process ({first}); name those to use, with commas between"
            " them: CUDA_VISIBLE_DEVICES=MIG-… (nvidia-smi -L lists them)"
        )
    return tuple(lines)


def _used_by_others(gpu: Gpu) -> str:
    taken = f", {human_bytes(gpu.used_bytes)} of {human_bytes(gpu.memory_bytes)} taken" if gpu.used_bytes and gpu.memory_bytes else ""
    return (
        f"device: {gpu.name} ({gpu.uuid}) is used by other processes too ({', '.join(map(str, gpu.foreign_pids))}{taken}): its memory is shared with"
        " them, and times and energy hold their share, so a measurement of speed is invalid; end them, or name a free card in CUDA_VISIBLE_DEVICES"
    )


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
