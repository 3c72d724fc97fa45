"""The real command under crashes, kills, hangs, interrupts, full disks, and read-only folders."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from tests.conftest import PROJECT, Said, World, harness_environment, run_harness

Harness = Callable[[Sequence[str]], Said]


def status_of(results: Path) -> dict[str, str]:
    """Status of each variant in the manifest; empty while there is none."""
    try:
        manifest = json.loads((results / "tiny" / "sweep.json").read_text())
    except FileNotFoundError:
        return {}
    return {m["variant"]: m["status"] for m in manifest["members"]}


def wait_for(what: Callable[[], object], process: subprocess.Popen[str], timeout_s: float = 60.0) -> object:
    """Wait until `what` is true while the process lives."""
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def start(args: Sequence[str], cwd: Path) -> subprocess.Popen[str]:
    """Start the command as the leader of a process group of its own, as a shell does."""
    command = [sys.executable, "-m", "harness.cli", *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=harness_environment(), stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def busy_child(parent: psutil.Process) -> psutil.Process | None:
    """The process that scores: the descendant that has used the processor for a second since a model holds it."""
    for child in parent.children(recursive=True):
        try:
            if child.cpu_percent(0.2) > 20 and child.parent() != parent:
                return child
        except psutil.Error:
            continue
    return None


@pytest.fixture(scope="session")
def tiny_results(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of the real command; it also compiles the kernels and prepares the tiny log."""
    results = tmp_path_factory.mktemp("tiny_results")
    done = run_harness(world.args(results), world.root, timeout_s=300)
    assert done.returncode == 0, done.stderr
    return results


def test_a_crash_a_kill_and_a_hang_are_one_failed_row_each(tiny_results: Path, world: World, tmp_path: Path) -> None:
    models = "params.model=[good,endless_killed,endless_crashed,endless,worse]"
    process = start(world.args(tmp_path, models, "metrics=[auc]", "timeout_s=8"), tmp_path)
    parent = psutil.Process(process.pid)
    for name, blow in (("endless_killed", signal.SIGKILL), ("endless_crashed", signal.SIGSEGV)):
        before = ["good", "endless_killed"][: 1 + (name == "endless_crashed")]
        wait_for(lambda before=before: all(status_of(tmp_path).get(v, "pending") != "pending" for v in before), process)
        child = wait_for(lambda: busy_child(parent), process)
        assert isinstance(child, psutil.Process)
        child.send_signal(blow)
        wait_for(lambda name=name: status_of(tmp_path)[name] != "pending", process)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 4, err
    expected = {"good": "ok", "endless_killed": "failed", "endless_crashed": "failed", "endless": "timed_out", "worse": "ok"}
    assert status_of(tmp_path) == expected
    assert "SIGKILL" in err
    assert "SIGSEGV" in err
    assert "no progress for 8 s" in err
    assert "Traceback" not in err + out
    assert len((tmp_path / "tiny" / "comparison.csv").read_text().splitlines()) == 6


def test_an_interrupt_keeps_what_was_finished_and_two_sweeps_do_not_share_a_folder(
    tiny_results: Path, world: World, tmp_path: Path, harness: Harness
) -> None:
    args = world.args(tmp_path, "params.model=[good,endless]", "metrics=[auc]")
    process = start(args, tmp_path)
    parent = psutil.Process(process.pid)
    wait_for(lambda: status_of(tmp_path).get("good") == "ok", process)
    child = wait_for(lambda: busy_child(parent), process)
    assert isinstance(child, psutil.Process)
    second = harness(args)
    assert second.code == 2
    assert "another harness is writing" in second.err
    assert "another name=" in second.err
    assert "running" in harness(["status", str(tmp_path / "tiny")]).out
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; what was finished is kept" in err
    assert "Traceback" not in err
    assert status_of(tmp_path) == {"good": "ok", "endless": "pending"}
    assert not psutil.pid_exists(child.pid) or child.status() == psutil.STATUS_ZOMBIE
    said = harness(["status", str(tmp_path / "tiny")])
    assert "interrupted" in said.out
    assert "1 of 2 variants ended" in said.out
    assert list(tmp_path.rglob("*.tmp")) == []


def test_two_sweeps_that_start_together(tiny_results: Path, world: World, tmp_path: Path) -> None:
    args = world.args(tmp_path, "metrics=[auc]", sweep=None)
    processes = [start(args, tmp_path) for _ in range(2)]
    ended = sorted((p.communicate(timeout=90)[1], p.returncode) for p in processes)
    codes = sorted(code for _, code in ended)
    assert codes in ([0, 2], [0, 0])  # one is refused, unless it began after the other had ended
    assert all("Traceback" not in err for err, _ in ended)
    assert status_of(tmp_path) == {"good": "ok"}


def in_own_mounts(mounts: str, args: Sequence[str], after: str) -> subprocess.CompletedProcess[str]:
    """Run the command where `mounts` were made in a mount namespace that ends with it; then `after`, on the same mounts."""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if shutil.which("unshare") is None or subprocess.run([*namespace, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a small or a read-only folder (no mount namespace)")
    command = shlex.join([sys.executable, "-m", "harness.cli", *args])
    script = f"set -e\n{mounts}\nset +e\n{command}\ncode=$?\n{after}\nexit $code"
    return subprocess.run([*namespace, "sh", "-c", script], env=harness_environment(), capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("size_kib", [8, 64])  # the first file does not fit; the scores do not fit
def test_a_full_disk_under_the_results(size_kib: int, tiny_results: Path, world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    args = world.args(disk / "results", "metrics=[auc]", sweep=None)
    listing = f"find {disk} -name '*.tmp' -o -name '*.json' -size 0 -o -name '*.arrow' -size 0"
    ended = in_own_mounts(f"mount -t tmpfs -o size={size_kib}k tmpfs {disk}", args, listing)
    assert ended.returncode in ([2] if size_kib == 8 else [2, 4]), ended.stderr  # 2: the parent could not write either
    assert "No space left on device" in ended.stderr
    assert "free disk space" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith(str(disk))] == []


def test_a_full_disk_under_the_cache(tiny_results: Path, world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    args = world.args(tmp_path / "results", f"cache_dir={disk / 'cache'}", sweep=None)
    ended = in_own_mounts(f"mount -t tmpfs -o size=24k tmpfs {disk}", args, f"find {disk}/cache/replay -type f")
    assert ended.returncode == 2, ended.stderr
    assert "cache_dir:" in ended.stderr
    assert "No space left on device" in ended.stderr
    assert ended.stderr.strip().count("\n") == 0
    assert not (tmp_path / "results").exists()
    assert all(line.endswith(".lock") for line in ended.stdout.splitlines())


def test_results_and_cache_on_a_read_only_disk(tiny_results: Path, world: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    read_only = f"mount -t tmpfs -o ro tmpfs {disk}"
    ended = in_own_mounts(read_only, world.args(disk / "results", sweep=None), "true")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "results_dir:" in ended.stderr
    assert "Read-only file system" in ended.stderr
    ended = in_own_mounts(read_only, world.args(tmp_path / "results", f"cache_dir={disk}/cache", sweep=None), "true")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "cache_dir:" in ended.stderr
    assert not (tmp_path / "results").exists()


def test_a_read_only_installation(tiny_results: Path, world: World, tmp_path: Path) -> None:
    args = world.args(tmp_path / "results", "metrics=[auc]", sweep=None)
    read_only = "\n".join(
        f"mount --bind {p} {p} && mount -o remount,ro,bind {p}" for p in (PROJECT / "harness", PROJECT / "kernels", PROJECT / "conf")
    )
    check = f"touch {PROJECT / 'harness' / 'touched'} 2>/dev/null && echo writable"
    ended = in_own_mounts(read_only, args, check)
    assert ended.returncode == 0, ended.stderr
    assert "writable" not in ended.stdout
    assert (tmp_path / "results" / "tiny" / "comparison.csv").is_file()


def test_stored_results_answer_and_damaged_ones_are_refused(tiny_results: Path, world: World, tmp_path: Path, harness: Harness) -> None:
    copy = tmp_path / "tiny"
    shutil.copytree(tiny_results / "tiny", copy)
    assert harness(["compare", str(copy)]).code == 0
    assert "2 of 2 variants ended" in harness(["status", str(copy)]).out
    said = harness(["compare", str(copy), "replay.label=late_bool"])
    assert said.code == 2
    assert "replay.label: cannot be changed without the log" in said.err
    text = (copy / "sweep.json").read_text()
    for damage, words in (
        (text[:100], "cannot be read"),
        (text.replace('"format": 4', '"format": 99'), "format 99"),
        ("[]", "format None"),
    ):
        (copy / "sweep.json").write_text(damage)
        for command in ("compare", "status", "signoff"):
            said = harness([command, str(copy)])
            assert (said.code, words in said.err) == (2, True), said.err


def test_the_reader_of_the_output_may_leave(tiny_results: Path, world: World) -> None:
    command = shlex.join([sys.executable, "-m", "harness.cli", "compare", str(tiny_results / "tiny")])
    shell = subprocess.run(f"{command} | head -1", shell=True, env=harness_environment(), capture_output=True, text=True, timeout=60)
    assert "Traceback" not in shell.stderr
    assert "Exception" not in shell.stderr


def test_a_sweep_writes_anew_what_an_older_harness_left(harness, world, tmp_path: Path) -> None:
    root = tmp_path / "results" / "t"
    root.mkdir(parents=True)
    (root / "sweep.json").write_text('{"format": 1}')
    said = harness(world.args(tmp_path / "results", "name=t"))
    assert said.code in (0, 1, 3), said.err
    assert "format 1" in said.err
    assert (root / "comparison.csv").is_file()
