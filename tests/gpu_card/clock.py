"""How long work takes on a card, by its own events; and the stand-in of a card, by the clock of the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np


class Clock(Protocol):
    """What sections ask of a card: its memory, and how long work takes there."""

    words: str
    n_repeats: int

    def free_bytes(self) -> int: ...

    def total_bytes(self) -> int: ...

    def seconds(self, work: Callable[[], object]) -> float: ...

    def buffers(self, n_bytes: int) -> tuple[Any, Any]:
        """Return two arrays of the card, uint8 [n_bytes]."""

    def pinned(self, n_bytes: int) -> np.ndarray:
        """Return memory of the host that the card reads by itself."""


class CardClock:
    """The current card, by Numba; times are those between two of its events, which hold the launch itself (some 0.1 ms) too."""

    words, n_repeats = "the card's events", 3

    def __init__(self) -> None:
        from numba import cuda

        self._cuda = cuda

    def free_bytes(self) -> int:
        return int(self._cuda.current_context().get_memory_info().free)

    def total_bytes(self) -> int:
        return int(self._cuda.current_context().get_memory_info().total)

    def seconds(self, work: Callable[[], object]) -> float:
        first, last = self._cuda.event(), self._cuda.event()
        self._cuda.synchronize()
        first.record()
        work()
        last.record()
        last.synchronize()
        return float(self._cuda.event_elapsed_time(first, last)) / 1e3

    def buffers(self, n_bytes: int) -> tuple[Any, Any]:
        one, other = (self._cuda.device_array(n_bytes, np.uint8) for _ in range(2))
        return one, other

    def pinned(self, n_bytes: int) -> np.ndarray:
        found: np.ndarray = self._cuda.pinned_array(n_bytes, np.uint8)
        found[:] = 1  # pages that nobody has written are none
        return found


class HostClock:
    """No card: 64 MiB of the host's memory, and the host's clock."""

    words, n_repeats = "the host's clock", 1

    def free_bytes(self) -> int:
        return 1 << 26

    def total_bytes(self) -> int:
        return 1 << 26

    def seconds(self, work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        return max(time.perf_counter() - began, 1e-9)

    def buffers(self, n_bytes: int) -> tuple[Any, Any]:
        return _HostArray(n_bytes), _HostArray(n_bytes)

    def pinned(self, n_bytes: int) -> np.ndarray:
        return np.ones(n_bytes, np.uint8)


class _HostArray:
    def __init__(self, n_bytes: int) -> None:
        self.memory = np.ones(n_bytes, np.uint8)

    def copy_to_device(self, other: Any) -> None:
        self.memory[:] = getattr(other, "memory", other)


@contextmanager
def timed_launches(clock: Clock) -> Iterator[list[tuple[str, float]]]:
    """Time every launch of a Numba kernel in this block; yields the list of (rule, seconds) that it fills."""
    from numba.cuda.dispatcher import CUDADispatcher

    from tests.support.ptx_device import name_of

    found: list[tuple[str, float]] = []
    configure = CUDADispatcher.__getitem__

    def configured(kernel: Any, configuration: Any) -> Callable[..., None]:
        launch = configure(kernel, configuration)
        return lambda *arguments: found.append((name_of(kernel), clock.seconds(lambda: launch(*arguments))))

    CUDADispatcher.__getitem__ = configured
    try:
        yield found
    finally:
        CUDADispatcher.__getitem__ = configure
