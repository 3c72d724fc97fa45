"""Three parts of a loss change: against the definition on rows, exact in sum, and honest about what they cannot say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift import loss_cells
from harness.drift.calibration_curve import ReferenceCells, fit_means, fit_rates
from harness.drift.loss_parts import loss_parts
from harness.drift.residual_rows import LEAST_SHARE, RESIDUAL_WORDS, residual_rows
from harness.drift.score_axis import curve_columns, on_axis, score_axis
from tests.oracles import loss_parts as oracle

TASKS = ("binary", "multiclass", "regression")
FIELDS = ("reference_loss", "current_loss", "covariate", "outside_support", "residual")


def log_of(seed, n_reference, n_current, task="binary", n_values=None, n_categories=4):
    """Return arguments of `loss_parts` with one slice column; scores shift, and the relation depends on the category."""
    rng = np.random.default_rng(seed)
    n = n_reference + n_current
    current = np.arange(n) >= n_reference
    rng.shuffle(current)
    x = rng.normal(size=n) + 0.4 * current
    if n_values is not None:
        x = np.round(x * n_values / 4) * 4 / n_values
    category = rng.integers(0, n_categories, n)
    if task == "regression":
        scores, labels, nothing = x.astype(np.float32), x + 0.3 * category + rng.normal(size=n) * np.exp(0.3 * x), np.nan
    elif task == "binary":
        scores = (1 / (1 + np.exp(-x))).astype(np.float32)
        labels, nothing = (rng.random(n) < 1 / (1 + np.exp(-0.7 * x - 0.3 * category))).astype(np.int8), -1
    else:
        raw = np.exp(np.stack([x, np.zeros(n), rng.normal(size=n)], axis=1))
        scores, nothing = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32), -1
        labels = rng.integers(0, 3, n).astype(np.int32)
    sides = (np.where(side, labels, np.array(nothing, labels.dtype)) for side in (~current, current))
    return task, scores, *sides, np.stack([np.zeros(n, int), category], axis=1), ("category",)


def split_by_rows(args, column, loss):
    """Return the oracle's parts of one table."""
    task, scores, before, after, ids, _ = args
    old, new = (~np.isnan(side) if side.dtype.kind == "f" else side >= 0 for side in (before, after))
    of_row = ids[:, column] if column else np.zeros(len(scores), int)
    if task == "binary":
        return oracle.binary(loss, scores[old], before[old], of_row[old], scores[new], after[new], of_row[new])
    wide = scores.astype(np.float64)
    if task == "regression":
        z, losses = wide, lambda rows, labels: (wide[rows] - labels[rows]) ** 2
    else:
        z, losses = oracle.logits(wide.max(axis=1)), lambda rows, labels: -np.log(np.clip(wide[rows, labels[rows]], 1e-15, 1 - 1e-15))
    old, new = np.flatnonzero(old), np.flatnonzero(new)
    return oracle.least_squares(z[old], losses(old, before), of_row[old], z[new], losses(new, after), of_row[new])


def known_of(task, rows_with_label, labels):
    """Return labels that only these rows have."""
    return np.where(rows_with_label, labels, np.nan if task == "regression" else -1).astype(labels.dtype)


@pytest.mark.parametrize(
    ("task", "n_values", "seed"),
    [("binary", None, 1), ("binary", 8, 2), ("binary", 1, 3), ("multiclass", None, 4), ("regression", None, 5), ("regression", 6, 6)],
)
def test_parts_are_those_of_the_definition_on_rows(task, n_values, seed):
    args = log_of(seed, 900, 700, task, n_values)
    found = loss_parts(*args)
    assert [(p.slice_by, p.loss) for p in found] == [(by, loss) for loss in loss_cells.LOSSES[task] for by in ("all", "category")]
    for part in found:
        expected = split_by_rows(args, 0 if part.slice_by == "all" else 1, part.loss)
        assert part.n_outside == expected.n_outside
        assert part.residual_se == pytest.approx(expected.residual_se, rel=2e-3)
        for field in FIELDS:  # bins may cost a hundredth of the standard error, never more
            assert getattr(part, field) == pytest.approx(getattr(expected, field), abs=0.01 * expected.residual_se), field


def test_scores_of_zero_and_one_are_read_as_the_definition_reads_them():
    args = list(log_of(7, 600, 600))
    args[1] = args[1].copy()
    args[1][::7], args[1][3::7] = 0.0, 1.0
    for part in loss_parts(*args)[::2]:
        expected = split_by_rows(args, 0, part.loss)
        assert part.residual == pytest.approx(expected.residual, abs=0.02 * expected.residual_se)
        assert part.residual_se == pytest.approx(expected.residual_se, rel=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(TASKS), st.sampled_from([None, 2, 5]), st.integers(1, 60), st.integers(1, 6))
def test_parts_add_up_exactly(seed, task, n_values, n_current, n_categories):
    args = log_of(seed, 150, n_current, task, n_values, n_categories)
    windows = np.random.default_rng(seed).integers(0, 3, len(args[1])).astype(np.int32)
    for part in loss_parts(*args, windows, ("all", "a", "b")):
        if part.n_current:
            change = part.current_loss - part.reference_loss
            assert part.covariate + part.outside_support + part.residual == pytest.approx(change, abs=1e-12, rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(TASKS))
def test_order_of_rows_and_names_of_slices_are_free(seed, task):
    args = log_of(seed, 200, 120, task)
    rng = np.random.default_rng(seed)
    order, names = rng.permutation(len(args[1])), rng.permutation(50)[:4]
    ids = args[4].copy()
    ids[:, 1] = names[ids[:, 1]]
    moved = task, *(a[order] for a in args[1:4]), ids[order], args[5]
    for one, other in zip(loss_parts(*args), loss_parts(*moved), strict=True):
        assert dataclasses.astuple(one)[:5] == dataclasses.astuple(other)[:5]
        for field in (*FIELDS, "residual_se"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-9, abs=1e-11)


def test_a_window_is_held_against_the_whole_reference():
    args = log_of(11, 500, 600)
    windows = np.random.default_rng(1).integers(0, 3, len(args[1])).astype(np.int32)
    found = {(p.window, p.loss): p for p in loss_parts(*args, windows, ("all", "jan", "feb")) if p.slice_by == "all"}
    assert {window for window, _ in found} == {"all", "jan", "feb"}
    alone = known_of("binary", windows == 2, args[3])
    for part in loss_parts(*args[:3], alone, *args[4:])[::2]:
        of_window = found["feb", part.loss]
        assert of_window.n_current == part.n_current
        assert of_window.n_reference == part.n_reference
        for field in (*FIELDS, "residual_se", "p_value"):
            assert getattr(of_window, field) == pytest.approx(getattr(part, field), rel=1e-9)


def test_a_window_without_rows_says_so():
    args = log_of(12, 300, 100)
    empty = loss_parts(*args, np.ones(400, np.int32), ("all", "jan", "feb"))[3]
    assert (empty.window, empty.n_current, empty.reason) == ("feb", 0, "no current row has a label and a valid score")
    assert np.isnan([empty.current_loss, empty.covariate, empty.outside_support, empty.residual]).all()


def test_a_new_category_carries_exactly_its_rows():
    args = log_of(13, 1000, 800)
    scores, ids, after = args[1], args[4].copy(), args[3]
    new = (after >= 0) & (np.arange(len(scores)) % 10 == 0) & (scores > 0.1) & (scores < 0.9)
    ids[new, 1] = 99
    found = {(p.slice_by, p.loss): p for p in loss_parts(*args[:4], ids, args[5])}
    before = {(p.slice_by, p.loss): p for p in loss_parts(*args)}
    beyond = found["all", "brier"].n_outside
    part = found["category", "brier"]
    assert part.n_outside == new.sum() + beyond
    out_of_range = (after >= 0) & ((scores < scores[args[2] >= 0].min()) | (scores > scores[args[2] >= 0].max()))
    of_new = ((scores.astype(float)[new | out_of_range] - after[new | out_of_range]) ** 2 - part.reference_loss).sum() / part.n_current
    assert part.outside_support == pytest.approx(of_new, rel=1e-9)
    assert found["all", "brier"] == before["all", "brier"]


def test_scores_beyond_the_references_and_in_a_wide_gap_are_outside():
    scores = np.concatenate([np.tile([0.3, 0.35, 0.65, 0.7], 50), [0.2, 0.3, 0.5, 0.5, 0.65, 0.7, 0.9]]).astype(np.float32)
    current = np.arange(207) >= 200
    labels = (np.arange(207) % 3 == 0).astype(np.int8)
    found = loss_parts("binary", scores, known_of("", ~current, labels), known_of("", current, labels), np.zeros((207, 1), int), ())
    assert [p.n_outside for p in found] == [4, 4]  # 0.2, 0.9 and twice 0.5
    narrow = score_axis(np.array([0.0, 0.09, 0.18, 1.0]))
    assert narrow.bins_of(np.array([0.05, 0.5])).tolist()[1] == -1
    assert narrow.bins_of(np.array([0.05]))[0] >= 0


def test_numbering_by_sorting_and_small_blocks_change_nothing(monkeypatch):
    args = log_of(14, 2000, 1500, n_values=5)
    windows = np.ones(3500, np.int32)
    expected = loss_parts(*args, windows, ("all", "a"))
    monkeypatch.setattr(loss_cells, "_DENSE", 0)
    monkeypatch.setattr(loss_cells, "_BLOCK_ROWS", 1)
    for one, other in zip(expected, loss_parts(*args, windows, ("all", "a")), strict=True):
        assert one.n_outside == other.n_outside
        for field in (*FIELDS, "residual_se"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-10, abs=1e-13)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("few", "99 reference rows have a label and a valid score; a curve needs 100"),
        ("none", "0 reference rows have a label and a valid score; a curve needs 100"),
        ("no current", "no current row has a label and a valid score"),
        ("one class", "the reference has one class only"),
    ],
)
def test_what_has_no_curve_is_undefined_with_a_reason(change, reason):
    task, scores, before, after, ids, names = log_of(15, 200, 200)
    if change in ("few", "none"):
        before[np.flatnonzero(before >= 0)[99 if change == "few" else 0 :]] = -1
    if change == "no current":
        after[:] = -1
    if change == "one class":
        before[before >= 0] = 1
    for part in loss_parts(task, scores, before, after, ids, names):
        assert np.isnan([part.covariate, part.outside_support, part.residual]).all()
        assert (part.residual_se, part.p_value, part.reason) == (None, None, reason)
        assert np.isnan(part.current_loss) == (change == "no current")
        assert np.isnan(part.reference_loss) == (change == "none")
    residual = residual_rows(loss_parts(task, scores, before, after, ids, names), "a", 0.05)[3]
    assert (residual.drifted, residual.threshold, residual.note) == (None, None, f"undefined: {reason}")


def test_losses_without_spread_have_no_curve():
    current = np.arange(300) >= 150
    labels = np.arange(300.0)
    found = loss_parts(
        "regression",
        labels + 2,
        known_of("regression", ~current, labels),
        known_of("regression", current, labels),
        np.zeros((300, 1), int),
        (),
    )
    assert found[0].reason == "the losses of the reference are all equal"
    assert (found[0].reference_loss, found[0].current_loss, found[0].n_outside) == (4.0, 4.0, 150)


def test_few_outcomes_have_parts_and_no_test():
    rng = np.random.default_rng(16)
    current, x = np.arange(600) >= 500, rng.normal(size=600)
    scores = (1 / (1 + np.exp(-x))).astype(np.float32)
    rare = np.zeros(600, np.int8)
    rare[:9] = 1
    part = loss_parts("binary", scores, known_of("", ~current, rare), known_of("", current, rare), np.zeros((600, 1), int), ())[0]
    assert (part.p_value, part.reason) == (None, "no test: 9 reference rows of a class, it needs 10")
    assert not np.isnan(part.residual)
    rare[9] = 1
    part = loss_parts("binary", scores, known_of("", ~current, rare), known_of("", current, rare), np.zeros((600, 1), int), ())[0]
    assert part.reason.startswith("no test: sum of r (1 - r) is ")
    assert part.reason.endswith("over current rows, it needs 5")
    short = current & (np.arange(600) < 529)
    part = loss_parts(
        "regression", x, known_of("regression", ~current, x**2), known_of("regression", short, x**2), np.zeros((600, 1), int), ()
    )[0]
    assert part.reason == f"no test: {29 - part.n_outside} current rows within, it needs 30"


def test_rows_without_a_valid_score_are_counted_and_in_neither_side():
    args = list(log_of(17, 300, 200))
    expected = loss_parts(*args)
    spoiled = np.concatenate([args[1], np.array([np.nan, 1.5, -0.1, np.nan], np.float32)])
    before, after = np.concatenate([args[2], [1, 1, -1, -1]]), np.concatenate([args[3], [-1, -1, 0, -1]])
    found = loss_parts("binary", spoiled, before, after, np.concatenate([args[4], np.zeros((4, 2), int)]), args[5])
    assert [p.n_invalid_score for p in found] == [3] * 4
    assert [dataclasses.replace(p, n_invalid_score=0) for p in found] == list(expected)
    assert residual_rows(found, "a", 0.05)[0].note.endswith("; 3 labelled rows without a valid score left out")


def test_scores_that_separate_the_classes_settle():
    scores = np.concatenate([np.full(100, 0.01), np.full(100, 0.99), np.full(50, 0.01), np.full(50, 0.99)]).astype(np.float32)
    labels, current = (scores > 0.5).astype(np.int8), np.arange(300) >= 200
    part = loss_parts("binary", scores, known_of("", ~current, labels), known_of("", current, labels), np.zeros((300, 1), int), ())[0]
    assert part.residual == pytest.approx(0.0, abs=0.01)
    assert part.reason.startswith("no test: sum of r (1 - r)")


def test_offsets_of_small_categories_are_held_back():
    n = 400
    at = np.tile(np.linspace(-1, 1, 20), n // 20)
    axis = score_axis(at)
    outcome = np.tile([0.0, 1.0], n // 2)
    category = np.where(np.isin(np.arange(n), [9, 10]), 1, 0)  # scores in the middle, where a slope says little
    outcome[[9, 10]] = 1.0
    cells = ReferenceCells(category, axis.bins_of(at), np.ones(n), outcome, outcome, 2)
    expected = fit_rates(curve_columns(axis), cells).expected
    assert 0.55 < expected[9] < 0.85  # two rows of two came true: neither 1 nor the half of the others
    means = fit_means(curve_columns(axis), dataclasses.replace(cells, total=outcome - outcome.mean())).expected + outcome.mean()
    assert 0.6 < means[9] < 0.95


def test_the_curve_bends_with_the_reference():
    rng = np.random.default_rng(18)
    at = rng.normal(size=20_000)
    axis = score_axis(at)
    assert len(axis.knots) == 7
    outcome = (rng.random(20_000) < 1 / (1 + np.exp(-2 * np.sin(2 * at)))).astype(float)
    bins = axis.bins_of(at)
    curve = fit_rates(curve_columns(axis), ReferenceCells(np.zeros(20_000, np.intp), bins, np.ones(20_000), outcome, outcome, 1))
    middle = np.abs(at) < 1.2
    assert np.abs(curve.expected - 1 / (1 + np.exp(-2 * np.sin(2 * at))))[middle].max() < 0.1  # a straight line is off by 0.3
    assert on_axis(np.array([0.0, 1.0]), True).tolist() == pytest.approx([-16.118, 16.118], abs=1e-3)


def test_wrong_names_of_slice_columns_are_refused():
    args = log_of(19, 120, 120)
    with pytest.raises(ValueError, match=r"slice_ids: found 2 columns, wanted 1 \+ 0; name each column after the first"):
        loss_parts(*args[:5], ())


def part_of(**changes):
    from harness.records.drift import LossParts

    return dataclasses.replace(LossParts("all", "brier", 500, 400, 8, 0.2, 0.26, 0.01, 0.002, 0.048, 0.012, 0.001), **changes)


def test_rows_say_what_they_are_and_where_drift_is():
    rows = {r.statistic: r for r in residual_rows([part_of()], "gbdt", 0.05)}
    assert list(rows) == ["loss_change", "covariate", "outside_support", "residual"]
    assert {(r.kind, r.variant, r.column, r.slice_by, r.slice_value, r.window, r.profile) for r in rows.values()} == {
        ("residual", "gbdt", "brier", "all", "all", "all", "harness")
    }
    assert rows["outside_support"].note == "8 rows (2.00%) whose score or category the reference never had"
    residual = rows["residual"]
    assert (residual.p_value, residual.drifted) == (0.001, True)
    assert residual.threshold == pytest.approx(LEAST_SHARE * 0.2)
    assert residual.note == f"{RESIDUAL_WORDS}; 95 % [0.0245, 0.0715], rows treated as independent"
    assert all(rows[s].drifted is None and rows[s].p_value is None for s in ("loss_change", "covariate", "outside_support"))


def test_a_residual_drifts_only_by_size_and_corrected_p_together():
    small = residual_rows([part_of(residual=0.0019)], "a", 0.05)[3]
    assert small.drifted is False
    assert RESIDUAL_WORDS not in small.note
    assert residual_rows([part_of(residual=0.0019)], "a", 0.05, least_share=0.0)[3].drifted is True
    assert residual_rows([part_of(residual=-0.048)], "a", 0.05)[3].drifted is True
    assert residual_rows([part_of(p_value=None, residual_se=None, reason="no test: x")], "a", 0.05)[3].note == "no test: x"


def test_tables_of_a_loss_are_one_family_and_its_windows_another():
    tables = [part_of(p_value=0.03), part_of(slice_by="c", p_value=0.9)]
    windows = [
        part_of(window="jan", p_value=0.02),
        part_of(window="feb", p_value=0.5),
        part_of(window="mar", p_value=None, residual_se=None),
    ]
    rows = residual_rows([*tables, *windows, part_of(loss="log_loss", p_value=0.04)], "a", 0.05)[3::4]
    assert [r.p_value_corrected for r in rows] == pytest.approx([0.06, 0.9, 0.04, 0.5, None, 0.04])
    assert [r.drifted for r in rows] == [False, False, True, False, None, True]
