"""Two sweeps over one log: the comparison passes where it must, and finds each thing that is planted into the second one's folder."""

import shutil

import numpy as np
import pandas as pd
import pytest

from harness.runs import folder as files
from harness.runs import store
from harness.runs.manifest import read_manifest
from tests.conftest import PROJECT
from tests.gpu_card import flights
from tests.gpu_card.demo import sweep
from tests.gpu_card.record import FAILED, PASSED


@pytest.fixture(scope="module")
def pair(world, tmp_path_factory):
    """The tiny sweep twice, the second time in other batches."""
    root = tmp_path_factory.mktemp("pair")
    overrides = [f"--config-dir={world.conf}", "sweep=tiny"]
    found = [sweep(root, name, [*overrides, f"model.deploy.batch_rows={rows}"], PROJECT) for name, rows in (("cpu", 64), ("card", 50))]
    assert [one.code for one in found] == [found[0].code] * 2, found[1].said
    assert found[0].code in (0, 1, 3), found[0].said
    return found[0].folder, found[1].folder


@pytest.fixture
def card(pair, tmp_path):
    """A copy of the second sweep, into which something is planted."""
    shutil.copytree(pair[1], tmp_path / "card")
    return tmp_path / "card"


def results(pair, card, wanted="cpu"):
    return flights.compare_folders(pair[0], card, wanted)


def folder_of(root, variant):
    return next(root / m.folder for m in read_manifest(root).members if m.variant == variant)


def changed_columns(file, change):
    columns = {name: np.array(values) for name, values in files.read_columns(file).items()}
    change(columns)
    file.unlink()
    files.write_columns(file, columns)


def statuses(found):
    assert [one.name for one in found] == list(flights.NAMES)
    return [one.status for one in found]


def test_two_sweeps_that_agree_pass(pair, card):
    found = results(pair, card)
    assert statuses(found) == [PASSED, PASSED, PASSED], [one.lines for one in found]
    assert "0 beyond tolerance, 0 rows decided otherwise" in found[0].headline
    text = "\n".join(found[2].lines)
    for name in ("comparison.csv", "differences.parquet", "good/metrics.parquet", "worse/metrics.parquet"):
        assert f"{name} | " in text
    for name in ("good/tallies.arrow", "worse/paired.arrow"):
        assert f"| {name} | " in "\n".join(found[1].lines)


def test_a_count_of_the_card_that_its_scores_do_not_give_is_found(pair, card):
    def one_more(columns):
        columns["confusion[2,2]"].reshape(-1)[5] += 1

    changed_columns(folder_of(card, "worse") / store.TALLIES, one_more)
    found = results(pair, card)
    assert statuses(found) == [PASSED, FAILED, PASSED]
    assert found[1].headline.endswith("cells: 1 differ")
    assert "| worse/tallies.arrow | " in "\n".join(found[1].lines)


def test_a_float_that_is_further_off_than_another_order_of_summation_is_found(pair, card):
    def nudged(factor):
        def change(columns):
            columns["log_loss.mean"] *= factor

        return change

    changed_columns(folder_of(card, "good") / store.TALLIES, nudged(1 + 1e-11))
    assert statuses(results(pair, card))[1] == PASSED
    changed_columns(folder_of(card, "good") / store.TALLIES, nudged(1 + 1e-7))
    assert statuses(results(pair, card))[1] == FAILED


def test_a_score_beyond_its_tolerance_is_found(pair, card):
    def off(columns):
        columns["score"][3] += np.float32(1e-3)

    changed_columns(folder_of(card, "worse") / store.SCORES, off)
    found = results(pair, card)
    assert found[0].status == FAILED
    assert "1 beyond tolerance" in found[0].headline


def test_a_cell_of_a_table_that_differs_is_found_and_named(pair, card):
    frame = pd.read_csv(card / "comparison.csv")
    frame.loc[frame["variant"] == "worse", "auc"] += 0.01
    frame.to_csv(card / "comparison.csv", index=False)
    found = results(pair, card)
    assert statuses(found) == [PASSED, PASSED, FAILED]
    assert found[2].headline.endswith("1 differ")
    assert any(line.startswith("| comparison.csv | worse | auc | ") for line in found[2].lines)


def test_a_row_that_moved_explains_its_decisions_and_not_its_auc(pair, card):
    """A row crosses the threshold by less than the tolerance of scores; what hangs on decisions may differ then, and is counted."""
    variant = folder_of(card, "worse")
    threshold = store.read_run(variant).threshold
    both = folder_of(pair[0], "worse"), variant

    def at(value):
        def change(columns):
            columns["score"][3] = value

        return change

    before = [np.array(store.read_scores(folder / store.SCORES)[3]) for folder in both]
    try:
        for folder, value in zip(both, (threshold, np.nextafter(np.float32(threshold), np.float32(0))), strict=True):
            changed_columns(folder / store.SCORES, at(np.float32(value)))
        frame = pd.read_csv(card / "comparison.csv")
        frame.loc[frame["variant"] == "worse", "accuracy"] += 0.01
        frame.to_csv(card / "comparison.csv", index=False)
        found = results(pair, card)
        assert "1 rows decided otherwise" in found[0].headline
        assert found[0].status == PASSED
        assert found[2].status == PASSED
        assert found[2].headline.endswith("0 differ, 1 more differ that hang on rows which moved")
        frame.loc[frame["variant"] == "worse", "auc"] += 0.01
        frame.to_csv(card / "comparison.csv", index=False)
        assert statuses(results(pair, card))[2] == FAILED
    finally:
        changed_columns(both[0] / store.SCORES, at(before[0]))


def test_a_table_that_is_not_there_is_found(pair, card):
    (card / "differences.parquet").unlink()
    found = results(pair, card)
    assert found[2].status == FAILED
    assert any("differences.parquet | the file itself" in line for line in found[2].lines)


def test_a_variant_that_ran_elsewhere_than_asked_is_found(pair, card):
    found = results(pair, card, "cuda")
    assert found[0].status == FAILED
    assert "- good: it was asked to run on cuda and ran on cpu" in found[0].lines


def test_a_sweep_that_is_refused_is_three_failed_sections_with_what_it_said(tmp_path, world):
    overrides = [f"--config-dir={world.conf}", "replay=no_such_replay"]
    found = flights.compare_sweeps(tmp_path, overrides, overrides, "cpu")
    assert statuses(found) == [FAILED] * 3
    assert found[0].headline == "the sweep of the CPU ended with 2"
    assert any("no_such_replay" in line for line in found[0].lines)
