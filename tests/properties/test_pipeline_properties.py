"""The tables depend on the rows of a log, not on how it is cut, ordered or spelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from harness.pipeline.prepare import prepare
from harness.records.replay import InputGroup, PreparedReplay
from harness.records.tally import BinaryTally, Grid, PairedTally
from harness.replay import arrow_reader, log_files
from harness.replay_schema import read_replay
from harness.tallies.binary import tally_binary
from harness.tallies.paired import tally_paired
from harness.tallies.stored import to_columns

FEATURES = ("a", "b")
GROUP = InputGroup(FEATURES, "float")
TOLERANCE = 1e-12  # relative: sums of the same numbers in another order


@dataclass(frozen=True)
class Reduced:
    """What a log leaves: names of cells, how many rows were judged, and the tallies by name."""

    grid: Grid
    n_judged: int
    arrays: dict[str, NDArray[Any]]

    def by_cell(self, rename: Callable[[str], str] = str) -> dict[tuple[str, str, str], dict[str, NDArray[Any]]]:
        """Return each cell's values under its name."""
        g = self.grid
        names = [(by, rename(value), w) for by, value in zip(g.slice_by, g.slice_value, strict=True) for w in g.windows]
        return {name: {k: v[i] for k, v in self.arrays.items()} for i, name in enumerate(names)}


def make_log(n_rows: int = 3000) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    log = pd.DataFrame(rng.normal(size=(n_rows, 2)).astype(np.float32), columns=list(FEATURES))
    log["at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90 * 86400, n_rows), unit="s")
    log["place"] = rng.choice(["p", "q", "r"], n_rows)
    log["kind"] = rng.choice(np.array(["k", "l", None], object), n_rows, p=[0.5, 0.4, 0.1])
    log["y"] = pd.array((rng.random(n_rows) < 0.3).astype(int), dtype="Int64")
    log.loc[rng.choice(n_rows, 60, replace=False), "y"] = pd.NA
    return log


def conf_of(path: str) -> Any:
    return read_replay(
        {
            "name": "log",
            "path": path,
            "task": "binary",
            "label": "y",
            "features": list(FEATURES),
            "timestamp": "at",
            "slices": {"columns": ["place", "kind", {"column": "b", "edges": [-1, 0.5]}], "crosses": [["place", "kind"]]},
            "windows": "1mo",
            "training": {"before": "2024-01-11"},
            "label_maturity": {"age": "3d"},
        }
    )


def reduce(log: pd.DataFrame, folder: Path, n_files: int = 1, row_group_rows: int | None = None) -> Reduced:
    """Take a log through the prepared replay to the tallies of two models that are formulas of its features."""
    (folder / "log").mkdir(parents=True)
    for i, rows in enumerate(np.array_split(np.arange(len(log)), n_files)):
        log.iloc[rows].to_parquet(folder / "log" / f"{i}.parquet", index=False, row_group_size=row_group_rows)
    conf = conf_of(str(folder / "log" / "*.parquet"))
    found = log_files.open_log(conf.path, None)
    prepared = prepare(found, conf, (GROUP,), folder / "cache", "code", lambda done, total: None)
    return Reduced(prepared.grid, prepared.account.n_judged, tallies(prepared))


def tallies(replay: PreparedReplay) -> dict[str, NDArray[Any]]:
    from harness.replay.prepared import open_tensor

    x = np.array(open_tensor(replay.folder, GROUP))
    # Rounded, so that scores tie across rows.
    champion, challenger = (np.round(1 / (1 + np.exp(-x @ w)), 2).astype(np.float32) for w in ([1.0, 0.0], [0.8, 0.5]))
    rows = (replay.judged_labels, replay.slice_ids, replay.window_ids, replay.grid)
    own: BinaryTally = tally_binary(challenger, *rows, 0.5)
    pair: PairedTally = tally_paired(champion, challenger, *rows, 0.4, 0.5)
    return {f"{kind}.{k}": v for kind, tally in (("own", own), ("pair", pair)) for k, v in to_columns(tally).items()}


def assert_same_cells(found: Reduced, wanted: Reduced, rename: Callable[[str], str] = str) -> None:
    """Integers are identical, float sums agree to the stated tolerance, whatever the order of cells."""
    a, b = found.by_cell(), wanted.by_cell(rename)
    assert found.n_judged == wanted.n_judged
    assert set(a) == set(b)
    for cell, values in b.items():
        for name, value in values.items():
            if np.issubdtype(np.asarray(value).dtype, np.integer):
                np.testing.assert_array_equal(a[cell][name], value, err_msg=f"{cell} {name}")
            else:
                np.testing.assert_allclose(a[cell][name], value, rtol=TOLERANCE, atol=1e-9, err_msg=f"{cell} {name}")


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return make_log()


@pytest.fixture(scope="module")
def plain(log: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Reduced:
    return reduce(log, tmp_path_factory.mktemp("plain"))


def test_the_tallies_hold_what_they_should(plain: Reduced, log: pd.DataFrame) -> None:
    mature = log["at"] <= log["at"].max() - pd.Timedelta(days=3)
    judged = log[(log["at"] >= "2024-01-11") & log["y"].notna() & mature]
    cells = plain.by_cell()
    assert plain.n_judged == len(judged)
    assert cells["place", "q", "all"]["own.confusion[2,2]"].sum() == (judged["place"] == "q").sum()
    both = (judged["place"] == "p") & judged["kind"].isna() & (judged["at"] >= "2024-03-01")
    assert cells["place*kind", "p*missing", "2024-03"]["pair.cells[2,2,2]"].sum() == both.sum() > 0


@pytest.mark.parametrize("n_files", [2, 3])
def test_a_log_may_be_cut_into_files(n_files: int, log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    found = reduce(log, tmp_path, n_files)
    assert found.grid == plain.grid
    for name, value in plain.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], value, err_msg=name)


@pytest.mark.parametrize("batch_rows", [1, 64, 1999])
def test_a_log_may_be_read_in_batches_of_any_size(
    batch_rows: int, log: pd.DataFrame, plain: Reduced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_reader, "BATCH_ROWS", batch_rows)
    found = reduce(log.head(300) if batch_rows == 1 else log, tmp_path / "cut")
    monkeypatch.undo()
    wanted = reduce(log.head(300), tmp_path / "whole") if batch_rows == 1 else plain
    assert found.grid == wanted.grid
    for name, value in wanted.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], value, err_msg=name)


def test_row_groups_of_the_file_do_not_matter(log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    assert_same_cells(reduce(log, tmp_path, row_group_rows=101), plain)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_may_be_shuffled(seed: int, log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    assert_same_cells(reduce(log.sample(frac=1, random_state=seed), tmp_path), plain)


def test_relabelled_slices_give_relabelled_results(log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    names = {"p": "zz", "q": "aa", "r": "mm"}
    found = reduce(log.assign(place=log["place"].map(names)), tmp_path)
    assert_same_cells(found, plain, lambda value: "*".join(names.get(part, part) for part in value.split("*")))


def test_rows_that_are_not_judged_change_nothing(log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    early = log.head(200).assign(at=pd.Timestamp("2023-12-31"), place="never judged")
    assert_same_cells(reduce(pd.concat([early, log], ignore_index=True), tmp_path), plain)


def test_one_label_more_changes_the_tallies(log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    row = log.index[(log["at"] >= "2024-02-01") & (log["at"] < "2024-03-01") & (log["y"] == 0)][0]
    changed = log.copy()
    changed.loc[row, "y"] = 1
    with pytest.raises(AssertionError, match=r"own\.confusion"):
        assert_same_cells(reduce(changed, tmp_path), plain)


def test_twice_the_rows_give_twice_the_counts(log: pd.DataFrame, plain: Reduced, tmp_path: Path) -> None:
    found = reduce(pd.concat([log, log]), tmp_path)
    doubled = {k: 2 * plain.arrays[k] for k in ("own.confusion[2,2]", "own.bin_n", "own.bin_positive", "pair.cells[2,2,2]")}
    assert_same_cells(
        replace(found, arrays={k: found.arrays[k] for k in doubled}), replace(plain, arrays=doubled, n_judged=2 * plain.n_judged)
    )


def test_every_field_of_the_tallies_is_compared(plain: Reduced) -> None:
    for kind, record in (("own", BinaryTally), ("pair", PairedTally)):
        for field in (f for f in fields(record) if f.default is not None):  # what is None by default is filled when somebody asks
            assert any(name.startswith(f"{kind}.{field.name}") for name in plain.arrays), field.name
