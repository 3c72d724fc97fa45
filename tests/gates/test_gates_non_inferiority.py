from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm, t

from harness.gates.non_inferiority import NonInferiority
from harness.records.tally import Grid

GRID = Grid(("all", "carrier", "carrier"), ("all", "UA", "OO"), ("all", "2013-04"))

NAMED = ("all", "carrier=UA", "carrier=OO")
GATE = NonInferiority(metric="auc", margin=0.01, slices=NAMED)


def judged(gate, *evidence):
    return [r.status for r in gate.judge(evidence)]


def test_pass_needs_every_named_slice(evidence, differences) -> None:
    good = evidence(differences=differences([0.0, -0.002, 0.001], [0.001, 0.002, 0.004]))
    (result,) = GATE.judge((good,))
    assert result.status == "PASS"
    assert result.value == pytest.approx(0.001 - 1.959964 * 0.004, abs=1e-6)
    assert "closest is carrier=OO" in result.sentence
    assert judged(GATE, evidence(differences=differences([0.0, -0.002, -0.003], [0.001, 0.002, 0.004]))) == ["UNDECIDED"]


def test_fail_needs_one_slice_worse_after_holm_over_the_named_ones(evidence, differences) -> None:
    se = 0.002
    z_one, z_three = norm.isf(0.025), norm.isf(0.025 / 3)
    between = -0.01 - se * (z_one + z_three) / 2  # below the margin by itself, not among three
    clear = -0.01 - se * (z_three + 0.1)
    quiet = NonInferiority(metric="auc", margin=0.01, slices=NAMED, screen=False)
    assert judged(quiet, evidence(differences=differences([0.0, 0.0, between], [se] * 3))) == ["UNDECIDED"]
    assert judged(quiet, evidence(differences=differences([0.0, 0.0, clear], [se] * 3))) == ["FAIL"]
    alone = NonInferiority(metric="auc", margin=0.01, slices=("carrier=OO",), screen=False)
    assert judged(alone, evidence(differences=differences([0.0, 0.0, between], [se] * 3))) == ["FAIL"]


def test_several_challengers_are_corrected_for_their_number(evidence, differences) -> None:
    se = 0.004
    z_one, z_two = norm.isf(0.025), norm.isf(0.0125)
    at = -0.01 + se * (z_one + z_two) / 2  # passes alone, not as the better of two
    one = evidence("b", differences([at] * 3, [se] * 3))
    weak = evidence("c", differences([-0.005] * 3, [se] * 3))
    sure = evidence("d", differences([0.01] * 3, [se] * 3))
    assert judged(GATE, one) == ["PASS"]
    assert judged(GATE, one, weak) == ["UNDECIDED", "UNDECIDED"]
    assert judged(GATE, one, sure) == ["PASS", "PASS"], "Holm steps down once the surer one has passed"


def test_the_direction_of_the_metric_turns_the_difference(evidence, differences) -> None:
    gate = NonInferiority(metric="log_loss", margin=0.01)
    worse = differences([0.03, 0.0, 0.0], [0.002] * 3, metric="log_loss", higher_is_better=False)
    better = differences([-0.03, 0.0, 0.0], [0.002] * 3, metric="log_loss", higher_is_better=False)
    assert judged(gate, evidence(differences=worse)) == ["FAIL"]
    (result,) = gate.judge((evidence(differences=better),))
    assert result.status == "PASS"
    assert result.value == pytest.approx(-0.03 + 1.959964 * 0.002, abs=1e-6)
    assert "-0.03 [" in result.sentence, "shown as the differences table has it, not turned"


def test_a_small_named_slice_is_undecided_unless_waived_by_name(evidence, differences) -> None:
    small = evidence(differences=differences([0.0, 0.0, np.nan], [0.001, 0.001, np.nan], n=[10_000, 9_000, 12]))
    (result,) = GATE.judge((small,))
    assert (result.status, result.sentence.split(":")[0]) == ("UNDECIDED", "carrier=OO")
    assert "n 12" in result.sentence
    (waived,) = NonInferiority(metric="auc", margin=0.01, slices=NAMED, waived=("carrier=OO",)).judge((small,))
    assert waived.status == "PASS"
    assert any(d.startswith("waived, not judged: carrier=OO") for d in waived.details)


@pytest.mark.parametrize("estimate", [0.0, -0.1], ids=["harmless", "harm"])
def test_a_named_slice_with_too_few_of_a_class_is_shown_and_not_judged(evidence, differences, estimate: float) -> None:
    def shown(fewest: int):
        return evidence(differences=differences([0.0, 0.0, estimate], [0.001] * 3, fewest=[500, 400, fewest]))

    (result,) = GATE.judge((shown(19),))
    assert result.status == "UNDECIDED"
    assert "carrier=OO: fewer than 20 rows of a class at n 10,000" in result.sentence
    line = f"carrier=OO (n 10,000) {estimate:+.4g} [{estimate - 0.00196:.4g}, {estimate + 0.00196:.4g}], fewer than 20 rows of a class"
    assert any(d.startswith(line) for d in result.details), "shown all the same"
    assert judged(GATE, shown(20)) == [{0.0: "PASS", -0.1: "FAIL"}[estimate]]
    waiving = NonInferiority(metric="auc", margin=0.01, slices=NAMED, waived=("carrier=OO",))
    assert judged(waiving, shown(19)) == ["PASS"]


def test_too_few_of_a_class_do_not_count_in_the_family_of_failures(evidence, differences) -> None:
    se = 0.002
    between = -0.01 - se * (norm.isf(0.025 / 2) + norm.isf(0.025 / 3)) / 2  # below the margin among two, not among three
    gate = NonInferiority(metric="auc", margin=0.01, slices=NAMED, screen=False)
    assert judged(gate, evidence(differences=differences([0.0, between, 0.0], [se] * 3, fewest=[500, 400, 20]))) == ["UNDECIDED"]
    assert judged(gate, evidence(differences=differences([0.0, between, 0.0], [se] * 3, fewest=[500, 400, 19]))) == ["FAIL"]


def test_the_screen_leaves_out_slices_with_too_few_of_a_class_and_counts_them(evidence, differences) -> None:
    gate = NonInferiority(metric="auc", margin=0.01)
    harmed = [evidence(differences=differences([0.0, 0.0, -0.08], [0.001, 0.001, 0.01], fewest=[500, 400, few])) for few in (19, 20)]
    (left_out,), (screened,) = gate.judge(harmed[:1]), gate.judge(harmed[1:])
    assert (left_out.status, screened.status) == ("PASS", "FAIL")
    assert "1 other slices screened, 1 too small (n < 200, too few of a class or of clusters, or no interval)" in left_out.details
    assert "2 other slices screened, 0 too small (n < 200, too few of a class or of clusters, or no interval)" in screened.details


def test_a_waiver_does_not_hide_harm_that_shows(evidence, differences) -> None:
    gate = NonInferiority(metric="auc", margin=0.01, slices=NAMED, waived=("carrier=OO",))
    assert judged(gate, evidence(differences=differences([0.0, 0.0, -0.1], [0.001] * 3))) == ["FAIL"]


def test_a_blocked_challenger_does_not_ease_the_step_of_another(evidence, differences) -> None:
    se = 0.004
    at = -0.01 + se * (norm.isf(0.025) + norm.isf(0.0125)) / 2
    blocked = evidence("c", differences([0.01, 0.01, np.nan], [0.0001, 0.0001, np.nan]))
    assert judged(GATE, evidence("b", differences([at] * 3, [se] * 3)), blocked) == ["UNDECIDED", "UNDECIDED"]


def test_zero_width_is_never_evidence(evidence, differences) -> None:
    (result,) = GATE.judge((evidence(differences=differences([0.0] * 3, [0.0] * 3)),))
    assert result.status == "UNDECIDED"
    assert "all: no usable interval at n 10,000 (delong, of zero width or without a standard error)" in result.sentence


def test_what_cannot_be_judged_says_the_reason_that_the_differences_have(evidence, differences) -> None:
    found = differences([0.0, 0.0, 0.0], [0.001, 0.001, np.nan])
    found.method[4] = "no interval: fewer than 10 clusters"
    (result,) = GATE.judge((evidence(differences=found),))
    assert result.status == "UNDECIDED"
    assert result.sentence.startswith("carrier=OO: no usable interval at n 10,000 (no interval: fewer than 10 clusters)")


def of_student(differences, estimates, ses, degrees):
    """Differences whose intervals are Student's."""
    found, repeated = differences(estimates, ses, n_windows=1), np.array(degrees, dtype=np.float64)
    half = t.ppf(0.975, repeated) * found.se
    return replace(found, degrees=repeated, ci_low=found.difference - half, ci_high=found.difference + half)


def test_corrected_p_values_are_students_where_the_interval_is(evidence, differences) -> None:
    gate = NonInferiority(metric="auc", margin=0.01, slices=("carrier=UA", "carrier=OO"), screen=False)
    grid = Grid(GRID.slice_by, GRID.slice_value, ("all",))
    far = -0.01 - 0.002 * (norm.isf(0.0125) + t.isf(0.0125, 9)) / 2  # beyond Holm's level by a normal tail, not by Student's
    for degrees, status in (([9.0, 9.0, 9.0], "UNDECIDED"), ([np.inf, np.inf, np.inf], "FAIL")):
        assert judged(gate, evidence(differences=of_student(differences, [0.0, 0.0, far], [0.002] * 3, degrees), grid=grid)) == [status]
    wide = of_student(differences, [0.0] * 3, [0.002] * 3, [9.0] * 3)
    (result,) = gate.judge((evidence(differences=wide, grid=grid),))
    assert result.value == pytest.approx(-t.ppf(0.975, 9) * 0.002)


@pytest.mark.parametrize(("degrees", "status"), [(28.9, "PASS"), (29.0, "FAIL"), (np.inf, "FAIL")])
def test_the_screen_leaves_out_slices_with_few_degrees_of_freedom(evidence, differences, degrees: float, status: str) -> None:
    gate, grid = NonInferiority(metric="auc", margin=0.01), Grid(GRID.slice_by, GRID.slice_value, ("all",))
    harmed = of_student(differences, [0.0, 0.0, -0.1], [0.001] * 3, [200.0, 200.0, degrees])
    (result,) = gate.judge((evidence(differences=harmed, grid=grid),))
    assert result.status == status
    n_small = int(status == "PASS")
    assert (
        f"{2 - n_small} other slices screened, {n_small} too small (n < 200, too few of a class or of clusters, or no interval)"
        in result.details
    )


def test_rows_to_decide_take_the_standard_error_off_students_interval(evidence, differences) -> None:
    gate, n = NonInferiority(metric="auc", margin=0.01), 10_000
    found = of_student(differences, [0.0] * 3, [0.008] * 3, [12.0] * 3)
    (result,) = gate.judge((evidence(differences=found, grid=Grid(GRID.slice_by, GRID.slice_value, ("all",))),))
    wanted = int(np.ceil(n * ((norm.ppf(0.975) + norm.ppf(0.8)) * 0.008 / 0.01) ** 2))
    assert f"{wanted:,} rows in all would decide it" in result.sentence


def test_a_screen_of_many_slices_of_students_t_keeps_its_level(evidence, differences) -> None:
    n_worlds, n_slices, degrees, rng = 1000, 40, 30.0, np.random.default_rng(91)
    grid = Grid(("all", *("s" for _ in range(n_slices))), ("all", *(f"v{i}" for i in range(n_slices))), ("all",))
    gate, fails = NonInferiority(metric="auc", margin=0.01), 0
    for _ in range(n_worlds):
        se = 0.004 * np.sqrt(rng.chisquare(degrees, n_slices) / degrees)
        found = np.concatenate(([0.0], rng.normal(-0.01, 0.004, n_slices)))  # every other slice is at the margin: a FAIL is false
        d = of_student(differences, found, np.concatenate(([0.001], se)), np.full(n_slices + 1, degrees))
        fails += judged(gate, evidence(differences=d, grid=grid)) == ["FAIL"]
    assert binom.ppf(0.001, n_worlds, 0.02) <= fails <= binom.ppf(0.999, n_worlds, 0.025)


def test_undecided_says_how_many_rows_would_decide_it(evidence, differences) -> None:
    gate, se, n = NonInferiority(metric="auc", margin=0.01), 0.008, 4_000
    (result,) = gate.judge((evidence(differences=differences([0.0, 0.0, 0.0], [se] * 3, n=n)),))
    wanted = int(np.ceil(n * ((norm.ppf(0.975) + norm.ppf(0.8)) * se / 0.01) ** 2))
    assert result.status == "UNDECIDED"
    assert f"{wanted:,} rows in all would decide it (it has 4,000)" in result.sentence


def test_joint_power_asks_for_more_rows_in_each_of_several_slices(evidence, differences) -> None:
    se, n = 0.008, 4_000
    (result,) = GATE.judge((evidence(differences=differences([0.0] * 3, [se] * 3, n=n)),))
    wanted = int(np.ceil(n * ((norm.ppf(0.975) + norm.ppf(0.8 ** (1 / 3))) * se / 0.01) ** 2))
    assert f"{wanted:,} rows" in result.sentence


def test_an_estimate_beyond_the_margin_is_not_mended_by_rows(evidence, differences) -> None:
    (result,) = GATE.judge((evidence(differences=differences([0.0, 0.0, -0.011], [0.001, 0.001, 0.005])),))
    assert result.status == "UNDECIDED"
    assert "more rows will not make it pass" in result.sentence


def test_enough_rows_and_still_undecided_does_not_promise_a_number(evidence, differences) -> None:
    (result,) = GATE.judge((evidence(differences=differences([0.0, 0.0, -0.009], [0.001, 0.001, 0.002])),))
    assert result.status == "UNDECIDED"
    assert "more rows may not make it pass" in result.sentence


def test_other_slices_can_only_fail(evidence, differences) -> None:
    gate = NonInferiority(metric="auc", margin=0.01)
    harmed = evidence(differences=differences([0.0, 0.0, -0.08], [0.001, 0.001, 0.01]))
    (result,) = gate.judge((harmed,))
    assert result.status == "FAIL"
    assert "carrier=OO" in result.sentence
    assert "not named" in result.sentence
    assert judged(NonInferiority(metric="auc", margin=0.01, screen=False), harmed) == ["PASS"]
    tiny = evidence(differences=differences([0.0, 0.0, -0.08], [0.001, 0.001, 0.01], n=[10_000, 9_000, 100]))
    assert judged(gate, tiny) == ["PASS"], "too small to be screened"
    vague = evidence(differences=differences([0.0, 0.0, -0.02], [0.001, 0.001, 0.02]))
    assert judged(gate, vague) == ["PASS"], "an unnamed slice cannot make it undecided"


def test_details_give_the_share_of_rows_that_the_family_covers(evidence, differences) -> None:
    gate = NonInferiority(metric="auc", margin=0.01, slices=("all", "carrier=UA"))
    (result,) = gate.judge((evidence(differences=differences([0.0] * 3, [0.001] * 3, n=[8000, 6000, 2000])),))
    assert "share of rows covered by the named slices: all 100.0%, carrier 75.0%" in result.details


def test_without_champion_metric_or_slice_it_is_undecided_with_the_reason(evidence) -> None:
    assert "there is no champion" in GATE.judge((evidence(champion=None),))[0].sentence
    (missing,) = NonInferiority(metric="ac", margin=0.01).judge((evidence(),))
    assert "no paired differences of 'ac'; did you mean 'auc'?" in missing.sentence
    assert "add it to metrics" not in missing.sentence, "nothing of that name can be added"
    (unknown,) = NonInferiority(metric="auc", margin=0.01, slices=("carrier=UB",)).judge((evidence(),))
    assert unknown.status == missing.status == "UNDECIDED"
    assert "carrier=UB: the replay has no such slice; did you mean 'carrier=UA'?" in unknown.sentence


def test_a_metric_without_a_paired_difference_says_so_and_which_have_one(evidence) -> None:
    (unpaired,) = NonInferiority(metric="ece", margin=0.01).judge((evidence(),))
    assert unpaired.status == "UNDECIDED"
    have = "accuracy, recall, fpr, selection_rate, log_loss, brier, auc, fnr, precision, npv, f1, mcc, balanced_accuracy"
    assert unpaired.sentence.startswith(f"no paired differences of 'ece'; only {have}")
    assert unpaired.sentence.endswith(" have them so far")
    (left_out,) = NonInferiority(metric="brier", margin=0.01).judge((evidence(),))
    assert left_out.sentence == "no paired differences of 'brier'; add it to metrics"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"margin": 0}, "margin: found 0, wanted a number above 0"),
        ({"slices": ()}, "slices: found none"),
        ({"slices": ("carrier",)}, "slices: found 'carrier', wanted all, column=value"),
        ({"slices": ("all", "all")}, "slices: 'all' is named twice"),
        ({"waived": ("carrier=UA",)}, "waived: 'carrier=UA' is not among the slices"),
        ({"alpha": 0.5}, "alpha: found 0.5"),
        ({"power": 1.0}, r"power: found 1.0"),
    ],
)
def test_what_means_nothing_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NonInferiority(**{"metric": "auc", "margin": 0.01, **fields})


def test_a_slice_may_be_named_by_parts(evidence) -> None:
    gate = NonInferiority(metric="auc", margin=0.01, slices=({"by": "carrier", "value": "UA"},))
    assert judged(gate, evidence()) == ["PASS"]
    assert gate.name == "non_inferiority_auc"


@pytest.mark.parametrize(("n_slices", "n_challengers"), [(1, 1), (1, 5), (4, 1), (4, 3)])
def test_at_the_margin_false_passes_and_false_fails_keep_their_level(evidence, differences, n_slices: int, n_challengers: int) -> None:
    n_worlds, margin, se, rng = 1000, 0.01, 0.004, np.random.default_rng(20131)
    names = tuple(f"v{i}" for i in range(n_slices))
    grid = Grid(("all", *("s" for _ in names)), ("all", *names), ("all",))
    gate = NonInferiority(metric="auc", margin=margin, slices=tuple(f"s={v}" for v in names))
    truths = np.full(n_slices, -margin)  # every named slice of every challenger exactly at the margin: PASS and FAIL are both false
    passes = fails = 0
    for _ in range(n_worlds):
        world = []
        for c in range(n_challengers):
            found = np.concatenate(([0.0], rng.normal(truths, se)))
            d = differences(found, np.full(n_slices + 1, se), challenger=str(c), n_windows=1)
            world.append(evidence(str(c), d, grid=grid))
        statuses = judged(gate, *world)
        passes, fails = passes + ("PASS" in statuses), fails + ("FAIL" in statuses)
    allowed = binom.ppf(0.999, n_worlds, 0.025)
    assert passes <= allowed
    assert fails <= allowed
    if n_slices == n_challengers == 1:
        assert min(passes, fails) >= binom.ppf(0.001, n_worlds, 0.025), "with one test the level is used up"


def test_with_one_slice_at_the_margin_the_others_do_not_help_it_pass(evidence, differences) -> None:
    n_worlds, rng = 1000, np.random.default_rng(7)
    grid = Grid(("all", "s", "s"), ("all", "u", "v"), ("all",))
    gate = NonInferiority(metric="auc", margin=0.01, slices=("s=u", "s=v"))
    passes = 0
    for _ in range(n_worlds):
        found = [0.0, 0.05, rng.normal(-0.01, 0.004)]
        passes += judged(gate, evidence(differences=differences(found, [0.004] * 3, n_windows=1), grid=grid)) == ["PASS"]
    assert binom.ppf(0.001, n_worlds, 0.025) <= passes <= binom.ppf(0.999, n_worlds, 0.025)
