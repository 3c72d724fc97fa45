"""The wheel holds all that a sweep needs, and runs from any folder of a fresh environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.sweep.world import REPO, make_world


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed, so no wheel can be built without the network")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that has the wheel, and the dependencies of this one; its folder of commands."""
    home = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    scheme = {"base": str(home), "platbase": str(home)}
    site, scripts = (Path(sysconfig.get_path(name, "venv", scheme)) for name in ("purelib", "scripts"))
    # Only the folder of packages is borrowed: its own .pth files, and so this checkout, stay out.
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--ignore-installed", "--no-compile", "--quiet"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, capture_output=True, text=True)
    return scripts


def run(installed: Path, args: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    left_out = ("PYTHONPATH", "NUMBA_CACHE_DIR", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if k not in left_out and not k.startswith("PYTEST_")}
    return subprocess.run([str(installed / "harness"), *args], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_wheel_holds_packages_and_options(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("harness", "harness"), ("kernels", "kernels"), ("conf", "harness/conf")):
        files = [f.relative_to(REPO / folder) for f in (REPO / folder).rglob("*") if f.is_file() and "__pycache__" not in f.parts]
        assert len(files) > 8
        assert {f"{inside}/{file.as_posix()}" for file in files} - names == set()


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness", "kernels"}


def test_help_and_version(installed: Path, tmp_path: Path) -> None:
    assert "usage: harness COMMAND" in run(installed, ["--help"], tmp_path).stdout
    assert run(installed, ["--version"], tmp_path).stdout.startswith("replay-harness 0.")


def test_doctor_reads_the_options_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    ended = run(installed, ["doctor"], tmp_path)
    said = "".join(ended.stdout.split())  # long paths are folded
    assert ended.returncode == 0, ended.stderr
    assert str(installed.parent) in said
    assert "/harness/conf" in said
    assert f"optionsin{REPO}" not in said


def test_a_sweep_from_another_folder(installed: Path, tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    ended = run(installed, world.sweep_args("model=champion,better"), world.root)
    assert ended.returncode == 3, ended.stderr
    assert world.comparison()["status"].to_dict() == {"champion": "ok", "better": "ok"}
    assert Path(world.manifest["prepared_folder"]).is_relative_to(world.root)
