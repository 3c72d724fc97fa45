"""A card that fails while scores are reduced on it: what its libraries raise, as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import DeviceError
from harness.inference.card_failure import failed, is_of_card, said_by
from harness.inference.card_memory import is_out_of_memory
from kernels.devices import CardMemoryError


@contextmanager
def card_errors(when: str = "while scores were reduced on it") -> Iterator[None]:
    """Say in one sentence that the card failed, or that its memory ran out; everything else passes.

    Parameters
    ----------
    when : str
        What the card did, as it follows "the card failed".

    Raises
    ------
    DeviceError
        When it failed.

    Examples
    --------
    >>> try:
    ...     with card_errors():
    ...         raise CardMemoryError("the table takes 9 MiB on the card, which has 3 MiB free; use device=cpu")
    ... except DeviceError as trouble:
    ...     print(trouble)
    device: the table takes 9 MiB on the card, which has 3 MiB free; use device=cpu
    """
    try:
        yield
    except CardMemoryError as trouble:
        raise DeviceError(f"device: {trouble}") from trouble
    except Exception as trouble:
        if not is_of_card(trouble):
            raise
        if is_out_of_memory(trouble):
            raise DeviceError(
                f"device: the card's memory ran out {when} ({said_by(trouble)}); free the card (see nvidia-smi), leave out a cross or the windows,"
                " or use device=cpu"
            ) from trouble
        raise failed(trouble, when) from trouble
