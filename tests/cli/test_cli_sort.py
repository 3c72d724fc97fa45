"""`harness compare DIR --sort COLUMN`: the table in another order, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from harness.cli import main
from harness.pipeline import stored
from tests.conftest import World


@pytest.fixture(scope="module")
def swept(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("sorted")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NUMBA_CACHE_DIR", "OMP_WAIT_POLICY"):  # a sweep sets these for its children
            patch.setenv(name, "")
            patch.delenv(name)
        # of `worse` the scores are less well ordered than those of `good`
        assert main(world.args(results, "model=worse,good", "champion=null", sweep=None)) == 0
    return results / "tiny"


@pytest.fixture
def results(swept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(swept, tmp_path / "tiny"))


def variants(results: Path) -> list[str]:
    return pd.read_csv(results / "comparison.csv")["variant"].tolist()


def test_the_rows_stand_in_the_order_that_was_asked_for_and_the_table_says_so(results: Path, harness) -> None:
    assert variants(results) == ["worse", "good"]
    for arguments, wanted, said in (
        (["--sort", "auc"], ["good", "worse"], "rows by auc, highest first"),
        (["--sort", "+auc"], ["worse", "good"], "rows by auc, lowest first"),
        (["--sort=-variant"], ["worse", "good"], "rows by variant, highest first"),
        (["--sort", "variant"], ["good", "worse"], "rows by variant, lowest first"),
        (["--sort", "-auc"], ["good", "worse"], "rows by auc, highest first"),
    ):
        done = harness(["compare", str(results), *arguments])
        assert (done.code, variants(results)) == (0, wanted), done.err
        assert said in done.out
        assert said in (results / "comparison.md").read_text()
    assert "rows by" not in harness(["compare", str(results)]).out
    assert variants(results) == ["worse", "good"], "without --sort the order of the sweep comes back"


def test_a_review_is_the_same_in_whatever_order_the_table_was_looked_at(results: Path, harness) -> None:
    harness(["compare", str(results)])
    before = sorted(p.name for p in (results / "reviews").iterdir())
    harness(["compare", str(results), "--sort", "auc"])
    assert sorted(p.name for p in (results / "reviews").iterdir()) == before


def test_an_unknown_column_is_refused_in_one_sentence_and_nothing_is_written(results: Path, harness) -> None:
    before = (results / "comparison.csv").read_bytes()
    said = harness(["compare", str(results), "--sort", "net_per_1000"])
    assert said.code == 2
    assert "--sort: no column 'net_per_1000' in comparison.csv; columns are: variant, status" in said.err
    assert "did you mean 'net_per_1k'?" in said.err
    assert said.err.count("\n") == 1
    assert (results / "comparison.csv").read_bytes() == before


def test_sort_stands_anywhere_and_a_hyphen_before_the_column_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(stored, "compare", lambda *args, sort: seen.append((args[0], args[1], sort)) or 0)
    for arguments in (
        ["d", "--sort", "-cost_per_1k", "price=x"],
        ["--sort=-cost_per_1k", "d", "price=x"],
        ["d", "price=x", "--sort", "-cost_per_1k"],
    ):
        assert main(["compare", *arguments]) == 0
    assert main(["compare", "d"]) == 0
    assert seen == [*([("d", ["price=x"], "-cost_per_1k")] * 3), ("d", [], None)]


@pytest.mark.parametrize(
    "arguments", [["compare", "d", "--sort"], ["compare", "d", "--sort", "--debug"], ["signoff", "d", "--sort", "auc"]]
)
def test_sort_without_a_column_or_of_another_command_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "--sort" in capsys.readouterr().err
