"""What a card or one of its libraries raises in the middle of its work, as one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import DeviceError, HarnessError
from harness.inference.card_memory import is_out_of_memory
from harness.records.model import ScoringPlan


class OutOfCardMemoryError(DeviceError):
    """The card had not enough memory for a batch."""


class Progress:
    """How far the card was when it failed."""

    def __init__(self, n_rows: int) -> None:
        self.n_rows, self.n_done = n_rows, 0

    def reporting(self, on_rows: Callable[[int], None]) -> Callable[[int], None]:
        """Return `on_rows`, remembering what it is told."""

        def told(stop: int) -> None:
            self.n_done = stop
            on_rows(stop)

        return told

    def __str__(self) -> str:
        return f"row {self.n_done:,} of {self.n_rows:,}"


@contextmanager
def guarded(plan: ScoringPlan, n_rows: int) -> Iterator[Progress]:
    """Turn what is raised inside into one sentence; what is one already, and memory of the host, pass.

    Raises
    ------
    OutOfCardMemoryError
        When the card's memory ran out: with fewer rows it may go.
    DeviceError
        When the card failed in another way, and with how many rows handed to it.
    """
    progress = Progress(n_rows)
    try:
        yield progress
    except HarnessError:
        raise
    except Exception as trouble:  # CuPy and ONNX Runtime have no common base class for their errors
        said = " ".join(str(trouble).split())[:200] or type(trouble).__name__
        if is_out_of_memory(trouble):
            size = f"the batch of {plan.fixed_batch} rows that the graph demands" if plan.fixed_batch else "a batch"
            raise OutOfCardMemoryError(
                f"device: the card's memory does not hold {size} of variant '{plan.variant}' ({said}); free the card (see nvidia-smi), or use"
                " device=cpu"
            ) from trouble
        if isinstance(trouble, MemoryError):
            raise
        raise DeviceError(
            f"device: the card failed at {progress} of variant '{plan.variant}' ({said}); look at nvidia-smi and at the kernel's log (dmesg,"
            " NVRM: Xid), and run the sweep again: it goes on with what is missing"
        ) from trouble
