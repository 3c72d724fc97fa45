"""Each section with something planted: a test that fails, a sanitizer that finds an error, a byte that differs, a kernel that breaks off."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_roofline import PAGE
from harness.records.trial import EnergyReading
from tests.gpu_card import prepared, sanitizer, speed, suites
from tests.gpu_card.clock import HostClock
from tests.gpu_card.demo import NotRunError, build_demo
from tests.gpu_card.machine import look
from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Options

TESTS = """
import pytest
def test_good(): pass
def test_bad(): assert 1 == 2, "one is | not two"
@pytest.fixture
def broken(): raise OSError("no such card")
def test_error(broken): pass
@pytest.mark.skip(reason="needs a card")
def test_skipped(): pass
@pytest.mark.xfail(strict=True, reason="the compiler refuses it")
def test_expected(): assert False
"""


def pytest_on(tmp_path, text):
    (tmp_path / "test_planted.py").write_text(text)
    return suites.suite("x", ["-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path / "test_planted.py")])


def test_a_test_that_fails_is_a_failed_section_that_names_it(tmp_path):
    found = pytest_on(tmp_path, TESTS)
    assert (found.status, found.headline) == (FAILED, "1 passed, 2 failed, 2 skipped or expected to fail")
    text = "\n".join(found.lines)
    assert "| test_planted::test_bad | AssertionError: one is \\| not two |" in text
    assert "test_planted::test_error" in text
    assert "no such card" in text
    assert "| needs a card | 1 |" in text
    assert "| the compiler refuses it | 1 |" in text


def test_tests_that_pass_are_a_passed_section(tmp_path):
    found = pytest_on(tmp_path, "def test_good(): pass")
    assert (found.status, found.headline) == (PASSED, "1 passed, 0 failed, 0 skipped or expected to fail")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "and pytest ended with 5"),
        (
            "import pytest\npytestmark = pytest.mark.skip(reason='no card')\ndef test_a(): pass",
            "a suite in which nothing passes proves nothing",
        ),
        ("import os\nos._exit(11)", "pytest ended with 11 and no report"),
    ],
)
def test_a_suite_that_proves_nothing_has_failed(tmp_path, text, said):
    found = pytest_on(tmp_path, text)
    assert found.status == FAILED
    assert said in found.headline


SANITIZERS = {
    "clean": 'echo "========= COMPUTE-SANITIZER"; echo "========= $2 SUMMARY: 0 {}"',
    "finds": 'echo "========= Invalid __global__ read of size 4 bytes"; echo "========= $2 SUMMARY: 3 {}"; exit 97',
    "silent": 'echo "========= Error: Target application terminated before first instrumented API call"; exit 255',
    "crashes": 'echo "========= $2 SUMMARY: 0 {}"; exit 1',
}


def fake_sanitizer(folder, kind):
    """Write a compute-sanitizer that says what the real one says, of a run that launches two cases."""
    folder.mkdir()
    file = folder / "compute-sanitizer"
    said = SANITIZERS[kind].replace("$2 SUMMARY: 0 {}", "$SUMMARY").replace("$2 SUMMARY: 3 {}", "$SUMMARY")
    n = 3 if kind == "finds" else 0
    file.write_text(
        "#!/bin/sh\necho launched: a; echo launched: b\n"
        f'SUMMARY="ERROR SUMMARY: {n} errors"; [ "$2" = racecheck ] && SUMMARY="RACECHECK SUMMARY: {n} hazards displayed (0 errors, 0 warnings)"\n'
        f"{said}\n"
    )
    file.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        ("clean", PASSED, "memcheck: 0 found; racecheck: 0 found; synccheck: 0 found"),
        ("finds", FAILED, "memcheck: 3 found; racecheck: 3 found; synccheck: 3 found"),
        ("silent", FAILED, "memcheck: no summary; racecheck: no summary; synccheck: no summary"),
        ("crashes", FAILED, "memcheck: 0 found; racecheck: 0 found; synccheck: 0 found"),
    ],
)
def test_what_the_sanitizer_says(tmp_path, monkeypatch, kind, status, says):
    monkeypatch.setenv("PATH", f"{fake_sanitizer(tmp_path / 'bin', kind)}{os.pathsep}{os.environ['PATH']}")
    (found,) = sanitizer.check(Options(3, ""))
    assert (found.status, found.headline) == (status, says)
    text = "\n".join(found.lines)
    assert "| memcheck | " in text
    assert ("Invalid __global__ read" in text) == (kind == "finds")
    assert ("before first instrumented API call" in text) == (kind == "silent")


def test_the_sanitizer_is_looked_for_beside_the_packages_and_said_to_be_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sanitizer, "find_sanitizer", lambda find=sanitizer.find_sanitizer: find())
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"purelib": str(tmp_path / "site")})
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern, glob=Path.glob: glob(self, pattern) if tmp_path in (self, *self.parents) else iter(())
    )
    (found,) = sanitizer.check(Options(3, ""))
    assert found.status == NOT_RUN
    assert "pip install 'cuda-toolkit[sanitizer]==13.0.*'" in found.headline
    (tmp_path / "site" / "nvidia" / "cu13").mkdir(parents=True)
    folder = fake_sanitizer(tmp_path / "site" / "nvidia" / "cu13" / "bin", "clean")
    assert sanitizer.find_sanitizer() == folder / "compute-sanitizer"


def test_a_run_without_a_launch_proves_nothing():
    assert sanitizer.finding("memcheck", 0, "========= ERROR SUMMARY: 0 errors").is_clean is False
    assert sanitizer.finding("memcheck", 0, "launched: a\n========= ERROR SUMMARY: 1,024 errors").n_found == 1024


def test_a_byte_that_differs_is_named_with_its_place():
    same = {"a.arrow": b"abc", "b.arrow": b"xyz"}
    assert prepared.judged(same, dict(same), ("a note",)).status == PASSED
    found = prepared.judged(same, same | {"b.arrow": b"xyZ"}, ())
    assert (found.status, found.headline) == (FAILED, "2 files, 6 bytes: 1 differ")
    assert "| b.arrow | 3 | 3 | 2 |" in found.lines
    assert prepared.judged(same, {"a.arrow": b"abc"}, ()).status == FAILED
    assert prepared.judged({}, {}, ()).status == FAILED


def test_a_log_that_cudf_did_not_read_is_no_comparison():
    note = "device=cuda: cuDF could not decode 2 row groups, which PyArrow read"
    found = prepared.judged({"a": b"1"}, {"a": b"1"}, (note,))
    assert found.status == FAILED
    assert "1 notes that cuDF failed" in found.headline
    assert f"- {note}" in found.lines


def test_the_page_of_predictions_is_read_in_whole():
    costs = speed.costs_of(PAGE.read_text(encoding="utf-8"))
    first = PAGE.read_text(encoding="utf-8").split("## Predicted")[0]
    assert len(costs) == sum(line.startswith("| ") and "`" in line for line in first.splitlines())
    assert ("binary tally", "slice_tally._add_rows") in costs
    assert all(cost.distinct > 0 and cost.in_sectors > 0 and cost.instructions > 0 for cost in costs.values())


def test_a_prediction_is_that_of_the_page_for_so_many_rows():
    one = speed.Measured("k", "r", 1000, 10, 1.0, speed.Cost(distinct=3.35e9, in_sectors=6.7e9, instructions=1.41e9 / 4))
    assert (
        speed.predicted_ms(one, "NVIDIA H100 80GB HBM3") == "1,000.00 to 100,000.00 (chain)"
    )  # 1,000 rows: 1 s, 2 s, and 100 s of one thread
    assert speed.predicted_ms(one, "NVIDIA L4") == "not predicted"
    assert speed.predicted_ms(speed.Measured("k", "r", 1000, 10, 1.0, None), "NVIDIA H200") == "not predicted"


class Case:
    name, is_pass, in_roofline = "made case", False, True

    def __init__(self, trouble=None):
        self.trouble = trouble

    def run(self, n_rows, ids):
        if self.trouble:
            raise self.trouble

    def n_threads(self, rule, n_rows):
        return {"a.rule": 7}[rule]


@pytest.fixture
def launches(monkeypatch):
    """What is launched, without Numba's CUDA side."""
    from contextlib import contextmanager

    runs = iter([[("a.rule", 0.5), ("cuda_launch.fill_tables", 9.0), ("a.rule", 1.5)], [("a.rule", 3.0)], [("a.rule", 4.0)]])

    @contextmanager
    def timed(clock):
        yield next(runs)

    monkeypatch.setattr(speed, "timed_launches", timed)


def test_launches_of_a_rule_are_added_and_runs_are_not(launches):
    costs = {("made case", "a.rule"): speed.Cost(10.0, 20.0, 30.0)}
    (found,) = speed.measured(Case(), HostClock(), 100, costs, 3)
    assert (found.rule, found.seconds, found.n_threads, found.n_rows) == ("a.rule", 3.0, 7, 100)  # the median of 2, 3 and 4
    result = speed._speed_result([found], 1000.0, "NVIDIA L4", HostClock())
    assert result.status == PASSED
    assert "| made case | `a.rule` | 7 | 3,000.000 | 0.0 | 0.00 | 33.3% | not predicted |" in result.lines
    assert speed._per_rule([("a", 1.0), ("a", 3.0), ("b [fold_of]", 5.0)], is_pass=True) == {"a": 2.0}


@pytest.mark.parametrize("trouble", [RuntimeError("CUDA_ERROR_ILLEGAL_ADDRESS"), MemoryError("it does not fit")])
def test_a_kernel_that_breaks_off_is_said_and_fails(trouble):
    found = speed.measured(Case(trouble), HostClock(), 100, {}, 3)
    result = speed._speed_result(found, 1.0, "NVIDIA L4", HostClock())
    assert (result.status, "1 broke off" in result.headline) == (FAILED, True)
    assert f"- made case: {type(trouble).__name__}: {trouble}" in result.lines


def test_copies_are_timed():
    copies = speed.copy_bandwidths(HostClock())
    assert set(copies) == {"on the card", "to the card, pinned"}
    assert all(rate > 0 for _, rate in copies.values())
    assert speed._copy_result(copies, HostClock()).status == PASSED


def test_energy_that_is_not_read_says_why():
    found = speed.energy_result(EnergyReading(None, "unavailable", "not_supported: MIG"), None)
    assert (found.status, found.headline) == (NOT_RUN, "NVML reads no energy here (not_supported: MIG)")
    read = speed.energy_result(EnergyReading(300.0, "measured_counter", None, elapsed_s=2.0), 60.0)
    assert read.status == PASSED
    assert "| mean power, W | 150.0 |" in read.lines
    assert "| idle power before it, W | 60.0 |" in read.lines


def test_the_machine_is_described_and_a_card_that_cannot_be_used_fails():
    (found,) = look(Options(3, "", stand_in=True))
    assert found.status == PASSED
    assert any(line.startswith("Packages: ") and "numpy" in line for line in found.lines)
    if "numba_cuda" not in sys.modules:
        (card,) = look(Options(3, ""))
        assert card.status == FAILED  # the ordinary environment has onnxruntime for the CPU


def test_the_demo_is_not_run_where_it_is_not_there_and_cannot_be_built(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.gpu_card.demo.is_there", lambda module: module != "lightgbm")
    with pytest.raises(
        NotRunError, match=r"^no flights log here, and lightgbm not installed, which build it; run: pip install -e '.\[demo\]'$"
    ):
        build_demo(tmp_path)
    (tmp_path / "data" / "flights").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    for name in ("data/flights/a.parquet", "models/logistic.onnx"):
        (tmp_path / name).touch()
    assert build_demo(tmp_path).startswith("log and models are those that were there: lightgbm not installed")


def test_options_have_the_rows_that_are_told():
    assert np.log2(Options(1 << 24, "").rows) == 24
