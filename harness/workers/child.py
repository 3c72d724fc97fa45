"""One callable in a child process of its own: watched, timed out, and never alive without its parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

# Imports only: a compiled kernel or a thread pool that was started before the fork does not survive it.
# pandas and SciPy are what every child's own modules import: 0.3 s and 1 s that only the first child pays.
PRELOAD = ("numpy", "pandas", "pyarrow", "scipy.stats", "onnxruntime", "harness.errors")
_GRACE_S = 2.0


@dataclass(frozen=True)
class Outcome:
    """How a child ended: ok with its value, or failed | timed_out | invalid with a reason of one sentence."""

    status: str
    value: Any
    reason: str | None


class Channel:
    """The child's side: reports progress, and answers requests when the parent talks to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def progress(self, done: int) -> None:
        """Tell the parent how far the work is; any report counts as a sign of life."""
        self._connection.send(("progress", done))

    def request(self) -> Any:
        """Wait for the parent's next request; None ends the conversation."""
        return self._connection.recv()

    def answer(self, value: Any) -> None:
        """Answer the last request."""
        self._connection.send(("answer", value))


class Child:
    """A child process that runs `work(channel, *args)`; `work` is a function at the top of a module."""

    def __init__(self, work: Callable[..., Any], args: Sequence[Any], log: Path | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(PRELOAD))
        self._connection, theirs = context.Pipe()
        # Non-daemonic children would be joined at exit; the life line below ends them with the parent instead.
        self._process = context.Process(target=_run, args=(theirs, work, tuple(args), log), daemon=True)
        self._process.start()
        theirs.close()

    def wait(self, timeout_s: float, on_progress: Callable[[int], None] = lambda _: None) -> Outcome:
        """Wait for the end of the work; `timeout_s` without a report ends it as timed out."""
        while True:
            kind, value = self._receive(timeout_s)
            if kind == "progress":
                on_progress(value)
                continue
            self.close()
            return Outcome(kind, value, None) if kind == "ok" else Outcome(kind, None, value)

    def ask(self, request: Any, timeout_s: float) -> Outcome:
        """Send a request to a warm child and wait for its answer."""
        try:
            self._connection.send(request)
        except (BrokenPipeError, OSError):
            return Outcome("failed", None, self._death())
        kind, value = self._receive(timeout_s)
        return Outcome("ok", value, None) if kind == "answer" else Outcome(kind, None, value)

    def _receive(self, timeout_s: float) -> tuple[str, Any]:
        deadline = time.monotonic() + timeout_s
        while not self._connection.poll(min(0.2, max(0.0, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                self.close()
                return "timed_out", f"no progress for {timeout_s:g} s (timeout_s); it was ended"
        try:
            kind, value = self._connection.recv()
        except (EOFError, OSError):
            return "failed", self._death()
        return str(kind), value

    def _death(self) -> str:
        self._process.join(_GRACE_S)
        code = self._process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = ", by the system when memory ran out or by somebody" if -code == signal.SIGKILL else ""
            return f"its process was ended by {name}{hint}"
        return f"its process left with exit code {code}"

    def close(self) -> None:
        """End the child, gently and then surely."""
        with contextlib.suppress(OSError):
            self._connection.close()
        self._process.join(0.5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_GRACE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def run_child(
    work: Callable[..., Any], args: Sequence[Any], timeout_s: float, log: Path | None, on_progress: Callable[[int], None]
) -> Outcome:
    """Run `work(channel, *args)` in a child and return how it ended; a crash, a kill or a hang is an outcome, not an exception."""
    child = Child(work, args, log)
    try:
        return child.wait(timeout_s, on_progress)
    finally:
        child.close()


def _run(connection: Connection, work: Callable[..., Any], args: tuple[Any, ...], log: Path | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if log is not None:
        stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
    _die_with_parent()
    try:
        message = ("ok", work(Channel(connection), *args))
    except HarnessError as trouble:
        traceback.print_exc()
        message = ("invalid" if trouble.exit_code == 4 else "failed", str(trouble))
    except MemoryError:
        message = ("failed", "memory ran out; use a smaller deploy.batch_rows or a machine with more memory")
    except Exception as trouble:
        traceback.print_exc()
        message = ("failed", f"{type(trouble).__name__}: {' '.join(str(trouble).split())[:300]}")
    sys.stdout.flush()
    sys.stderr.flush()
    with contextlib.suppress(BrokenPipeError, OSError):
        connection.send(message)


def _die_with_parent() -> None:
    """End this process soon after its parent is gone; the sentinel works on every platform, unlike a signal at death."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    sentinel = parent.sentinel

    def watch() -> None:
        multiprocessing.connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
