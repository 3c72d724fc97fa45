"""Compiles a CUDA kernel to PTX and to machine code without a driver, and reads what it needs of a card.

Source of the two steps: NVVM through `numba.cuda.compile`, and `ptxas -v` of the CUDA 13.0 toolkit, which is what a card's driver runs too.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.support.ptx_program import Program, parse

CARDS = {(8, 0): "A100", (9, 0): "H100, H200", (10, 0): "B200"}


@dataclass(frozen=True)
class Cubin:
    """What `ptxas` says of a kernel on one architecture."""

    n_registers: int
    n_spilled_bytes: int
    n_stack_bytes: int
    n_shared_bytes: int


@contextmanager
def compiling_for(cc: tuple[int, int]) -> Iterator[None]:
    """Let functions that a kernel calls be compiled for `cc`: Numba would ask the driver of the current card for it."""
    from numba.cuda import dispatcher

    asked = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=cc)
    try:
        yield
    finally:
        dispatcher.get_current_device = asked


def ptx_of(kernel: Any, signature: tuple[Any, ...], cc: tuple[int, int]) -> str:
    """Return the PTX of a kernel (a plain function, or what `cuda.jit` makes of one) for arguments of these Numba types."""
    from numba import cuda, types

    with compiling_for(cc):
        ptx, _ = cuda.compile(getattr(kernel, "py_func", kernel), types.void(*signature), cc=cc, output="ptx", device=False, abi="numba")
    return str(ptx)


def program_of(kernel: Any, signature: tuple[Any, ...], cc: tuple[int, int]) -> Program:
    return parse(ptx_of(kernel, signature, cc))


def ptxas_path() -> Path:
    """Return the assembler that came with the compiler's packages."""
    from cuda.pathfinder import find_nvidia_binary_utility

    found = find_nvidia_binary_utility("ptxas")
    if found is None:
        raise FileNotFoundError("no ptxas; install the gpu-check extra: make gpu-check-offline")
    return Path(found)


def assemble(ptx: str, cc: tuple[int, int]) -> Cubin:
    """Assemble PTX for an architecture, and return what it needs.

    Raises
    ------
    RuntimeError
        The assembler refuses it.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(ptx, encoding="ascii")
        command = [str(ptxas_path()), "-v", f"-arch=sm_{cc[0]}{cc[1]}", str(source), "-o", f"{source}.cubin"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not Path(f"{source}.cubin").exists():
            raise RuntimeError(f"ptxas refuses the kernel: {done.stderr}")

    def number(pattern: str) -> int:
        return sum(int(found) for found in re.findall(pattern, done.stderr))

    return Cubin(
        number(r"Used (\d+) registers"), number(r"(\d+) bytes spill"), number(r"(\d+) bytes stack frame"), number(r"(\d+) bytes smem")
    )
