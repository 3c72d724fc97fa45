"""A card made of NumPy, whose three streams do their work when a schedule says so: what does not wait for its event reads rubbish.

Real streams may lag behind the host, or each other, by any amount. Here every piece of work stands in a queue, in order, until something
that waits for it makes it run: never earlier (`lazy`), at once (`eager`), one stream at once and the others as late as possible, or as a
seeded generator decides. A flow is right when it gives the same scores, and the same reduction, under all of them.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

COPY, COMPUTE, REDUCE = STREAMS = ("copy", "compute", "reduce")
WAITS = ("copies_wait", "computes_wait", "host_waits")
REDUCTION_WAITS = "reduction waits"


class OutOfMemoryError(MemoryError):
    """Named as CuPy's, which is told by its name."""


class Event:
    """Has happened once the stream that recorded it came by."""

    def __init__(self, stream: str) -> None:
        self.stream, self.happened = stream, False


class StreamsStandIn:
    """Three streams and memory, as `CardMemory` wants them.

    Parameters
    ----------
    schedule : str or int
        lazy | eager | copy | compute | reduce (that stream at once, the others late; several joined by +), or the seed of a random one.
    deaf_to : str
        One of WAITS, or REDUCTION_WAITS, which does nothing then: for tests that must fail.
    memory_bytes : int
        Of the card.
    fails_at : int
        The card is gone at this call of `send`.
    """

    device_type, device_id, compute_stream, reduce_stream = "cpu", 0, 0, 0

    def __init__(
        self, schedule: str | int = "lazy", deaf_to: str | None = None, memory_bytes: int | None = None, fails_at: int | None = None
    ) -> None:
        self.schedule, self.deaf_to, self.memory_bytes, self.fails_at = schedule, deaf_to, memory_bytes, fails_at
        self.random = np.random.default_rng(schedule) if isinstance(schedule, int) else None
        self.queues: dict[str, deque[Callable[[], bool]]] = {stream: deque() for stream in STREAMS}
        self.live_bytes, self.n_sent, self.n_releases = 0, 0, 0

    def on_card(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        n_bytes = math.prod(shape) * dtype.itemsize
        if self.memory_bytes is not None and self.live_bytes + n_bytes > self.memory_bytes:
            raise OutOfMemoryError(f"Out of memory allocating {n_bytes} bytes (allocated so far: {self.live_bytes} bytes).")
        array = np.full(n_bytes, 0xA5, np.uint8).view(dtype).reshape(shape)
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        self.live_bytes += n_bytes
        weakref.finalize(base, self._freed, n_bytes)
        return array

    def _freed(self, n_bytes: int) -> None:
        self.live_bytes -= n_bytes

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        return np.full(math.prod(shape) * dtype.itemsize, 0x5A, np.uint8).view(dtype).reshape(shape)

    def send(self, host: NDArray[Any], device: Any) -> Event:
        self.n_sent += 1
        if self.fails_at is not None and self.n_sent >= self.fails_at:
            raise RuntimeError("cudaErrorDeviceUnavailable: CUDA-capable device(s) is/are busy or unavailable")
        assert host.shape == device.shape
        assert host.flags.c_contiguous
        assert device.flags.c_contiguous
        return self._put(COPY, lambda: np.copyto(device, host, casting="no"))

    def compute(self, work: Callable[[], None]) -> Event:
        return self._put(COMPUTE, work)

    def reduce(self, work: Callable[[], None], after: Event) -> None:
        self._put_wait(REDUCE, after, REDUCTION_WAITS)
        self._put(REDUCE, work)

    def copies_wait(self, event: Event) -> None:
        self._put_wait(COPY, event, "copies_wait")

    def computes_wait(self, event: Event) -> None:
        self._put_wait(COMPUTE, event, "computes_wait")

    def host_waits(self, event: Event) -> None:
        if self.deaf_to != "host_waits":
            self._until(event)

    def finish(self) -> None:
        while any(self.queues.values()):
            assert any(self._step(stream) for stream in STREAMS), "the streams wait for each other"

    def to_host(self, array: Any) -> NDArray[Any]:
        self.finish()
        return np.array(array)

    def free_bytes(self) -> int | None:
        return None if self.memory_bytes is None else self.memory_bytes - self.live_bytes

    def release(self) -> None:
        self.n_releases += 1

    def _put(self, stream: str, work: Callable[[], None]) -> Event:
        event = Event(stream)

        def done() -> bool:
            try:
                work()
            except Exception:
                self.queues[stream].popleft()  # what could not be started is not on the stream
                event.happened = True
                raise
            event.happened = True
            return True

        self.queues[stream].append(done)
        self._go_on()
        return event

    def _put_wait(self, stream: str, event: Event, kind: str) -> None:
        if self.deaf_to != kind:
            self.queues[stream].append(lambda: event.happened)
            self._go_on()

    def _step(self, stream: str) -> bool:
        """Do the next piece of a stream's work; false where there is none, or it waits."""
        if not self.queues[stream] or not self.queues[stream][0]():
            return False
        self.queues[stream].popleft()
        return True

    def _until(self, event: Event) -> None:
        first = (event.stream, *(stream for stream in STREAMS if stream != event.stream))
        while not event.happened:
            assert any(self._step(stream) for stream in first), "the streams wait for each other"

    def _go_on(self) -> None:
        """Let the streams work as far as the schedule wants it now."""
        if self.random is not None:
            for _ in range(int(self.random.integers(0, 6))):
                self._step(STREAMS[int(self.random.integers(0, len(STREAMS)))])
            return
        at_once = {"eager": STREAMS, "lazy": ()}.get(str(self.schedule), str(self.schedule).split("+"))
        for stream in itertools.chain(at_once, at_once):
            while self._step(stream):
                pass
