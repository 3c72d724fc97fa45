"""The real pynvml over a simulated library: built once, scripted by a file, each scenario in a process of its own under a virtual clock."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

LIBRARY = "libnvidia-ml.so.1"
SOURCE = Path(__file__).with_name("fake_nvml.c")
PROJECT = Path(__file__).parents[2]
UUIDS = tuple(f"GPU-0000000{i}-1111-2222-3333-44444444444{i}" for i in range(4))


def build(folder: Path) -> Path:
    """Compile the library into a folder, which is returned; skip the test where there is no compiler."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: the simulated NVML cannot be built")
    command = ["gcc", "-Wall", "-Werror", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{LIBRARY}", "-o", str(folder / LIBRARY), str(SOURCE)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


class Simulation:
    """Answers questions over the library of a folder, each in a process of its own: a fork of one that has imported everything but NVML."""

    def __init__(self, library: Path) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CUDA_", "LD_LIBRARY_PATH", "FAKE_NVML"))}
        # A fork wants one thread, and OpenBLAS starts some when it is imported.
        environ = kept | {"PYTHONPATH": str(PROJECT), "LD_LIBRARY_PATH": str(library), "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "error", "-m", "tests.support.simulated_nvml"]
        self._folder = library
        self._server = subprocess.Popen(
            command, cwd=PROJECT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ask(self, facts: str, question: str, environ: dict[str, str] | None = None, **details: Any) -> Any:
        """Return the answer to a question; `facts` are the lines of the library's script, parted by `;`."""
        script = self._folder / "script.txt"
        script.write_text("\n".join(line.strip() for line in facts.split(";") if line.strip()))
        work = {"question": question, "details": details, "environ": {**(environ or {}), "FAKE_NVML_SCRIPT": str(script)}}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(work) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer.startswith("["), f"{answer}{self.close()}"
        return json.loads(answer)[0]

    def close(self) -> str:
        """End the process and return what it said besides answers."""
        return self._server.communicate(timeout=60)[1]


class VirtualTime:
    """Time that goes on when it is told to; a poller's thread waits in it, and every look that is due is made on the way."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due_s = 0.0
        self._arrived, self._go = threading.Semaphore(0), threading.Semaphore(0)

    def clock(self) -> float:
        return self.now_s

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        """Stand in for Event.wait in the poller's thread."""
        self._due_s = self.now_s + seconds
        self._arrived.release()
        while not self._go.acquire(timeout=0.002):
            if ended.is_set():
                return True
        return ended.is_set()

    def window(self, meter: Any, seconds: float) -> Any:
        """Run one window of a meter and return its reading."""
        self._arrived, self._go = threading.Semaphore(0), threading.Semaphore(0)
        meter.start()
        end_s = self.now_s + seconds
        while self._is_waiting() and self._due_s < end_s - 1e-9:
            self.set(self._due_s)
            self._go.release()
        self.set(end_s)
        return meter.stop()

    def set(self, now_s: float) -> None:
        self.now_s = now_s

    def _is_waiting(self) -> bool:
        """Wait until the poller waits; False when there is none, or none any more."""
        while not self._arrived.acquire(timeout=0.002):
            if not any(thread.name == "power-poller" for thread in threading.enumerate()):
                return False
        return True


class LibraryTime(VirtualTime):
    """Virtual time that the simulated library follows."""

    def __init__(self) -> None:
        super().__init__()
        self._library = ctypes.CDLL(LIBRARY)
        self._library.fake_nvml_set_time.argtypes = [ctypes.c_double]

    def set(self, now_s: float) -> None:
        super().set(now_s)
        self._library.fake_nvml_set_time(now_s)


def _readings(uuids: list[str] | None, windows: list[list[float]], is_vm: bool = False) -> list[dict[str, Any]]:
    """Measure windows of (begin, seconds) on cards, under virtual time."""
    from harness.meters.energy import NoEnergyMeter
    from harness.meters.meter_for import cuda_energy_meter
    from harness.meters.nvml_meter import NvmlMeter

    found: Any = cuda_energy_meter(uuids, is_vm=is_vm)
    if isinstance(found, NoEnergyMeter):
        return [asdict(found.stop()) for _ in windows]
    assert isinstance(found, NvmlMeter)
    time = LibraryTime()
    meter = NvmlMeter(found.cards, clock=time.clock, wait=time.wait)
    readings = []
    for begin_s, seconds in windows:
        time.set(begin_s)
        readings.append(asdict(time.window(meter, seconds)))
    return readings


def _idle(uuid: str, seconds: float) -> float | None:
    from harness.meters.energy import idle_power_w
    from harness.meters.meter_for import cuda_energy_meter
    from harness.meters.nvml_meter import NvmlMeter

    found: Any = cuda_energy_meter([uuid])
    time = LibraryTime()
    return idle_power_w(NvmlMeter(found.cards, clock=time.clock), seconds, sleep=lambda seconds: time.set(time.now_s + seconds))


def _real_thread(uuid: str, n_looks: int) -> dict[str, Any]:
    """Measure with a real thread and a real clock until it has looked a few times."""
    from harness.meters.meter_for import cuda_energy_meter
    from harness.meters.nvml_meter import NvmlMeter

    found: Any = cuda_energy_meter([uuid])
    waits = threading.Semaphore(0)

    def wait(ended: threading.Event, seconds: float) -> bool:
        waits.release()
        return ended.wait(seconds)

    meter = NvmlMeter(found.cards, interval_s=0.001, wait=wait)
    meter.start()
    for _ in range(n_looks + 1):
        assert waits.acquire(timeout=10)
    return asdict(meter.stop())


def _cards() -> dict[str, Any]:
    from harness.meters.cards import describe_cards

    gpus, driver, reason = describe_cards()
    n_open = ctypes.CDLL(LIBRARY).fake_nvml_n_open() if gpus or driver else 0
    return {"gpus": [asdict(gpu) for gpu in gpus], "driver": driver, "reason": reason, "n_open": n_open}


def _own_pid_is_foreign() -> bool:
    """Say whether this process counts as a foreign one when the card names it."""
    from harness.meters.cards import describe_cards

    with Path(os.environ["FAKE_NVML_SCRIPT"]).open("a") as script:
        script.write(f"\npid 0 {os.getpid()}\n")
    return bool(describe_cards()[0][0].foreign_pids)


def _visible() -> list[str]:
    from harness.meters.cards import cuda_uuids, visible_uuids

    return list(visible_uuids(cuda_order=lambda: cuda_uuids(LIBRARY)))


def _kind(device: str, estimated_tdp_w: float | None, is_vm: bool) -> list[Any]:
    from harness.meters.meter_for import meter_for
    from harness.records.conf import MeasureConf

    meter: Any = meter_for(device, MeasureConf("quick", estimated_tdp_w=estimated_tdp_w), machine_is_vm=is_vm)
    return [type(meter).__name__, getattr(meter, "reason", None), [card.uuid for card in getattr(meter, "cards", ())]]


_QUESTIONS = {
    "readings": _readings,
    "idle": _idle,
    "real_thread": _real_thread,
    "cards": _cards,
    "own_pid_is_foreign": _own_pid_is_foreign,
    "visible": _visible,
    "kind": _kind,
}


def main() -> None:
    """Answer the questions of the standard input, each in a fork."""
    import harness.meters.meter_for
    import harness.meters.nvml_meter  # noqa: F401

    for line in sys.stdin:
        work = json.loads(line)
        child = os.fork()
        if child == 0:
            os.environ.update(work["environ"])
            print(json.dumps([_QUESTIONS[work["question"]](**work["details"])]), flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            print("it failed", flush=True)


if __name__ == "__main__":
    main()
