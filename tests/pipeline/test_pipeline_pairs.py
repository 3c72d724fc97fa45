"""What is kept of pairs of challengers, and what happens where a pair is not kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compare.pareto import gain_differences, pair_gain
from harness.gain.error_cost import ErrorCost
from harness.gain.metric_value import MetricValue
from harness.gain.value_matrix import ValueMatrix
from harness.pipeline import money, pairs
from harness.pipeline.pairs import Side, pair_of_group, read_pairs, reduce_pairs, write_pairs
from harness.pipeline.stored_variant import StoredVariant
from harness.records.comparison import RowAccount
from harness.records.conf import Deploy
from harness.records.money import GainEvidence, GainRow, ValueMoments
from harness.records.replay import JUDGED, PreparedReplay
from harness.records.run import Identity
from harness.records.tally import Grid
from harness.runs import folder as files
from harness.runs import store
from harness.tallies.stored_moments import moments_to_columns
from harness.workers.child import Outcome
from tests.gain.evidence import binary
from tests.oracles.pareto_oracle import mean_and_se, pair_cases
from tests.oracles.row_values import error_costs, value
from tests.pipeline.test_pipeline_pair_costs import priced, trials

DAY_US = 86_400_000_000
REGIONS = ("north", "south", "west")
GRID = Grid(("all", *["region"] * 3), ("all", *REGIONS), ("all", "january", "february"))
AMOUNTS = ValueMatrix({"column": "amount"}, -3.0, {"column": "amount", "times": -1}, 0.0, "USD")
CONSTANTS = ValueMatrix(5.0, -1.0, 0.0, 0.25, "USD")


class Rows:
    """A prepared replay in memory: some rows without a label, and models of which some have learned from the first days."""

    def __init__(self, n_rows=400, n_variants=8, seed=1, until=(), task="binary"):
        rng = np.random.default_rng(seed)
        self.task, self.amounts = task, np.round(rng.lognormal(1, 1.5, n_rows), 2)
        labels = rng.normal(3, 2, n_rows) if task == "regression" else rng.choice([0, 1], n_rows, p=[0.7, 0.3]).astype(np.int8)
        labels[rng.random(n_rows) < 0.1] = np.nan if task == "regression" else -1
        self.labels, self.regions = labels, rng.integers(0, 3, n_rows)
        self.days = np.sort(rng.integers(0, 60, n_rows))
        signal = np.nan_to_num(labels.astype(float), nan=3.0)
        scores = signal + rng.normal(0, 0.8, (n_variants, n_rows)) if task == "regression" else rng.random((n_variants, n_rows))
        starts = [until[i] if i < len(until) else None for i in range(n_variants)]
        self.sides = [
            Side(SimpleNamespace(trained_until=_day(start)), s.astype(np.float32), None if task == "regression" else 0.1 * (i % 3) + 0.4)
            for i, (s, start) in enumerate(zip(scores, starts, strict=True))
        ]
        self.until = [0 if start is None else start for start in starts]
        none = np.full(n_rows, -1, np.int8)
        ids = np.stack([np.zeros(n_rows), 1 + self.regions], axis=1).astype(np.uint16)
        windows = (1 + (self.days >= 31)).astype(np.int32)
        cells = (ids, windows, self.days.astype(np.int64) * DAY_US)
        roles = np.full(n_rows, JUDGED, np.uint8)
        account = RowAccount(n_rows, n_rows, ())
        self.prepared = PreparedReplay(None, "f", n_rows, GRID, account, labels, none, none, roles, *cells, ())

    def reduced(self, gain, wanted=None):
        conf = SimpleNamespace(replay=SimpleNamespace(task=self.task), gain=gain)
        wanted = list(combinations(range(len(self.sides)), 2)) if wanted is None else wanted
        self.reported = []
        return reduce_pairs(self.sides, wanted, self.prepared, conf, self.reported.append)

    def of_pair(self, a, b):
        """Rows that both are judged on."""
        known = ~np.isnan(self.labels) if self.task == "regression" else self.labels >= 0
        return known & (self.days >= max(self.until[a], self.until[b]))

    def decides(self, i):
        return (self.sides[i].scores >= np.float32(self.sides[i].threshold)).astype(int)

    def worths(self, rule, i, rows):
        return [
            value(rule, y, p, {"amount": amount}, REGIONS[region])
            for y, p, amount, region in zip(self.labels[rows], self.decides(i)[rows], self.amounts[rows], self.regions[rows], strict=True)
        ]


def _day(day):
    return None if day is None else datetime.fromtimestamp(day * 86400, UTC)


@pytest.fixture
def with_amounts(monkeypatch):
    """The tensor of the rule's columns, as the prepared replay would hold it."""

    def put(rows):
        monkeypatch.setattr(pairs, "open_tensor", lambda folder, group: np.stack([rows.amounts] * len(group.columns), axis=1))
        return rows

    return put


def own_evidence(rows, i, a, b, **more):
    counts = np.zeros((GRID.n_cells, 2, 2), np.int64)
    np.add.at(counts[0], (rows.labels[rows.of_pair(a, b)].astype(int), rows.decides(i)[rows.of_pair(a, b)]), 1)
    return GainEvidence(f"v{i}", False, binary(counts), None, grid=GRID, **more)


@pytest.mark.parametrize("until", [(), (20, None, 35, 20, 50)], ids=["all rows", "ends of learning"])
def test_pairs_are_those_of_the_rows(with_amounts, until):
    rows = with_amounts(Rows(until=until))
    found = rows.reduced(AMOUNTS)
    assert set(found) == set(combinations(range(8), 2))
    assert rows.reported[-1] == len(found)
    for (a, b), moments in found.items():
        at, n = rows.of_pair(a, b), np.zeros((GRID.n_slices, 8), int)
        for where in ("all", *range(3)):
            names = ["all"] * int(at.sum()) if where == "all" else rows.regions[at].tolist()
            wanted = pair_cases(rows.labels[at], rows.decides(a)[at], rows.decides(b)[at], names, rows.amounts[at].tolist())
            for (region, label, own_a, own_b), (count, mean, m2) in wanted.items():
                cell, case = (0 if region == "all" else 1 + region), 4 * label + 2 * own_a + own_b
                n[cell, case] = count
                assert moments.mean[cell, case, 0] == pytest.approx(mean, rel=1e-9)
                assert moments.m2[cell, case, 0, 0] == pytest.approx(m2, rel=1e-9, abs=1e-9)
        assert moments.n.tolist() == n.tolist()


@pytest.mark.parametrize(("n_slices", "width"), [(1278, 3), (8192, 3), (8193, 2), (32_768, 2), (40_000, 1)])
def test_as_many_variants_are_counted_together_as_the_cells_allow(n_slices, width):
    assert pairs._block_width(n_slices) == width


def test_narrow_blocks_give_the_same_pairs(monkeypatch):
    rows = Rows()
    wide = rows.reduced(None)
    monkeypatch.setattr(pairs, "_block_width", lambda n_slices: 1)
    narrow = rows.reduced(None)
    assert {k: v.n.tolist() for k, v in narrow.items()} == {k: v.n.tolist() for k, v in wide.items()}
    assert all(v.names == () for v in wide.values())


@given(st.lists(st.sampled_from([0.0, 5.0, 9.0]), min_size=2, max_size=13), st.integers(1, 3), st.data())
def test_each_pair_is_in_one_pass_with_its_own_rows(untils, width, data):
    every = list(combinations(range(len(untils)), 2))
    wanted = data.draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    passes = list(pairs._passes(untils, wanted, width))
    assert sorted(pair for _, own in passes for pair in own) == sorted(wanted)
    for group, own in passes:
        assert len(group) <= 2 * width
        assert all(set(pair) <= set(group) for pair in own)
        assert len({max(untils[a], untils[b]) for a, b in own}) == 1
    if width == 3 and len(set(untils)) == 1:
        n_blocks = -(-len({i for pair in wanted for i in pair}) // 3)
        assert len(passes) <= max(1, n_blocks * (n_blocks - 1) // 2)


@given(st.integers(0, 1000), st.integers(2, 4))
def test_merged_cases_are_those_of_the_rows(seed, n_variants):
    rng = np.random.default_rng(seed)
    cases, values = rng.integers(0, 2 << n_variants, 60), 1e6 + rng.normal(size=(60, 2))
    n, mean, m2 = np.zeros((1, 2 << n_variants), np.int64), *(np.zeros((1, 2 << n_variants, *shape)) for shape in ((2,), (2, 2)))
    for case in np.unique(cases):
        own = values[cases == case]
        n[0, case], mean[0, case], m2[0, case] = len(own), own.mean(axis=0), (own - own.mean(axis=0)).T @ (own - own.mean(axis=0))
    a, b = rng.choice(n_variants, 2, replace=False).tolist()
    found = pair_of_group(ValueMoments(("x", "y"), n, mean, m2), n_variants, a, b)
    bit = lambda i: (cases >> (n_variants - 1 - i)) & 1  # noqa: E731
    of_pair = 4 * (cases >> n_variants) + 2 * bit(a) + bit(b)
    for case in range(8):
        own = values[of_pair == case]
        assert found.n[0, case] == len(own)
        if len(own):
            np.testing.assert_allclose(found.mean[0, case], own.mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(found.m2[0, case], (own - own.mean(axis=0)).T @ (own - own.mean(axis=0)), atol=1e-7)


OVERRIDES = [{"slice": "region=west", "false_positive": -40.0}]


@pytest.mark.parametrize(
    "rule",
    [
        CONSTANTS,
        AMOUNTS,
        replace(CONSTANTS, baseline="champion"),
        replace(AMOUNTS, overrides=OVERRIDES),
    ],
    ids=["constants", "amounts", "baseline champion", "overrides"],
)
def test_gain_of_a_pair_is_that_of_its_rows(with_amounts, rule):
    rows = with_amounts(Rows(n_variants=3, until=(20,)))
    found = rows.reduced(AMOUNTS)
    for a, b in found:
        own = own_evidence(rows, b, a, b, moments=found[a, b])
        at = rows.of_pair(a, b)
        mean, se = mean_and_se(rows.worths(rule, b, at), rows.worths(rule, a, at))
        assert pair_gain(rule, own, found[a, b], 0.95) == pytest.approx((1000 * mean, 1000 * se), rel=1e-9)


def test_gain_of_a_pair_of_regressions_is_that_of_its_rows():
    rows, rule = Rows(n_variants=4, task="regression", until=(None, 30)), ErrorCost(0.5, 3.0, "USD")
    found = rows.reduced(rule)
    assert set(found) == set(combinations(range(4), 2))
    assert found[0, 1].names == ("over_difference", "under_difference")
    for (a, b), moments in found.items():
        at = rows.of_pair(a, b)
        costs = [error_costs(rule, rows.sides[i].scores[at], rows.labels[at]) for i in (a, b)]
        mean, se = mean_and_se(*costs)
        errors = ValueMoments(("over", "under"), np.array([[2]]), np.zeros((1, 1, 2)), np.zeros((1, 1, 2, 2)))
        own = GainEvidence("v", False, SimpleNamespace(n=np.array([2])), None, errors, grid=GRID)
        assert pair_gain(rule, own, moments, 0.95) == pytest.approx((1000 * mean, 1000 * se), rel=1e-9)


def row(name, gain, se, vs=None, vs_se=None):
    return GainRow(name, "USD", "none", gain, se, vs, vs_se, "", 100, 0 if vs is None else 100)


def given_of(name, is_champion=False, counts=((50, 0), (0, 50))):
    return GainEvidence(name, is_champion, binary(np.array([counts])), None, grid=Grid(("all",), ("all",), ("all",)))


COUNTS = np.array([[40, 5, 1, 4, 20, 3, 9, 18]])
KEPT = ValueMoments((), COUNTS, np.zeros((1, 8, 0)), np.zeros((1, 8, 0, 0)))


def test_challengers_are_compared_on_their_own_rows_and_the_champion_by_its_pairs():
    rows = [row("champion", 9, 1, 0, 0), row("a", 12, 1, 3.0, 0.7), row("b", 13, 1, 4.0, 0.9)]
    evidence = [given_of("champion", True), given_of("a"), given_of("b")]
    wanted = pair_gain(CONSTANTS, evidence[2], KEPT, 0.95)
    difference, se, notes = gain_differences(CONSTANTS, evidence, rows, {("a", "b"): KEPT}, 0.95)
    assert (difference[2, 1], se[2, 1]) == wanted
    assert (difference[1, 2], se[1, 2]) == (-wanted[0], wanted[1])
    assert difference[:, 0].tolist() == [0.0, 3.0, 4.0]
    assert difference[0].tolist() == [0.0, -3.0, -4.0]
    assert se[0].tolist() == se[:, 0].tolist() == [0.0, 0.7, 0.9]
    assert notes == ()
    turned, turned_se, _ = gain_differences(CONSTANTS, evidence[::-1], rows[::-1], {("a", "b"): KEPT}, 0.95)
    np.testing.assert_array_equal(turned[::-1, ::-1], difference)
    np.testing.assert_array_equal(turned_se[::-1, ::-1], se)


def test_a_pair_that_is_not_kept_is_compared_as_if_independent_and_that_is_said():
    rows = [row("champion", 9, 1, 0, 0), row("a", 12, 1, 3.0, 0.3), row("b", 13, 1, 4.0, 0.4)]
    evidence = [given_of("champion", True), given_of("a"), given_of("b")]
    difference, se, notes = gain_differences(CONSTANTS, evidence, rows, {}, 0.95)
    assert (difference[2, 1], se[2, 1]) == (1.0, 0.5)
    assert notes == (
        "Pareto: the gains of 1 pair of variants are compared as if they were independent, as nothing is kept of their rows together; the"
        " front is at most too large by it",
    )


def test_without_a_champion_all_pairs_are_compared_and_else_the_gains_themselves():
    rows, evidence = [row("a", 12, 3.0), row("b", 13, 4.0)], [given_of("a"), given_of("b")]
    difference, se, _ = gain_differences(CONSTANTS, evidence, rows, {}, 0.95)
    assert (difference[1, 0], se[1, 0]) == (1.0, 5.0)
    difference, se, notes = gain_differences(CONSTANTS, evidence, rows, {("a", "b"): KEPT}, 0.95)
    assert (difference[1, 0], se[1, 0]) == pair_gain(CONSTANTS, evidence[1], KEPT, 0.95)
    assert notes == ()


def test_a_metric_in_money_has_no_form_for_a_pair_and_that_is_said():
    rule = MetricValue("auc", 2.0, "higher", "USD", 0.01)
    rows = [row("a", 12, 1, 3.0, 0.3), row("b", 13, 1, 4.0, 0.4)]
    _, se, notes = gain_differences(rule, [given_of("a"), given_of("b")], rows, {("a", "b"): KEPT}, 0.95)
    assert se[0, 1] == 0.5
    assert "the rule has no paired form between two challengers" in notes[0]


def member(name, quality, root):
    return SimpleNamespace(conf=SimpleNamespace(label=name, trained_until=None), identity=Identity("s", quality), folder=root / name)


def sweep_conf(**replay):
    given = {"task": "binary", "weight": None, "cluster": None} | replay
    return SimpleNamespace(champion="champion", force=False, timeout_s=60.0, gain=None, replay=SimpleNamespace(**given))


def stored(root, *names):
    """Pairs that are read back under (name, identity q-name)."""
    variants = [SimpleNamespace(label=name, run=SimpleNamespace(identity=Identity("s", f"q-{name}"))) for name in names]
    return {pair: moments.n.tolist() for pair, moments in read_pairs(root, variants).items()}


class InThisProcess:
    """Does the child's work here, and counts what it was given."""

    def __init__(self, monkeypatch, rows, root, names, outcome=None):
        self.given, self.outcome = [], outcome
        for name, side in zip(names, rows.sides, strict=False):
            (root / name).mkdir()
            files.write_columns(root / name / store.SCORES, {"score": side.scores})
        thresholds = {root / name: side.threshold for name, side in zip(names, rows.sides, strict=False)}
        monkeypatch.setattr(pairs, "run_child", self.run)
        monkeypatch.setattr(pairs, "open_prepared", lambda folder: rows.prepared)
        monkeypatch.setattr(store, "read_run", lambda folder: SimpleNamespace(threshold=thresholds[folder]))

    def run(self, work, args, timeout_s, log, on_progress):
        self.given.append(sorted(args[1].keys() - args[2]))
        if self.outcome is not None:
            return self.outcome
        work(SimpleNamespace(progress=on_progress), *args)
        return Outcome("ok", None, None)


def test_pairs_are_made_once_and_again_where_an_identity_changed(tmp_path, monkeypatch):
    rows, names = Rows(n_variants=3), ("champion", "a", "b", "c")
    child = InThisProcess(monkeypatch, rows, tmp_path, names[1:])
    (tmp_path / "champion").mkdir()
    members = [member(name, f"q-{name}", tmp_path) for name in names]
    write_pairs(tmp_path, members, sweep_conf(), rows.prepared)
    found = stored(tmp_path, *names)
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert found["a", "c"] == rows.reduced(None)[0, 2].n.tolist()
    write_pairs(tmp_path, members, sweep_conf(), rows.prepared)
    assert [len(keys) for keys in child.given] == [3]
    members[3] = member("c", "another", tmp_path)
    write_pairs(tmp_path, members, sweep_conf(), rows.prepared)
    assert [len(keys) for keys in child.given] == [3, 2]
    assert set(stored(tmp_path, *names)) == {("a", "b")}, "of the old c nothing is read"
    write_pairs(tmp_path, members, SimpleNamespace(**vars(sweep_conf()) | {"force": True}), rows.prepared)
    assert [len(keys) for keys in child.given] == [3, 2, 3]


@pytest.mark.parametrize(("replay", "n"), [({"weight": "w"}, 4), ({"cluster": "user"}, 4), ({"task": "multiclass"}, 4), ({}, 2)])
def test_pairs_that_nobody_reads_are_not_made_and_old_ones_go(tmp_path, monkeypatch, replay, n):
    monkeypatch.setattr(pairs, "run_child", lambda *_: pytest.fail("there is nothing to do"))
    files.write_columns(tmp_path / "replay" / store.PAIRS, moments_to_columns(KEPT))
    members = [member(name, name, tmp_path) for name in ("champion", "a", "b", "c")[:n]]
    write_pairs(tmp_path, members, sweep_conf(**replay), None)
    assert not (tmp_path / "replay" / store.PAIRS).exists()


def test_a_failure_is_said_and_leaves_no_pair(tmp_path, monkeypatch, capsys):
    rows = Rows(n_variants=2)
    InThisProcess(monkeypatch, rows, tmp_path, ("a", "b"), Outcome("failed", None, "its process was ended by SIGKILL"))
    write_pairs(tmp_path, [member(name, f"q-{name}", tmp_path) for name in ("a", "b")], sweep_conf(), rows.prepared)
    said = capsys.readouterr().err
    assert said.startswith(
        "pairs: 1 pair of challengers was not compared (failed: its process was ended by SIGKILL); the Pareto front uses"
    )
    assert stored(tmp_path, "a", "b") == {}


def test_a_damaged_file_is_made_anew(tmp_path, monkeypatch):
    rows = Rows(n_variants=2)
    InThisProcess(monkeypatch, rows, tmp_path, ("a", "b"))
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / store.PAIRS).write_text("no arrow")
    write_pairs(tmp_path, [member(name, f"q-{name}", tmp_path) for name in ("a", "b")], sweep_conf(), rows.prepared)
    assert set(stored(tmp_path, "a", "b")) == {("a", "b")}


def test_a_cost_with_estimated_power_is_left_out_of_the_front_and_that_is_said():
    slow, fast = trials(8, faster=2.0)
    costs = [priced(slow).cost, replace(priced(fast).cost, power_is_estimated=True)]
    variants = [SimpleNamespace(label=name, measurement=None) for name in ("slow", "fast")]
    gains = [row("slow", 1.0, 0.1), row("fast", 9.0, 0.1)]
    found = {v.label: money.Money(c, g, None, None, None) for v, c, g in zip(variants, costs, gains, strict=True)}
    conf = SimpleNamespace(gain=CONSTANTS, confidence=0.95, seed=0, price=None)
    sides = money.sides_of(variants, {v.label: c for v, c in zip(variants, costs, strict=True)}, conf, {}, None)
    front, notes = money.front_of(variants, found, {v.label: given_of(v.label) for v in variants}, {}, sides, conf)
    assert front == {"slow": True}
    assert notes == ("Pareto: fast is left out, as its power is estimated from a TDP and not measured",)


def test_a_fleet_is_planned_again_only_where_it_decides_and_once_for_each_throughput(monkeypatch):
    """Four variants, each better and cheaper than the ones before; and one that is better and dearer than all."""
    asked = []

    def costs_of(variants, conf, prices, traffic, with_interval):
        (v,) = variants
        asked.append(v.label)
        assert not with_interval
        (point,) = v.measurement.points
        hours = 1e4 / point.throughput_rows_per_s
        return {v.label: SimpleNamespace(utilisation_source="log", machine_h_per_1k=hours)}

    monkeypatch.setattr(money, "costs_of", costs_of)
    speeds = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0, "best": 0.1}
    sides = {name: priced(trials(9)[0] * by, log_h=0.0) for name, by in speeds.items()}
    variants = [
        StoredVariant(SimpleNamespace(label=name, deploy=Deploy()), None, None, None, (), side.measurement) for name, side in sides.items()
    ]
    found = {}
    for i, (name, side) in enumerate(sides.items()):
        hours = 1e4 / side.cost.throughput_rows_per_s
        cost = replace(side.cost, cost_per_1k=hours, machine_h_per_1k=hours)
        found[name] = money.Money(cost, row(name, 10.0 * i, 0.1), None, None, None)
    conf = SimpleNamespace(gain=CONSTANTS, confidence=0.95, seed=0, price=SimpleNamespace(slo_ms=None))
    own = money.sides_of(variants, {name: m.cost for name, m in found.items()}, conf, {}, None)
    front, _ = money.front_of(variants, found, {name: given_of(name) for name in speeds}, {}, own, conf)
    assert front == {"a": False, "b": False, "c": False, "d": True, "best": True}
    assert Counter(asked) == dict.fromkeys("abcd", 9), "the dearest is never asked for"
