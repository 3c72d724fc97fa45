"""What scoring on a card needs of its memory and its three streams: the one seam between the flow of batches and CuPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class CardMemory(Protocol):
    """Memory of one card, a stream that copies to it, one that computes scores, and one that reduces them.

    Work is put on a stream and done later, in the order of that stream; nothing orders the streams but the events that are waited for. An event
    is whatever `send` and `compute` return.

    Attributes
    ----------
    device_type : str
        As ONNX Runtime calls it: cuda.
    device_id : int
        Number of the card among those that the process sees.
    compute_stream : int
        Address of the stream on which ONNX Runtime is to compute.
    reduce_stream : int
        Address of the stream on which scores are reduced while later ones are computed.
    """

    device_type: str
    device_id: int
    compute_stream: int
    reduce_stream: int

    def on_card(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        """Return uninitialised memory of the card; raises what `is_out_of_memory` knows when there is not enough."""

    def pinned(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return page-locked memory of the host: only from there is a copy asynchronous."""

    def send(self, host: NDArray[Any], device: Any) -> Any:
        """Put a copy of pinned memory to the card on the copy stream; the event has happened when it is done."""

    def compute(self, work: Callable[[], None]) -> Any:
        """Call `work` with the compute stream as the current one; the event has happened when all that it started is done."""

    def reduce(self, work: Callable[[], None], after: Any) -> None:
        """Call `work`, which launches on the reduction stream; nothing of it begins before the event."""

    def copies_wait(self, event: Any) -> None:
        """Keep later copies from beginning before the event."""

    def computes_wait(self, event: Any) -> None:
        """Keep later work of the compute stream from beginning before the event."""

    def host_waits(self, event: Any) -> None:
        """Return when the event has happened."""

    def finish(self) -> None:
        """Return when all three streams have nothing left to do."""

    def to_host(self, array: Any) -> NDArray[Any]:
        """Copy an array of the card to the host, after all work of the compute stream."""

    def free_bytes(self) -> int | None:
        """Return what is free on the card; None where it does not say."""

    def release(self) -> None:
        """Give memory that nothing uses any more back to the card."""


def is_out_of_memory(trouble: BaseException) -> bool:
    """Say whether the card had not enough memory; CuPy, CUDA's runtime, cuBLAS, cuDNN and ONNX Runtime each say it in their own words.

    >>> is_out_of_memory(RuntimeError("BFCArena: Failed to allocate memory for requested buffer of size 1048576")), is_out_of_memory(MemoryError())
    (True, False)
    """
    if type(trouble).__name__ == "OutOfMemoryError":
        return True
    text = str(trouble)
    return any(words in text for words in _OUT_OF_MEMORY)


_OUT_OF_MEMORY = (
    "Failed to allocate memory for requested buffer",  # ONNX Runtime's arena
    "cudaErrorMemoryAllocation",
    "CUDA failure 2:",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)
