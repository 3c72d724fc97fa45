"""Amounts, drift of scores and the slice search of a variant: from scores on a card the tables that the CPU makes; and that they are made there."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from harness.config import compose_sweep
from harness.pipeline import quality
from harness.pipeline.device_rows import PARTS, Asked, Card
from harness.pipeline.gain_tallies import write_value_moments
from harness.pipeline.planning import members_of, plan_sweep
from harness.pipeline.prepare import prepare
from harness.pipeline.reduction import judged_rows
from harness.pipeline.variant_drift import write_variant_drift
from harness.pipeline.variant_tables import write_worst_slices
from harness.records.needs import combined
from harness.runs import folder as files
from harness.runs import store
from kernels.devices import to_device
from tests.sweep.test_tasks import CLASS_WEIGHTS, write_graph
from tests.sweep.world import make_log, make_world, replay_conf

AMOUNT = {"column": "amount", "times": 0.9}
MATRIX = {
    "_target_": "harness.gain.value_matrix.ValueMatrix",
    "true_positive": AMOUNT,
    "false_positive": -0.6,
    "false_negative": 0.0,
    "true_negative": 0.0,
}
ERRORS = {"_target_": "harness.gain.error_cost.ErrorCost", "over_prediction": 1.0, "under_prediction": 2.0}
DRIFT = "drift=standard"
LONG = {"from": "2024-01-11", "until": "2024-02-10"}  # enough rows for a curve of the reference's losses
SEARCH = ("slice_search=standard", "slice_search.min_n=12", "slice_search.min_n_confirm=5")


@pytest.fixture
def host_is_refused(monkeypatch):
    """Let the host's side of every kernel and sum of these parts fail, from when it is called on."""

    def refused(*_, **__):
        raise AssertionError("the host did what the card was asked for")

    def refuse():
        for module in ("value_moments", "cell_moments", "pair_tally", "two_sample", "two_sample_walk", "two_sample_buckets"):
            monkeypatch.setattr(f"kernels.{module}.run_in_order", refused)
        monkeypatch.setattr("kernels.two_sample_quantiles.exact_quantiles", refused)
        monkeypatch.setattr("harness.drift.place_sums._on_host", refused)

    return refuse


def small_log(n_rows=220):
    """Rows of both periods, some without a label, with what the tasks and rules read."""
    log, rng = make_log(n_rows), np.random.default_rng(3)
    log["amount"] = np.round(rng.lognormal(0.5, 1.2, n_rows), 2)
    log["flag"] = rng.integers(0, 2, n_rows)
    log["spent"] = log["amount"] + rng.normal(size=n_rows)
    log["kind"] = rng.choice(["a", "b", "c"], n_rows)
    return log


class Variant:
    """A prepared replay, and scores of a variant and its champion, drawn at random."""

    def __init__(self, root, task, gain, *overrides, n_rows=220, **replay):
        world = make_world(root, ("champion", "better"))
        world.log(small_log(n_rows))
        world.conf("replay", "tiny", replay_conf() | {"task": task} | replay)
        if gain is not None:
            world.conf("gain", "tiny", gain | {"currency": "USD", "note": "made up"})
        more = [] if task == "binary" else [f"metrics={task}", f"review={task}", *(["gain=none"] if gain is None else [])]
        if task == "multiclass":
            for name in ("champion", "better"):
                write_graph(world.model(name), CLASS_WEIGHTS, softmax=True)
        self.conf = compose_sweep(["sweep=tiny", *more, *overrides], ["conf"])
        plan = plan_sweep(self.conf, None)
        self.members = members_of(self.conf, plan, root / "results", root / "cache")
        self.plan = plan.plans[1]
        self.prepared = prepare(plan.log, self.conf.replay, plan.groups, root / "cache", plan.replay_code, lambda *_: None)
        rng, n = np.random.default_rng(5), self.prepared.n_rows
        if task == "multiclass":
            raw = rng.gamma(1.0, size=(2, n, 3))
            self.champion_scores, self.scores = (raw / raw.sum(axis=2, keepdims=True)).astype(np.float32)
        else:
            self.champion_scores, self.scores = np.round(rng.random((2, n)), 2).astype(np.float32)
        self.variants = tuple(self.conf.variants[::-1])
        self.rows = judged_rows(task, self.prepared, self.variants[:1])
        self.both = judged_rows(task, self.prepared, self.variants)
        self.threshold = 0.5 if task == "binary" else None
        self.root = root

    def scores_that_fail_in_a_slice(self):
        """Scores that are near the labels, but in the most frequent value of the first slice column."""
        ids = self.prepared.slice_ids[:, 1]
        fails, near = ids == np.bincount(ids).argmax(), np.random.default_rng(6).random(len(ids)) / 5
        labels = np.nan_to_num(self.rows.labels)
        if self.scores.ndim == 1:
            sign = -1 if self.threshold is None else 1
            return np.where(fails, sign * (1 - labels), labels).clip(0.1, None).astype(np.float32) * (0.8 + near).astype(np.float32)
        of_label = np.where(fails, near, 1 - near)
        scores = np.repeat((1 - of_label)[:, None] / 2, 3, axis=1)
        scores[np.arange(len(ids)), labels.clip(0)] = of_label
        return scores.astype(np.float32)

    def folder(self, name):
        (self.root / name).mkdir()
        return self.root / name

    def parts(self):
        asked = Asked(self.rows, combined(m.needs() for m in self.conf.metrics), self.conf, self.variants[0], True)
        return {part.name: part.why_on_host for part in PARTS if part.is_asked(asked)}

    def on_both(self, write, refuse):
        """Write on the CPU, then, with the host's kernels refused, on the card; return both folders."""
        host, there = self.folder("host"), self.folder("card")
        write(host, None, self.scores)
        refuse()
        write(there, Card(), to_device(self.scores))
        return host, there

    def write_values(self, folder, card, scores):
        against = (self.champion_scores, self.threshold)
        write_value_moments(folder, scores, self.threshold, against, self.rows, self.both, self.prepared, self.variants, self.conf, card)

    def write_drift(self, folder, card, scores):
        write_variant_drift(folder, self.variants[0], self.scores, self.prepared, self.conf, card, scores)

    def write_slices(self, folder, card, scores):
        against = (self.champion_scores, self.threshold)
        label = self.variants[0].label
        write_worst_slices(folder, label, scores, self.threshold, against, self.rows, self.prepared, self.plan, self.conf, card)


def assert_same_columns(found, expected):
    """Counts are the same; floats are sums in another order."""
    assert list(found) == list(expected)
    for name, values in expected.items():
        compare = np.testing.assert_array_equal if values.dtype.kind in "iu" else np.testing.assert_allclose
        options = {} if values.dtype.kind in "iu" else {"rtol": 1e-9, "atol": 1e-9}
        compare(found[name], values, err_msg=name, **options)


def assert_same_table(found, expected, exact):
    assert len(found) == len(expected) > 0
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=1e-9, atol=1e-9)
    for column in exact:
        pd.testing.assert_series_equal(found[column], expected[column], check_exact=True)


@pytest.fixture
def variant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args, **keys: Variant(tmp_path, *args, **keys)


@pytest.mark.parametrize(
    ("task", "gain", "label"),
    [
        ("binary", MATRIX | {"baseline": {"column": "flag"}}, "y"),
        ("binary", MATRIX | {"baseline": "none"}, "y"),
        ("regression", ERRORS | {"baseline": {"column": "amount"}}, "spent"),
        ("regression", None, "spent"),
    ],
)
def test_values_of_the_gain_rule(variant, host_is_refused, monkeypatch, task, gain, label):
    monkeypatch.setattr("harness.tallies.value_moments.CARD_BLOCK_ROWS", 64)  # several, the last one shorter
    one = variant(task, gain, label=label)
    assert one.parts()["amounts of the gain rule"] is None
    host, there = one.on_both(one.write_values, host_is_refused)
    names = sorted(file.name for file in host.iterdir())
    wanted = {store.VALUES, store.PAIRED_VALUES} | ({store.UNLABELLED_VALUES} if task == "binary" else set())
    assert set(names) == wanted == {file.name for file in there.iterdir()}
    for name in names:
        found, expected = files.read_columns(there / name), files.read_columns(host / name)
        assert_same_columns(found, expected)
        assert any(values.sum() > 0 for column, values in found.items() if column.startswith("n"))


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass"])
def test_drift_of_scores(variant, host_is_refused, task):
    label = {"binary": "y", "regression": "spent", "multiclass": "kind"}[task]
    production = {} if task == "multiclass" else {"production": {"score": "prior_score"}}
    one = variant(task, None, DRIFT, label=label, n_rows=300, reference=LONG, **production)
    one.scores[::9] = np.nan if task == "regression" else 1.5  # no scores: missing, and in no side of the loss
    one.variants = one.variants[::-1]  # the champion, which is held against production too
    assert one.parts()["drift of scores"] is None
    host, there = one.on_both(one.write_drift, host_is_refused)
    found, expected = (files.read_parquet(folder / store.DRIFT) for folder in (there, host))
    assert_same_table(found, expected, exact=["n_reference", "n_current", "drifted"])
    exact = found["statistic"].isin(["psi", "ks", "parity"])
    pd.testing.assert_frame_equal(found[exact][["value", "p_value"]], expected[exact][["value", "p_value"]], check_exact=True)
    kinds = {"prediction", "residual"} | ({"parity"} if production else set())
    assert set(found["kind"]) == kinds
    assert found.loc[found["kind"] == "prediction", "slice_by"].nunique() > 1
    assert found.loc[(found["kind"] == "residual") & (found["slice_by"] == "all"), "value"].notna().all()


def test_a_log_without_reference_or_judged_rows_says_so_on_a_card_too(variant, host_is_refused):
    one = variant("binary", None, DRIFT, reference=None, tuning=None)
    host, there = one.on_both(one.write_drift, host_is_refused)
    found, expected = (files.read_parquet(folder / store.DRIFT) for folder in (there, host))
    assert_same_table(found, expected, exact=["note"])


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("binary", ()),
        ("binary", ("slice_search.against=champion", "slice_search.loss=zero_one")),
        ("regression", ("slice_search.pairs=false",)),
        ("multiclass", ()),
    ],
)
def test_worst_slices(variant, host_is_refused, monkeypatch, task, options):
    monkeypatch.setattr("harness.compare.slice_search.CARD_BLOCK_ROWS", 64)
    label = {"binary": "y", "regression": "spent", "multiclass": "kind"}[task]
    one = variant(task, None, *SEARCH, *options, label=label)
    one.scores = one.scores_that_fail_in_a_slice()
    parts = one.parts()
    assert parts["slice search"] is None
    assert "features are encoded" in parts["features and confirmed slices"]
    host, there = one.on_both(one.write_slices, host_is_refused)
    found, expected = (files.read_parquet(folder / store.WORST_SLICES) for folder in (there, host))
    exact = [name for name in ("rank", "slice_by", "slice_value", "n_search", "n") if name in expected]
    assert len(exact) == 5
    assert_same_table(found, expected, exact=exact)


@pytest.mark.parametrize("part", ["values", "drift", "slices"])
def test_a_part_that_takes_the_host_path_is_found(variant, host_is_refused, part):
    """What the tests above rest on: without a card each part does call what is refused."""
    one = variant("binary", MATRIX | {"baseline": "none"}, DRIFT, *SEARCH)
    host_is_refused()
    with pytest.raises(AssertionError, match="the host did"):
        getattr(one, f"write_{part}")(one.folder("host"), None, one.scores)


def test_scores_that_were_kept_are_sent(variant, host_is_refused):
    one = variant("binary", MATRIX | {"baseline": "none"}, DRIFT, *SEARCH)
    host_is_refused()
    card, folder = Card(), one.folder("card")
    for write in (one.write_values, one.write_drift, one.write_slices):
        write(folder, card, one.scores)
    assert {file.name for file in folder.iterdir()} >= {store.VALUES, store.DRIFT, store.WORST_SLICES}


def test_a_statistic_that_reads_values_itself_is_said_to_run_on_the_host(variant):
    one = variant("binary", None, "drift=evidently")
    assert one.parts()["drift statistics of another profile"] == "they read values"
    one.conf = replace(one.conf, drift=replace(one.conf.drift, profile="harness"))
    assert "drift statistics of another profile" not in one.parts()


def test_a_child_hands_its_card_to_every_part(variant, monkeypatch):
    """The champion alone, whose scores were kept: they are sent, and what is told of the parts is what they are given."""
    one, seen = variant("binary", MATRIX | {"baseline": "none"}, DRIFT, *SEARCH), {}
    for module, name in (
        ("gain_tallies", "write_value_moments"),
        ("variant_drift", "write_variant_drift"),
        ("variant_tables", "write_worst_slices"),
    ):
        monkeypatch.setattr(f"harness.pipeline.{module}.{name}", lambda *args, name=name: seen.update({name: args}))
    member = one.members[0]
    member = replace(member, plan=replace(member.plan, device="cuda"))
    kept = one.folder("kept")
    store.keep_scores(kept, one.champion_scores)
    quality.score_and_reduce(SimpleNamespace(progress=lambda _: None), member, None, one.conf, one.prepared.folder, kept / store.SCORES)
    assert len(seen) == 3
    assert len({id(card) for args in seen.values() for card in args if isinstance(card, Card)}) == 1
    assert all(sum(isinstance(one, Card) for one in args) == 1 for args in seen.values())
