"""A log that cannot be judged is refused in one sentence, with exit code 2 and no results folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.conftest import Said, World

Harness = Callable[[Sequence[str]], Said]

FILES = {
    "no such file": ("logg.parquet", ["replay.path: no file", "logg.parquet", "did you mean", "log.parquet"]),
    "empty folder": ("nothing_here", ["replay.path: folder", "holds no .parquet or .csv"]),
    "glob of nothing": ("*.feather", ["replay.path: no file", "*.feather"]),
    "truncated Parquet": ("truncated.parquet", ["truncated.parquet cannot be read", "damaged"]),
    "text named Parquet": ("text.parquet", ["text.parquet cannot be read", "Parquet magic bytes not found"]),
    "CSV of no bytes": ("empty.csv", ["empty.csv cannot be read", "Empty CSV"]),
    "CSV of a header": ("header_only.csv", ["holds no rows"]),
    "Parquet of no rows": ("no_rows.parquet", ["holds no rows"]),
    "one training row": ("one_row.parquet", ["no row is left to judge", "training period: 1"]),
    "types that differ": ("types_differ", ["column 'amount' is double in", "b.parquet and float in", "write them with one type"]),
    "columns that differ": ("columns_differ", ["b.parquet lacks column 'age'", "one schema"]),
    "CSV beside Parquet": ("kinds_differ", ["column 'amount' is double in", "b.csv"]),
}
NO_SLICES = "replay.slices={columns: [], crosses: []}"
COLUMNS = {
    "missing label": (["replay.label=lat"], ["replay.label: no column 'lat'", "did you mean 'late'?"]),
    "missing feature": (["replay.features=[amount,agee,ratio]"], ["replay.features: no column 'agee'", "did you mean 'age'?"]),
    "missing slice": (
        ["replay.slices={columns: [contry], crosses: []}"],
        ["replay.slices.columns: no column 'contry'", "did you mean 'country'?"],
    ),
    "missing timestamp": (["replay.timestamp=asked"], ["replay.timestamp: no column 'asked'", "did you mean 'asked_at'?"]),
    "missing weight": (["replay.weight=amont", "metrics=[log_loss]"], ["replay.weight: no column 'amont'", "did you mean 'amount'?"]),
    "missing cluster": (["replay.cluster=reqest_id", "metrics=[log_loss]"], ["replay.cluster: no column", "did you mean 'request_id'?"]),
    "negative weights": (
        ["replay.weight=ratio", "metrics=[log_loss]"],
        ["replay.weight: column 'ratio' is negative in 1,", "rows, wanted numbers"],
    ),
    "texts as weights": (["replay.weight=channel", "metrics=[log_loss]"], ["replay.weight: column 'channel' is", "wanted numbers"]),
    "clusters with gaps": (
        ["replay.cluster=country", "metrics=[log_loss]"],
        ["replay.cluster: column 'country' is null in", "in every row"],
    ),
    "lists as clusters": (
        ["replay.cluster=words", "metrics=[log_loss]"],
        ["replay.cluster: column 'words' is list", "name another column"],
    ),
    "missing id": (["replay.id=requestid"], ["replay.id: no column", "did you mean 'request_id'?"]),
    "missing where column": (["replay.where=[{column: cuntry, in: [DE]}]"], ["replay.where: no column", "did you mean 'country'?"]),
    "missing production column": (["replay.production={score: prod}"], ["replay.production: no column 'prod'"]),
    "three labels": (["replay.label=late_three"], ["'late_three' holds more than two values for task binary: 0, 1, 2"]),
    "no labels": (["replay.label=late_never"], ["'late_never' is null in every row"]),
    "label of times": (["replay.label=asked_at"], ["replay.label: column 'asked_at' is timestamp"]),
    "label of lists": (["replay.label=words"], ["replay.label: column 'words' is list"]),
    "label among features": (["replay.features=[amount,age,late]"], ["'late' is the label", "take it out"]),
    "positive not there": (["replay.label=late_text", "replay.positive=yess"], ["no row of column 'late_text' is 'yess'", "'NO', 'yes'"]),
    "positive of another type": (["replay.positive='1'"], ["replay.positive: found the text '1'", "write it without quotes"]),
    "strings as features": (["replay.features=[amount,age,country]"], ["'country' holds strings", "takes float", "encode it as numbers"]),
    "infinity": (["replay.features=[amount,age,with_infinity]"], ["'with_infinity' holds infinity in 1 rows", "replace it"]),
    "integers above 2^24": (["replay.features=[amount,age,big_number]"], ["'big_number' holds 1678", "2^24", "int64 or double input"]),
    "NaN refused": (["replay.features=[amount,age,with_gaps]", "replay.nan=refuse"], ["'with_gaps' holds NaN or null", "nan: pass"]),
    "texts with gaps refused": (
        ["model=names_country", "replay.nan=refuse"],
        ["'country' holds NaN or null, and replay.nan is refuse", "nan: pass"],
    ),
    "a list among features": (["replay.features=[pair,age]"], ["'pair' is a list of 2", "fills an input alone"]),
    "times as features": (["replay.features=[amount,age,asked_at]"], ["'asked_at' is timestamp", "takes float"]),
    "times with gaps": (["replay.timestamp=asked_at_gap"], ["'asked_at_gap' has no time in 1 rows"]),
    "numbers as times": (["replay.timestamp=ratio"], ["replay.timestamp: column 'ratio' is float, wanted a timestamp"]),
    "whole numbers as times": (["replay.timestamp=n_items"], ["replay.timestamp: column 'n_items' is int64, wanted a timestamp"]),
    "words as times": (["replay.timestamp=channel"], ["replay.timestamp: column 'channel' is", "wanted a timestamp"]),
    "edges on texts": (
        ["replay.slices={columns: [{column: country, edges: [1, 3]}], crosses: []}"],
        ["'country' is", "only numbers have edges"],
    ),
    "slices of lists": (["replay.slices={columns: [words], crosses: []}"], ["'words' is list", "no values to slice by"]),
    "too many slices": (
        ["replay.slices={columns: [request_id], crosses: [], max_slices: 100}"],
        ["'request_id' has more than 100 values", "max_slices"],
    ),
    "where of another type": (["replay.where=[{column: n_items, in: [DE]}]"], ["replay.where: column 'n_items' is int64", "['DE']"]),
    "where that keeps nothing": (
        ["replay.where=[{column: country, in: [XX]}]", NO_SLICES],
        ["no row is left to judge", "left out by replay.where: 3,000"],
    ),
    "periods that overlap": (
        ["replay.reference={from: 2025-01-15, until: 2025-03-01}"],
        ["replay.reference: overlaps replay.training", "move one"],
    ),
    "no judged row": (
        ["replay.training={before: 2026-01-01}", "replay.reference=null", "replay.tuning=null"],
        ["no row is left to judge", "training period: 3,000"],
    ),
    "labels too young": (["replay.label_maturity={age: 999d}"], ["no row is left to judge", "label not yet mature"]),
    "no such logged score": (["model=logged", "model.column=prod_scor"], ["no column 'prod_scor'", "did you mean 'prod_score'?"]),
}


def assert_refused(said: Said, words: list[str], results: Path) -> None:
    """Exit code 2, one sentence that holds all `words`, and nothing left behind."""
    assert said.code == 2, said.err
    assert not results.exists()
    (sentence,) = [line for line in said.err.splitlines() if line.startswith("harness: ")]
    assert said.err.splitlines()[-1] == sentence
    assert [w for w in words if w not in sentence] == [], sentence
    assert "Traceback" not in said.err


@pytest.mark.parametrize("case", FILES)
def test_a_log_that_cannot_be_read(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    file, words = FILES[case]
    said = harness(world.args(tmp_path / "results", f"replay.path={world.logs / file}", sweep=None))
    assert_refused(said, words, tmp_path / "results")


@pytest.mark.parametrize("case", COLUMNS)
def test_columns_that_cannot_be_judged(case: str, harness: Harness, world: World, tmp_path: Path) -> None:
    overrides, words = COLUMNS[case]
    assert_refused(harness(world.args(tmp_path / "results", *overrides, sweep=None)), words, tmp_path / "results")
