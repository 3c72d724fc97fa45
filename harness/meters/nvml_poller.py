"""A thread that looks at something at a steady pace, beside the work that is measured."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
_JOIN_S = 5.0  # a driver that hangs on a lost card may not hang the trial
_FIRST_SHARE = 0.1


class Poller(Generic[T]):
    """Calls `look` every `interval_s` until it is stopped; what it returned and what it raised are handed over at the end.

    The first look comes after a tenth of the interval: just before it the device had nothing to do, and the power that it draws for most
    of the first interval would be missed.

    A look holds the interpreter's lock for the microseconds between calls of the driver, which release it: of 100 ms that is below 1 %.
    """

    def __init__(
        self, look: Callable[[], T], interval_s: float, wait: Callable[[threading.Event, float], bool] = threading.Event.wait
    ) -> None:
        self._look, self._interval_s, self._wait = look, interval_s, wait
        self._looks = list[T]()
        self._trouble: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="power-poller", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Ask for the end, without waiting for it."""
        self._ended.set()

    def result(self) -> tuple[list[T], Exception | None]:
        """Wait for the end; return all looks, and the trouble that broke them off."""
        self._ended.set()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive():
            return [], TimeoutError(f"the driver did not answer for {_JOIN_S:g} s")
        return self._looks, self._trouble

    def _run(self) -> None:
        try:
            pause_s = _FIRST_SHARE * self._interval_s
            while not self._wait(self._ended, pause_s):
                self._looks.append(self._look())
                pause_s = self._interval_s
        except Exception as trouble:  # handed over: a thread must not end with a traceback in the middle of a trial
            self._trouble = trouble
