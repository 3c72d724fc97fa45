"""What a card or one of its libraries raises in the middle of its work, as one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import DeviceError, HarnessError
from harness.inference.card_memory import is_out_of_memory
from harness.records.model import ScoringPlan
from kernels.devices import CardMemoryError

_SAID_AT_MOST = 200
_LIBRARIES = ("cupy.", "cupy_backends.", "cuda.", "rmm.", "numba.cuda.cudadrv.", "numba.cuda.simulator.cudadrv.")
# ONNX Runtime, CuPy and Numba pass on what CUDA and its libraries call a failure; errors of a graph, or of this code, have no such words.
_OF_CUDA = re.compile(r"(CUDA|CUDNN|CUBLAS|CUFFT|CURAND) failure \d+|cudaError|CUDA error|CU[A-Z]*_(ERROR|STATUS)_|[Tt]ensor[Rr][Tt]")
_LOOK = "look at nvidia-smi and at the kernel's log (dmesg, NVRM: Xid)"
# What CUDA's runtime and its driver call a failure that has a remedy of its own (CUDA Runtime API, enum cudaError; Driver API, enum CUresult)
_REMEDIES = (
    (
        ("cudaErrorDevicesUnavailable", "CUDA_ERROR_DEVICE_UNAVAILABLE"),
        "another process holds the card where its compute mode lets one in (nvidia-smi -q -d COMPUTE); end it, or run: sudo nvidia-smi -c DEFAULT",
    ),
    (
        ("cudaErrorInsufficientDriver", "driver version is insufficient"),
        "the driver is older than CUDA 13 wants; look at harness doctor, which names both versions",
    ),
    (
        ("cudaErrorECCUncorrectable", "CUDA_ERROR_ECC_UNCORRECTABLE"),
        "the card's memory has an error that it cannot correct (nvidia-smi -q -d ECC); use another card, or reset this one",
    ),
    (
        ("cudaErrorNoDevice", "CUDA_ERROR_NO_DEVICE", "cudaErrorInvalidDevice", "CUDA_ERROR_INVALID_DEVICE"),
        "look at nvidia-smi -L and at CUDA_VISIBLE_DEVICES: the driver shows no such card",
    ),
)


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


def said_by(trouble: BaseException) -> str:
    """Return what an exception says, in one line, or its name where it says nothing."""
    return " ".join(str(trouble).split())[:_SAID_AT_MOST] or type(trouble).__name__


def is_of_card(trouble: BaseException) -> bool:
    """Say whether the card failed: CUDA's libraries have no common base class, but modules and words by which their errors are told.

    >>> is_of_card(type("CUDARuntimeError", (RuntimeError,), {"__module__": "cupy_backends.cuda.api.runtime"})("gone"))
    True
    >>> is_of_card(RuntimeError("CUDA failure 719: unspecified launch failure ; GPU=0")), is_of_card(RuntimeError("[ONNXRuntimeError] : 2 : Invalid"))
    (True, False)
    """
    modules = (f"{kind.__module__}." for kind in type(trouble).__mro__)
    return any(module.startswith(_LIBRARIES) for module in modules) or _OF_CUDA.search(str(trouble)) is not None


def remedy_of(said: str) -> str:
    """Return what to do about a failure, by what CUDA called it.

    >>> remedy_of("cudaErrorLaunchFailure: unspecified launch failure")
    "look at nvidia-smi and at the kernel's log (dmesg, NVRM: Xid)"
    """
    return next((remedy for names, remedy in _REMEDIES if any(name in said for name in names)), _LOOK)


def failed(trouble: BaseException, when: str) -> DeviceError:
    """Return the sentence of a card that failed in the middle of its work, for which no fewer rows are a remedy."""
    said = said_by(trouble)
    return DeviceError(
        f"device: the card failed {when} ({said}); {remedy_of(said)}, and run the sweep again: it goes on with what is missing"
    )


def cannot_be_used(trouble: BaseException, device_id: int) -> DeviceError:
    """Return the sentence of a card that could not even be opened."""
    said = said_by(trouble)
    return DeviceError(f"device: card {device_id} cannot be used ({said}); {remedy_of(said)}, or use device=cpu")


@contextmanager
def guarded(plan: ScoringPlan, n_rows: int) -> Iterator[Progress]:
    """Turn what a card raises inside into one sentence; what is one already, memory of the host, and errors of a graph pass.

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
    except CardMemoryError as trouble:  # tables, which no smaller batch makes smaller
        raise DeviceError(f"device: {trouble}") from trouble
    except Exception as trouble:
        if is_out_of_memory(trouble):
            size = f"the batch of {plan.fixed_batch} rows that the graph demands" if plan.fixed_batch else "a batch"
            raise OutOfCardMemoryError(
                f"device: the card's memory does not hold {size} of variant '{plan.variant}' ({said_by(trouble)}); free the card (see"
                " nvidia-smi), or use device=cpu"
            ) from trouble
        if not is_of_card(trouble):
            raise
        raise failed(trouble, f"at {progress} of variant '{plan.variant}'") from trouble
