"""The check as a program: refused without a card, outliving every section, and honest about what did not run."""

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from harness.device import CudaDevice, CudaDriver, cuda_driver
from tests.gpu_card.__main__ import main, why_not
from tests.gpu_card.page import brief, code_of, default_path, page, verdict
from tests.gpu_card.parent import run_all, run_one
from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Options, Result, read_results, write_results
from tests.gpu_card.sections import SECTIONS, Section, lacking

ROOT = Path(__file__).parents[2]
NO_CARD = pytest.mark.skipif(cuda_driver().n_devices > 0, reason="this machine has a card")
GOOD, BAD, OPEN = Result("a", PASSED, "fine"), Result("b", FAILED, "7 | cells\ndiffer"), Result("c", NOT_RUN, "cudf-cu13 not installed")


def planted(name, needs=(), timeout_s=60.0):
    return Section(name, name, f"tests.gpu_check_tool.planted:{name}", needs, timeout_s)


@NO_CARD
def test_without_a_card_one_sentence_comes_from_the_standard_library_alone():
    command = [sys.executable, "-S", "-m", "tests.gpu_card", "--is-there-a-card"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    (said,) = done.stderr.splitlines()
    assert said.startswith("gpu-check: found ")
    assert "wanted an NVIDIA card" in said
    assert said.endswith("`make gpu-check-offline` proves what can be proven without a card")


@NO_CARD
def test_make_refuses_before_anything_is_installed(tmp_path):
    venv = tmp_path / "venv"
    command = ["make", "gpu-check", f"PYTHON={sys.executable}", f"GPU_VENV={venv}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "gpu-check: found " in done.stderr
    assert not venv.exists()


def test_a_driver_that_is_too_old_is_refused_and_a_card_is_not():
    assert why_not(CudaDriver(1, None, 13000)) is None
    said = why_not(CudaDriver(1, None, 12040))
    assert said is not None
    assert said.startswith("gpu-check: found the driver knows CUDA 12.4, wanted 13.0 or newer; install the NVIDIA driver")
    prohibited = CudaDriver(1, None, 13000, devices=(CudaDevice("X", "GPU-1", "Prohibited"),))
    assert "lets no process in" in str(why_not(prohibited))


def test_sections_that_raise_die_or_hang_have_failed_and_the_next_ones_run(tmp_path):
    said, report = [], tmp_path / "deep" / "report.md"
    names = ("raises", "dies", "exits", "passes")
    found = run_all([planted(name) for name in names], Options(3, str(tmp_path)), report, "title", say=said.append)
    assert [(one.name, one.status) for one in found] == [("raises", FAILED), ("dies", FAILED), ("exits", FAILED), ("good", PASSED)]
    text = report.read_text()
    assert "4 sections ended: 1 passed, 3 failed, 0 did not run." in text
    assert "it broke off: ZeroDivisionError: a kernel | divided" in text
    assert 'raise ZeroDivisionError("a kernel | divided\\nby nothing")' in text  # its traceback
    assert "| raises | **failed** | it broke off: ZeroDivisionError: a kernel \\| divided |" in text
    assert "its process was killed by SIGSEGV" in text
    assert "the last words" in text
    assert "its process ended with 5" in text
    assert "looked at 3 rows\n\na line" in text
    assert code_of(found) == 1
    assert "passed   good: looked at 3 rows" in said


def test_a_section_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    began = time.monotonic()
    (found,) = run_one(planted("hangs", timeout_s=3.0), Options(3, str(tmp_path)))
    assert time.monotonic() - began < 60
    assert (found.status, found.headline) == (FAILED, "it took more than 3 s and was ended")
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(pid, 9)
        pytest.fail("a grandchild went on")


def test_a_missing_package_is_said_with_its_command_and_nothing_is_left_out(tmp_path):
    sections = [planted("passes"), planted("raises", needs=("cupy", "pytest"))]
    found = run_all(sections, Options(3, ""), tmp_path / "r.md", "title", has=lambda module: module != "cupy", say=lambda text: None)
    assert found[1] == Result("raises", NOT_RUN, "cupy-cuda13x not installed; run: pip install -e '.[gpu]'")
    assert "2 sections ended: 1 passed, 0 failed, 1 did not run." in (tmp_path / "r.md").read_text()
    assert "| raises | **not run** | cupy-cuda13x not installed; run: pip install -e '.[gpu]' |" in (tmp_path / "r.md").read_text()
    assert code_of(found) == 3


def test_without_cudf_it_is_said_what_the_log_is_read_with():
    prepare = next(one for one in SECTIONS if one.name == "prepare")
    said = lacking(prepare, lambda module: module != "cudf")
    assert said == "cudf-cu13 not installed; run: pip install -e '.[gpu]' (the log is read with PyArrow on the host and copied to the card)"
    assert lacking(prepare, lambda module: True) == ""


def test_the_report_of_a_check_that_was_cut_off_says_so(tmp_path):
    seen = []
    report = tmp_path / "r.md"
    run_all(
        [planted("passes"), planted("exits")],
        Options(3, ""),
        report,
        "t",
        say=lambda text: seen.append(report.is_file() and report.read_text()),
    )
    between = [text for text in seen if text and "still to come" in text]
    assert between
    assert "Not finished. 1 sections ended: 1 passed, 0 failed, 0 did not run, 1 still to come" in between[0]
    assert [file.name for file in tmp_path.iterdir()] == ["r.md"]  # no temporary file is left


@pytest.mark.parametrize(
    ("results", "is_stand_in", "code", "begins"),
    [
        ([GOOD], False, 0, "Everything passed on this card. 1 sections ended: 1 passed, 0 failed, 0 did not run."),
        ([GOOD, BAD, OPEN], False, 1, "Something failed on this card. 3 sections ended: 1 passed, 1 failed, 1 did not run."),
        ([GOOD, OPEN], False, 3, "What ran has passed, but the check is incomplete."),
        ([GOOD], True, 3, "Tried without a card."),
        ([GOOD, BAD], True, 1, "Tried without a card."),
        ([], False, 3, "What ran has passed, but the check is incomplete. 0 sections"),
    ],
)
def test_code_and_verdict(results, is_stand_in, code, begins):
    assert code_of(results, is_stand_in) == code
    assert verdict(results, len(results), is_stand_in).startswith(begins)
    text = page("t", results, len(results), is_stand_in)
    assert text.splitlines()[2].startswith(begins)
    assert ("**No card was used.**" in text) == is_stand_in


def test_results_come_back_as_they_were(tmp_path):
    results = [Result("a", PASSED, "é", ("1", "2")), BAD]
    write_results(tmp_path / "r.json", results)
    assert read_results(tmp_path / "r.json") == results
    assert brief(BAD).startswith("failed   b: 7 | cells")


def test_the_default_path_is_named_after_the_moment_and_the_card():
    found = default_path(Path("here"), "NVIDIA H100 80GB HBM3", datetime(2026, 1, 2, 3, 4, 5))
    assert found == Path("here/results/gpu-check/20260102-030405-nvidia-h100-80gb-hbm3.md")


def test_the_whole_program_on_the_stand_in_never_ends_with_0(tmp_path, capsys):
    code = main(["--stand-in", "--only", "machine", "--out", str(tmp_path / "r.md")])
    assert code == 3
    assert "**No card was used.**" in (tmp_path / "r.md").read_text()
    assert "asked for 1 of 9 sections" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--only", "no_such_section"])


def test_every_section_names_a_function_that_is_there():
    for section in SECTIONS:
        module, _, name = section.function.partition(":")
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert f"def {name}(options: Options) -> list[Result]:" in source
