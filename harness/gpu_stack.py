"""Which packages stand beside the driver, what is wrong with them together, and the command that mends it; nothing of CUDA is imported."""

from __future__ import annotations

import ctypes.util
import re
from dataclasses import dataclass
from importlib.metadata import distributions

from harness.device import CUDA_WANTED, NEW_DRIVER, CudaDriver, cuda_driver, cuda_version_text

_ONNXRUNTIME_WANTED = "1.31."  # of the `gpu` extra: PyPI's older ones are built for CUDA 12
_OLDER_CUDA = re.compile(r"-cu1[12]$|-cuda1[12]x$")
_OF_THE_STACK = re.compile(r"^(onnxruntime|cupy|cudf|numba-cuda|nvidia-|tensorrt)|-cu1\d$|-cuda1\dx$")
_CUPY = re.compile(r"^cupy(-cuda\d+x?|-rocm[\d-]+)?$")
BOTH_ONNXRUNTIMES = "onnxruntime and onnxruntime-gpu share a folder and break each other"
GPU_EXTRA = "pip install 'replay-harness[gpu]'"


@dataclass(frozen=True)
class CudaStack:
    """The facts that decide whether a card can be used: the driver, and the packages with their versions, names in small letters.

    Args:
        has_cudnn: cuDNN 9 is installed, as a package or in the system.
    """

    driver: CudaDriver
    packages: tuple[tuple[str, str], ...]
    has_cudnn: bool

    def version(self, name: str) -> str | None:
        """Return the version of one package, or None where it is not installed."""
        return dict(self.packages).get(name)


@dataclass(frozen=True)
class StackTrouble:
    """What is wrong, in the words of a clause, and what mends it; a fatal one keeps device=cuda from running."""

    what: str
    text: str
    remedy: str
    is_fatal: bool = True


def cuda_stack(driver: CudaDriver | None = None) -> CudaStack:
    """Collect the facts of this machine and this environment; nothing of CUDA is imported."""
    names = ((str(found.metadata["Name"] or "").lower().replace("_", "-"), found.version) for found in distributions())
    packages = tuple(sorted({(name, version) for name, version in names if _OF_THE_STACK.search(name)}))
    has_cudnn = any(name.startswith("nvidia-cudnn-cu13") for name, _ in packages) or bool(ctypes.util.find_library("cudnn"))
    return CudaStack(driver or cuda_driver(), packages, has_cudnn)


def stack_troubles(stack: CudaStack) -> tuple[StackTrouble, ...]:
    """Say what is wrong with a stack, each with the command that mends it, what comes first in the stack first.

    Examples
    --------
    >>> old = CudaStack(CudaDriver(1, None, 12040), (("cupy-cuda13x", "14.2.0"), ("numba-cuda", "0.30.4"), ("onnxruntime-gpu", "1.31.1")), True)
    >>> [(trouble.what, trouble.text) for trouble in stack_troubles(old)]
    [('driver', 'the driver knows CUDA 12.4, wanted 13.0 or newer'), ('cudf', 'cudf-cu13 is not installed, and logs are decoded on the CPU')]
    """
    found = (*_driver_troubles(stack.driver), *_mode_troubles(stack.driver), *_onnxruntime_troubles(stack), *_package_troubles(stack))
    return tuple(sorted(found, key=lambda trouble: not trouble.is_fatal))


def why_not_cuda(stack: CudaStack) -> StackTrouble | None:
    """Return the first trouble that keeps device=cuda from running, or None where nothing does."""
    return next((trouble for trouble in stack_troubles(stack) if trouble.is_fatal), None)


def _driver_troubles(driver: CudaDriver) -> list[StackTrouble]:
    known = driver.cuda_version
    if known is not None and known < CUDA_WANTED:
        own = f"the driver {driver.version}" if driver.version else "the driver"
        text = f"{own} knows CUDA {cuda_version_text(known)}, wanted {cuda_version_text(CUDA_WANTED)} or newer"
        return [StackTrouble("driver", text, NEW_DRIVER)]
    if driver.n_devices == 0:
        return [StackTrouble("driver", str(driver.reason), driver.remedy or "run nvidia-smi on the machine that has the card")]
    return []


def _mode_troubles(driver: CudaDriver) -> list[StackTrouble]:
    found = []
    for device in driver.devices:
        if device.compute_mode in ("Prohibited", "Exclusive_Process"):
            is_fatal = device.compute_mode == "Prohibited"
            does = "lets no process in" if is_fatal else "lets one process in, while the speed phase keeps one a variant"
            remedy = f"run: sudo nvidia-smi -i {device.uuid} -c DEFAULT"
            found.append(
                StackTrouble("compute mode", f"the compute mode of {device} is {device.compute_mode}, which {does}", remedy, is_fatal)
            )
    return found


def _onnxruntime_troubles(stack: CudaStack) -> list[StackTrouble]:
    cpu, gpu = stack.version("onnxruntime"), stack.version("onnxruntime-gpu")
    remedy = f"run: pip uninstall -y onnxruntime onnxruntime-gpu && {GPU_EXTRA}"
    if cpu and gpu:
        return [StackTrouble("onnxruntime", BOTH_ONNXRUNTIMES, remedy)]
    if cpu:
        return [StackTrouble("onnxruntime", f"the CPU package of ONNX Runtime is installed (onnxruntime {cpu})", remedy)]
    if not gpu:
        return [StackTrouble("onnxruntime", "onnxruntime-gpu is not installed", f"run: {GPU_EXTRA}")]
    if not gpu.startswith(_ONNXRUNTIME_WANTED):
        text = f"onnxruntime-gpu {gpu} is installed, wanted {_ONNXRUNTIME_WANTED}*, which is built for CUDA 13"
        return [StackTrouble("onnxruntime", text, f"run: {GPU_EXTRA}")]
    if not stack.has_cudnn:
        text = "cuDNN is missing, without which ONNX Runtime's CUDA provider does not load"
        return [StackTrouble("cudnn", text, "run: pip install nvidia-cudnn-cu13")]
    return []


def _package_troubles(stack: CudaStack) -> list[StackTrouble]:
    names = sorted(name for name, _ in stack.packages)
    found = [*_cupy_troubles(names)]
    if "numba-cuda" not in names:
        found.append(StackTrouble("numba-cuda", "numba-cuda is not installed", f"run: {GPU_EXTRA}"))
    cudnn = [name for name in names if name.startswith("nvidia-cudnn-cu")]
    if len(cudnn) > 1:  # the later one has overwritten the other, and it may be the right one
        found.append(StackTrouble("cudnn", *_in_one_folder(cudnn), is_fatal=False))
    older = [name for name in names if _OLDER_CUDA.search(name) and not _CUPY.match(name) and name not in cudnn]
    if older:
        some = ", ".join(older[:3]) + (f" and {len(older) - 3} more" if len(older) > 3 else "")
        text = f"packages of an older CUDA stand beside those of CUDA 13 ({some}), and two CUDA majors in one process break each other"
        # They do harm only once something loads them.
        found.append(StackTrouble("cuda packages", text, f"run: pip uninstall -y {' '.join(older)}", is_fatal=False))
    if "cudf-cu13" not in names:
        text = "cudf-cu13 is not installed, and logs are decoded on the CPU"
        found.append(StackTrouble("cudf", text, f"run: {GPU_EXTRA}", is_fatal=False))
    return found


def _cupy_troubles(names: list[str]) -> list[StackTrouble]:
    found = [name for name in names if _CUPY.match(name)]
    if found == ["cupy-cuda13x"]:
        return []
    if not found:
        return [StackTrouble("cupy", "cupy-cuda13x is not installed", f"run: {GPU_EXTRA}")]
    if len(found) == 1:
        return [StackTrouble("cupy", f"{found[0]} is installed, wanted cupy-cuda13x", f"run: pip uninstall -y {found[0]} && {GPU_EXTRA}")]
    return [StackTrouble("cupy", *_in_one_folder(found))]


def _in_one_folder(names: list[str]) -> tuple[str, str]:
    """Return text and remedy of packages that overwrite each other's files: removing one takes files of the other away, so both are removed."""
    return f"{' and '.join(names)} share a folder and break each other", f"run: pip uninstall -y {' '.join(names)} && {GPU_EXTRA}"
