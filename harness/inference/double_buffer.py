"""Batches from the host through two pinned buffers to a card and into scores: one batch is copied while the one before it is computed.

What is reduced of scores that are made already runs beside both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from harness.inference.binding import BoundArray, bind, output_form
from harness.inference.card_memory import CardMemory
from harness.inference.outputs import scores_of
from harness.records.model import ScoringPlan

_DTYPES: dict[str, np.dtype[Any]] = {"float": np.dtype(np.float32), "double": np.dtype(np.float64), "int64": np.dtype(np.int64)}
N_SLOTS = 2


class WhileScoring(Protocol):
    """What is reduced from the first scores while later ones are still being made."""

    def begin(self, scores: Any, stream: int) -> bool:
        """Take the array of the card that all scores go to, of which none is there yet, and forget what was; say whether to be told of them.

        `stream` is the address of the reduction stream, on which everything is to be launched.
        """
        ...

    def add(self, stop_row: int) -> None:
        """Launch what is made from the scores below `stop_row`, on the reduction stream, which has them by then; wait for nothing."""
        ...

    def drop(self) -> None:
        """Let go of everything on the card: memory ran out, and all rows are scored anew."""
        ...


class _Slot:
    """One pinned buffer for every input, its twin on the card, the output, and the events of their last use."""

    def __init__(self, plan: ScoringPlan, memory: CardMemory, rows: int, options: onnxruntime.RunOptions) -> None:
        forms = [((rows, *planned.tail), _DTYPES[planned.group.dtype]) for planned in plan.inputs]
        self.hosts = [memory.pinned(*form) for form in forms]
        self.inputs = [memory.on_card(*form) for form in forms]
        self.bound = {p.name: BoundArray.of(a, p.name) for p, a in zip(plan.inputs, self.inputs, strict=True)}
        self.output: Any = None
        self.bindings = dict[int, onnxruntime.IOBinding]()  # by number of rows
        self.options = options
        self.sent: Any = None
        self.done: Any = None


class DoubleBuffer:
    """Scores batches of up to `rows` rows with one session; made once, used for any number of batches.

    Batch i uses slot i modulo 2. What must not overtake what:

    1. the host fills a pinned buffer when the copy out of it is done (`sent` of two batches ago);
    2. the copy stream overwrites the inputs on the card when their batch has been computed (`done` of two batches ago);
    3. the compute stream runs the session when its inputs are there (`sent` of this batch);
    4. the output of a slot is overwritten when its scores were taken: both are on the compute stream, in that order;
    5. the reduction stream reads scores when their batch has been computed (`done` of this batch). Every row's score has one place, which is
       written once, so that nothing waits for the reduction but the end.

    Parameters
    ----------
    session : InferenceSession
        On the device of `memory`, computing on its compute stream.
    plan : ScoringPlan
    memory : CardMemory
    rows : int
        Of a batch; a smaller one is padded with its last row where `is_padded`.
    is_padded : bool
        Every batch has the same shape: the graph demands it, or it is replayed from a capture.
    graph_ids : sequence of int
        Under which each slot's batches are captured, one for each, since a capture holds addresses; empty without captures.
    is_async : bool
        The session returns when its work is on the stream. Not with nodes on the CPU, which wait for their inputs themselves.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        plan: ScoringPlan,
        memory: CardMemory,
        rows: int,
        *,
        is_padded: bool = False,
        graph_ids: Sequence[int] = (),
        is_async: bool = True,
    ) -> None:
        self.session, self.plan, self.memory, self.rows = session, plan, memory, rows
        self.is_padded = is_padded
        assert plan.output is not None
        numbers: Sequence[int | None] = list(graph_ids) or [None] * N_SLOTS
        self.slots = [_Slot(plan, memory, rows, run_options(is_async=is_async, graph_id=number)) for number in numbers]
        first = self.slots[0]
        for host, device in zip(first.hosts, first.inputs, strict=True):
            host[...] = 0  # the shape of the output does not depend on what is in the rows
            memory.send(host, device)
        memory.finish()
        unbound = run_options(is_async=False, graph_id=-1 if graph_ids else None)
        self.form = output_form(session, first.bound, plan.output, memory.device_type, memory.device_id, unbound)
        for slot in self.slots:
            slot.output = memory.on_card((rows, *self.form.tail), self.form.dtype)

    def score(
        self,
        tensors: Sequence[NDArray[Any]],
        scores: Any,
        on_rows: Callable[[int], None] = lambda _: None,
        n_rows: int | None = None,
        on_scores: Callable[[int], None] | None = None,
    ) -> None:
        """Fill `scores`, [n_rows] or [n_rows, n_classes] on the card, and wait for the last of it.

        Parameters
        ----------
        tensors : sequence of NDArray
            One array per model input, [n_rows, width] of that input's group; memory-mapped pages are read once, in order.
        scores : array of the card
            Of the type that `scores_of` gives.
        on_rows : callable
            Told how many rows were handed to the card; it is at most four batches behind.
        n_rows : int, optional
            The first so many rows; None: all.
        on_scores : callable, optional
            Called after each batch, to launch on the reduction stream what reads the scores of all rows so far.
        """
        n_rows = len(tensors[0]) if n_rows is None else n_rows
        number, start = 0, 0
        while start < n_rows:
            stop = min(start + self.rows, n_rows)
            slot = self.slots[number % N_SLOTS]
            self._fill(slot, [t[start:stop] for t in tensors])
            slot.done = self.memory.compute(partial(self._run, slot, stop - start, scores[start:stop]))
            if on_scores is not None:
                self.memory.reduce(partial(on_scores, stop), after=slot.done)
            on_rows(stop)
            number, start = number + 1, stop
        self._finish()

    def raw(self, tensors: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Run one batch, at most `rows` rows, and return the raw output on the host."""
        slot, n = self.slots[0], len(tensors[0])
        self._fill(slot, tensors)
        slot.done = self.memory.compute(partial(self._run, slot, n, None))
        self._finish()
        return self.memory.to_host(slot.output[:n])

    def _fill(self, slot: _Slot, rows: Sequence[NDArray[Any]]) -> None:
        """Put one batch on its way to the card."""
        n = len(rows[0])
        if slot.sent is not None:
            self.memory.host_waits(slot.sent)
        for planned, host, given in zip(self.plan.inputs, slot.hosts, rows, strict=True):
            np.copyto(host[:n], given.reshape(n, *planned.tail), casting="no")
            if self.is_padded and n:
                host[n:] = host[n - 1]
        if slot.done is not None:
            self.memory.copies_wait(slot.done)
        n_sent = self.rows if self.is_padded else n
        for host, device in zip(slot.hosts, slot.inputs, strict=True):
            slot.sent = self.memory.send(host[:n_sent], device[:n_sent])  # the last event stands for all: one stream is in order
        self.memory.computes_wait(slot.sent)

    def _run(self, slot: _Slot, n: int, target: Any) -> None:
        """Run the session on a slot, on the compute stream, and take the scores of its first `n` rows."""
        self.session.run_with_iobinding(self._binding(slot, self.rows if self.is_padded else n), slot.options)
        if target is not None:
            target[...] = scores_of(slot.output[:n], self.plan)

    def _binding(self, slot: _Slot, n: int) -> onnxruntime.IOBinding:
        if n not in slot.bindings:
            assert self.plan.output is not None
            inputs = {name: array.rows(n) for name, array in slot.bound.items()}
            outputs = {self.plan.output: BoundArray.of(slot.output, self.plan.output).rows(n)}
            slot.bindings[n] = bind(self.session, inputs, outputs, self.memory.device_type, self.memory.device_id)
        return slot.bindings[n]

    def _finish(self) -> None:
        """Wait for the streams, and for ONNX Runtime's own: with asynchronous runs nothing else has."""
        self.memory.finish()
        for slot in self.slots:
            for binding in slot.bindings.values():
                binding.synchronize_outputs()


def run_options(*, is_async: bool, graph_id: int | None) -> onnxruntime.RunOptions:
    """Return how a batch is run: without waiting for its end, and captured under a number (-1: not captured, None: the session captures nothing).

    Source: ONNX Runtime, `onnxruntime_run_options_config_keys.h`: disable_synchronize_execution_providers, gpu_graph_id.
    """
    options = onnxruntime.RunOptions()
    if is_async:
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    if graph_id is not None:
        options.add_run_config_entry("gpu_graph_id", str(graph_id))
    return options
