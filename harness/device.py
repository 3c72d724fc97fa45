"""What the driver says of CUDA devices; asks it directly, since installed packages say nothing about a card."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass


@dataclass(frozen=True)
class CudaDriver:
    """Number of CUDA devices that the driver can use, and the reason when there is none."""

    n_devices: int
    reason: str | None


def cuda_driver(library: str = "libcuda.so.1") -> CudaDriver:
    """Ask the CUDA driver for its devices, without importing anything heavy."""
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return CudaDriver(0, f"no CUDA driver ({library} is not installed)")
    status = driver.cuInit(0)
    if status != 0:
        return CudaDriver(0, f"the CUDA driver does not start (cuInit returned {status})")
    count = ctypes.c_int(0)
    status = driver.cuDeviceGetCount(ctypes.byref(count))
    if status != 0 or count.value == 0:
        return CudaDriver(0, "the CUDA driver finds no device")
    return CudaDriver(count.value, None)
