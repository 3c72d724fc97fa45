"""Scores batches with ONNX Runtime on a card; the scores stay there until they are asked for."""

from __future__ import annotations

import gc
import itertools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from harness.errors import DeviceError
from harness.gpu_stack import cuda_stack, why_not_cuda
from harness.inference.card_failure import OutOfCardMemoryError, cannot_be_used, guarded
from harness.inference.card_memory import CardMemory
from harness.inference.cuda_graph import check_graph, two_batches
from harness.inference.double_buffer import N_SLOTS, DoubleBuffer, WhileScoring
from harness.inference.outputs import scores_of
from harness.inference.session import cpu_nodes_note, open_on, provider_list
from harness.records.model import CardPlan, ScoringPlan
from harness.units import human_bytes

_LOG = logging.getLogger(__name__)


class CupyMemory:
    """Memory and streams of one card, by CuPy; the streams do not wait for the default one."""

    device_type = "cuda"

    def __init__(self, device_id: int) -> None:
        import cupy

        self._cupy = cupy
        self.device_id = device_id
        self._device = cupy.cuda.Device(device_id)
        self._device.use()
        self._copies = cupy.cuda.Stream(non_blocking=True)
        self._computes = cupy.cuda.Stream(non_blocking=True)
        self._reduces = cupy.cuda.Stream(non_blocking=True)
        self.compute_stream, self.reduce_stream = int(self._computes.ptr), int(self._reduces.ptr)

    def on_card(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """Return uninitialised memory of CuPy's pool."""
        return self._cupy.empty(shape, dtype)

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return page-locked memory as a NumPy array, which keeps it alive."""
        n = math.prod(shape)
        pages = self._cupy.cuda.alloc_pinned_memory(max(1, n * dtype.itemsize))
        return np.frombuffer(pages, dtype, n).reshape(shape)

    def send(self, host: NDArray[Any], device: Any) -> Any:
        """Copy on the copy stream."""
        device.data.copy_from_host_async(host.ctypes.data, host.nbytes, self._copies)
        return self._copies.record(self._cupy.cuda.Event(disable_timing=True))

    def compute(self, work: Callable[[], None]) -> Any:
        """Call `work` on the compute stream."""
        with self._computes:
            work()
        return self._computes.record(self._cupy.cuda.Event(disable_timing=True))

    def reduce(self, work: Callable[[], None], after: Any) -> None:
        """Call `work` on the reduction stream, behind the event."""
        self._reduces.wait_event(after)
        with self._reduces:
            work()

    def copies_wait(self, event: Any) -> None:
        """Hold the copy stream back."""
        self._copies.wait_event(event)

    def computes_wait(self, event: Any) -> None:
        """Hold the compute stream back."""
        self._computes.wait_event(event)

    def host_waits(self, event: Any) -> None:
        """Wait for an event."""
        event.synchronize()

    def finish(self) -> None:
        """Wait for all streams."""
        for stream in (self._copies, self._computes, self._reduces):
            stream.synchronize()

    def to_host(self, array: Any) -> NDArray[Any]:
        """Copy to the host after the compute stream's work."""
        self._computes.synchronize()
        return np.asarray(self._cupy.asnumpy(array))

    def free_bytes(self) -> int | None:
        """Return what the card and CuPy's pool have left."""
        pooled = self._cupy.get_default_memory_pool().free_bytes()
        return int(self._device.mem_info[0]) + int(pooled)

    def release(self) -> None:
        """Empty CuPy's pools."""
        self._cupy.get_default_memory_pool().free_all_blocks()
        self._cupy.get_default_pinned_memory_pool().free_all_blocks()


OpenSession = Callable[[ScoringPlan, CardMemory], onnxruntime.InferenceSession]


def open_session(plan: ScoringPlan, memory: CardMemory) -> onnxruntime.InferenceSession:
    """Open the session of a plan that computes on the card's compute stream, or raise DeviceError."""
    return open_on(plan, provider_list(plan.card or CardPlan(), memory.device_id, memory.compute_stream))


class OnnxCuda:
    """One session on one card; `score` and `run` are those of OnnxCpu, `score_rows` leaves the scores on the card.

    Parameters
    ----------
    plan : ScoringPlan
    device_id : int
        Number of the card among those that the process sees.
    memory : CardMemory, optional
        None: CuPy's.
    opened : OpenSession, optional
        None: on the card.

    Attributes
    ----------
    batch_rows : int
        Rows of a batch that were really used: halved where the card's memory ran out.
    notes : list of str
        What a reader of the results has to know; each is in the log too.
    reduction : WhileScoring or None
        What `score_rows` tells of scores that are made; set it before.

    Raises
    ------
    DeviceError
        When there is no such card, or the model cannot run on it.
    ModelError
        When the model cannot be loaded.
    """

    def __init__(self, plan: ScoringPlan, device_id: int = 0, memory: CardMemory | None = None, opened: OpenSession = open_session) -> None:
        self.card = plan.card or CardPlan()
        self.plan = replace(plan, card=self.card)
        self.batch_rows = plan.fixed_batch or plan.batch_rows
        self.notes = list[str]()
        self.reduction: WhileScoring | None = None
        texts = [planned.name for planned in plan.inputs if planned.group.dtype == "string"]
        if texts:
            raise DeviceError(f"device: input '{texts[0]}' of {plan.path} takes texts, which no card computes on; set deploy.device=cpu")
        self.memory = _cupy_memory(device_id) if memory is None else memory
        self._opened = opened
        self._graph_ids = itertools.count(1)
        self._buffers = dict[int, DoubleBuffer]()
        self.session = opened(self.plan, self.memory)
        if self.card.allow_cpu_nodes:
            note = cpu_nodes_note(self.session, [name for name, _ in provider_list(self.card, 0, 0)])
            self._say(note or "every node runs on the card, and deploy.allow_cpu_nodes has nothing to allow")
        self._is_checked = not self.card.cuda_graph

    def run(self, tensors: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Run one batch from the host and return the raw output there: to the card and back, as a request is answered."""
        n = len(tensors[0])
        with guarded(self.plan, n):
            if not self._is_checked:
                self._check_capture(tensors, n, self.plan.fixed_batch or n)
            return self._buffer(n).raw(tensors)

    def score(self, tensors: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the scores of one batch on the host, computed as `score_rows` computes them."""
        n = len(tensors[0])
        return self.memory.to_host(self.score_rows(tensors, n, max(1, n), lambda _: None))

    def score_rows(self, tensors: Sequence[NDArray[Any]], n_rows: int, batch_rows: int, on_rows: Callable[[int], None]) -> Any:
        """Score the first `n_rows` rows, and return the scores as an array of the card.

        Parameters
        ----------
        tensors : sequence of NDArray
            One array per model input, [at least n_rows, width] of that input's group; memory-mapped pages are read in order.
        batch_rows : int
            Rows of a batch; the graph's own number where it demands one.
        on_rows : callable
            Told how many rows were handed to the card. After memory ran out it begins anew.

        Returns
        -------
        array of the card
            float32 [n_rows], or [n_rows, n_classes] for multiclass; float64 for predictions of a model that gives float64.

        Raises
        ------
        DeviceError
            When the card fails, or its memory holds not even one row.
        ScoreError
            When the output does not have the form that the task needs.
        """
        self.batch_rows = self.plan.fixed_batch or batch_rows
        rows = self.plan.fixed_batch or max(1, min(batch_rows, n_rows))
        while True:
            try:
                with guarded(self.plan, n_rows) as progress:
                    return self._score(tensors, n_rows, rows, progress.reporting(on_rows))
            except OutOfCardMemoryError:
                if rows < 2 or self.plan.fixed_batch:
                    raise
            # Only now: while the error is handled, its traceback keeps the buffers alive.
            rows = self._halved(rows)

    def _score(self, tensors: Sequence[NDArray[Any]], n_rows: int, rows: int, on_rows: Callable[[int], None]) -> Any:
        buffer = self._buffer(rows)
        if not self._is_checked and n_rows:
            self._check_capture(tensors, n_rows, rows)
        form = _form(buffer, self.plan)
        self._check_room(n_rows, form)
        scores = self.memory.on_card((n_rows, *form.shape[1:]), form.dtype)
        is_told = self.reduction is not None and self.reduction.begin(scores, self.memory.reduce_stream)
        buffer.score(tensors, scores, on_rows, n_rows, self.reduction.add if self.reduction is not None and is_told else None)
        return scores

    def _check_room(self, n_rows: int, form: NDArray[Any]) -> None:
        wanted, free = n_rows * form.dtype.itemsize * int(np.prod(form.shape[1:], dtype=np.int64)), self.memory.free_bytes()
        if free is not None and wanted > free:
            raise DeviceError(
                f"device: the scores of {n_rows:,} rows take {human_bytes(wanted)} on the card, and {human_bytes(free)} are free there;"
                " set replay.limit, free the card (see nvidia-smi), or use device=cpu"
            )

    def _check_capture(self, tensors: Sequence[NDArray[Any]], n_rows: int, rows: int) -> None:
        """Hold captured scores against a session that captures nothing, once for a model."""
        plan = replace(self.plan, card=replace(self.card, cuda_graph=False, allow_cpu_nodes=False))
        plain = OnnxCuda(plan, self.memory.device_id, self.memory, self._opened)
        check_graph(
            lambda both: self._on_host(both, rows),
            lambda both: plain._on_host(both, rows),
            *two_batches([t[:n_rows] for t in tensors], rows),
        )
        self._is_checked = True

    def _on_host(self, tensors: Sequence[NDArray[Any]], rows: int) -> NDArray[Any]:
        n, buffer = len(tensors[0]), self._buffer(rows)
        form = _form(buffer, self.plan)
        scores = self.memory.on_card((n, *form.shape[1:]), form.dtype)
        buffer.score(tensors, scores)
        return self.memory.to_host(scores)

    def _buffer(self, rows: int) -> DoubleBuffer:
        rows = self.plan.fixed_batch or rows
        assert self.session is not None  # opened before any batch
        if rows not in self._buffers:
            self._buffers[rows] = DoubleBuffer(
                self.session,
                self.plan,
                self.memory,
                rows,
                is_padded=self.plan.fixed_batch is not None or self.card.cuda_graph,
                graph_ids=[next(self._graph_ids) for _ in range(N_SLOTS)] if self.card.cuda_graph else (),
                is_async=not self.card.allow_cpu_nodes,
            )
        return self._buffers[rows]

    def _halved(self, rows: int) -> int:
        """Give everything back, open the session anew (its arena keeps what it once took), and go on with half of the rows."""
        with guarded(self.plan, 0):
            self.memory.finish()  # copies that are on their way must not land in memory that was given back
        if self.reduction is not None:
            self.reduction.drop()  # scored anew, counted anew
        self._buffers.clear()
        self.session = None
        gc.collect()
        self.memory.release()
        self.session = self._opened(self.plan, self.memory)
        self.batch_rows = rows // 2
        self._say(f"the card's memory ran out with batches of {rows:,} rows; all rows are scored anew in batches of {self.batch_rows:,}")
        return self.batch_rows

    def _say(self, note: str) -> None:
        self.notes.append(note)
        _LOG.warning("%s: %s", self.plan.variant, note)


def _form(buffer: DoubleBuffer, plan: ScoringPlan) -> NDArray[Any]:
    """Return scores of no rows: what shape and type those of a batch have."""
    return np.asarray(scores_of(np.empty((0, *buffer.form.tail), buffer.form.dtype), plan))


def _cupy_memory(device_id: int) -> CardMemory:
    """Take a card, or say in one sentence why there is none."""
    trouble = why_not_cuda(cuda_stack())
    if trouble is not None:
        raise DeviceError(f"device: cuda was asked for, and {trouble.text}; {trouble.remedy}, or use device=cpu")
    try:
        return CupyMemory(device_id)
    except Exception as failure:  # CuPy raises its own class for every library that it calls
        raise cannot_be_used(failure, device_id) from failure
