"""Writes the page of coverage and error rates from what a run found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from benchmarks.null_worlds.coverage import CONFIDENCE, PARAMETERS, Covered
from benchmarks.null_worlds.exact import Exact
from benchmarks.null_worlds.families import N_SLICES, SLICE_ROWS, Family
from benchmarks.null_worlds.results import (
    LOWEST,
    MEAN_HIGH,
    MEAN_LOW,
    MIN_SHARE,
    NULL_LEVEL,
    Results,
    is_judged,
    is_miss,
    is_null,
    is_often,
    mean_coverage,
)
from benchmarks.null_worlds.same import N_WINDOWS, ROWS_OF_WINDOW, Identical
from benchmarks.null_worlds.verdicts import N_SCREENED, N_SLICE_ROWS, Rate

T = TypeVar("T")
K = TypeVar("K")
HEAD = """# Do intervals cover, and do verdicts hold their level?

Written by `make coverage` (`python -m benchmarks.null_worlds`); do not edit it by hand.

Simulated data sets with a known truth go through the tallies, metrics, paired differences and gates of the product itself:
{n_sets:,} data sets in every world (each is one slice of a grid), {n_reps:,} repetitions of every verdict. The seed of a world is the CRC-32
of its name, so that no seed was chosen. Intervals are at {confidence:.0%}, gates at .025 one-sided.

- **Truth.** The metric of all data sets of a world taken together: its standard error is 1/√{n_sets:,} = {error:.1%} of that of one data set, which
  changes no figure here by a tenth of a point. Where two models are equally good by construction the truth of a difference is 0.
- **Cells** are the share of intervals that hold the truth, in per cent. In brackets: the share of data sets without an interval, where
  there are any; coverage is then that of the others. With intervals in fewer than {min_share:.0%} of the data sets only that share is shown. A dash: the
  metric has no form for weights or clusters, or never an interval.
- **Bars.** Each cell at least {lowest:.0%} (a **bold** cell misses it), the mean of a row within {mean_low:.0%} and {mean_high:.1%} (*italic* where not; above it the
  interval is cautious, which is reported and no miss), wrong verdicts at most at their level plus three standard errors.
- A cell's standard error is {se:.1%} at a coverage of 95 %: of many cells of a correct method one falls below its bar now and then.
{parameters}
"""
LIMITS = """## What this page does not say

- Worlds are simple: binormal scores, one kind of clusters (lognormal sizes of 10 rows on average, correlation .2 of the latent variables),
  weights that do not depend on the outcome. A log may be worse.
- Challengers, slices and repetitions of a verdict are independent but for the champion and the labels that challengers share.
- Worlds in which only the covariates shift, only the relation of labels to them, or an input that no model sees, belong to drift, which
  this version does not have.
- Paired intervals are not simulated for windows, and the search for worst slices and the bounds for missing labels not at all.
"""
COVERED_BY_MEAN = {False: "*{:.1f}*", True: "{:.1f}"}


def page(found: Results) -> str:
    """Return the whole page as Markdown."""
    ordinary = [c for c in found.worlds if not c.is_conditional]
    groups = _by(ordinary, lambda c: c.world.table)
    parts = [
        _head(found),
        _summary(found, groups),
        _misses(found),
        *(f"## {title}\n\n{_coverage_table(cells)}" for title, cells in groups.items()),
        _null_points([c for c in found.worlds if c.is_conditional]),
        *(f"## {title}: every table that can come up, exactly\n\n{_exact_table(cells)}" for title, cells in found.exact),
        _tests(found.worlds),
        f"## Windows of one model, rows dealt to them at random\n\n{_windows_text()}\n\n{_coverage_table(found.windows)}",
        _fairness(found.fair),
        _families(found.families),
        f"## A variant compared with itself\n\n{_identical_text(found.identical)}\n\n{_identical_table(found.identical)}",
        f"## Verdicts of the non-inferiority gate\n\n{_verdict_text()}\n\n{_verdict_table(found.verdicts)}",
        LIMITS,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _head(found: Results) -> str:
    n = found.n_sets
    parameters = "\n".join(
        f"- `{kind.name}` is computed with {', '.join(f'{k} {v:g}' for k, v in own.items())}." for kind, own in PARAMETERS.items()
    )
    return HEAD.format(
        n_sets=n, n_reps=found.n_reps, confidence=CONFIDENCE, error=n**-0.5, min_share=MIN_SHARE, lowest=LOWEST, mean_low=MEAN_LOW,
        mean_high=MEAN_HIGH, se=math.sqrt(0.95 * 0.05 / n), parameters=parameters,
    )  # fmt: skip


def _summary(found: Results, groups: dict[str, list[Covered]]) -> str:
    rows = []
    for title, cells in [*groups.items(), ("Windows of one model", list(found.windows)), ("Fairness measures", list(found.fair))]:
        judged = [c for c in cells if is_judged(c)]
        lowest = min((c.coverage for c in judged), default=math.nan)
        rows.append([title, str(len(judged)), _mean(judged), _percent(lowest), str(sum(map(is_miss, judged)))])
    null = [c for c in found.worlds if c.is_conditional]
    above = sum(r.is_above for r in found.verdicts)
    failed, often = sum(i.n_fail for i in found.identical), sum(map(is_often, found.families))
    return "\n".join(
        [
            "## In short\n",
            _table(["table", "cells judged", "mean coverage", "lowest", f"below {LOWEST:.0%}"], rows),
            "",
            f"Null points of calibration errors: {sum(map(is_miss, null))} of {len(null)} cells miss. Wrong verdicts: {above} of"
            f" {len(found.verdicts)} rates are above their level. Families of slices: {often} of {len(found.families)} metrics reject too often."
            f" A variant compared with itself FAILs {failed} times.",
        ]
    )


def _misses(found: Results) -> str:
    cells = [c for c in (*found.worlds, *found.windows, *found.fair) if is_miss(c)]
    if not cells:
        return "## Misses\n\nNone."
    rows = [[f"`{c.metric}`", c.world.table, c.world.column, *_miss_cells(c), f"{c.n_interval:,}"] for c in cells]
    header = ["metric", "table", "world", "coverage", "interval above the truth", "interval below it", "intervals"]
    return f"## Misses\n\n{_table(header, rows)}"


def _miss_cells(c: Covered) -> list[str]:
    if is_null(c):
        return [f"above its null point in {_percent(c.n_interval / c.n_sets)}", "", ""]
    return [_percent(share) for share in (c.coverage, c.n_too_high / c.n_interval, c.n_too_low / c.n_interval)]


def _coverage_table(cells: Sequence[Covered]) -> str:
    columns = list(dict.fromkeys(c.world.column for c in cells))
    rows = []
    for metric, own in _by(cells, lambda c: c.metric).items():
        at = {c.world.column: c for c in own}
        rows.append([f"`{metric}`", *(_cell(at.get(column)) for column in columns), _mean(own)])
    return _table(["metric", *columns, "mean"], rows)


def _cell(c: Covered | None) -> str:
    if c is None or not c.n_interval:
        return "–"
    without = 1.0 - c.n_interval / c.n_sets
    told = f" ({_percent(without)})" if without else ""
    if not is_judged(c):
        return told.strip()
    return _flagged(c.coverage, is_miss(c)) + told


def _mean(cells: Sequence[Covered]) -> str:
    mean = mean_coverage(cells)
    return "–" if math.isnan(mean) else COVERED_BY_MEAN[MEAN_LOW <= mean <= MEAN_HIGH].format(100 * mean)


def _null_points(cells: Sequence[Covered]) -> str:
    text = (
        "Calibration errors have an interval only above their null 95 % point. Of calibrated scores about 5 % may be above it"
        f" (a cell above {NULL_LEVEL:.0%} plus three standard errors is **bold**). Of miscalibrated ones the coverage is that of the intervals given."
    )
    metrics = list(dict.fromkeys(c.metric for c in cells))
    rows = []
    for (table, column), own in _by(cells, lambda c: (c.world.table, c.world.column)).items():
        at = {c.metric: c for c in own}
        rows.append([table, column, *(text for metric in metrics for text in _null_cells(at[metric]))])
    header = ["table", "world", *(f"`{m}`: {what}" for m in metrics for what in ("truth", "above its null point", "coverage"))]
    return f"## Calibration errors and their null points\n\n{text}\n\n{_table(header, rows)}"


def _null_cells(c: Covered) -> list[str]:
    if is_null(c):
        share = c.n_interval / c.n_sets
        return ["0", _flagged(share, is_miss(c)), ""]
    covers = _flagged(c.coverage, is_miss(c)) if is_judged(c) else "–"
    return [f"{c.truth:.3f}", _percent(c.n_interval / c.n_sets), covers]


def _exact_table(cells: Sequence[Exact]) -> str:
    columns = list(dict.fromkeys(c.world for c in cells))
    rows = []
    for n, own in _by(cells, lambda c: c.n).items():
        at = {c.world: c.coverage for c in own}
        rows.append([f"{n:,}", *(_flagged(at[w], at[w] < LOWEST) for w in columns)])
    return _table(["rows", *columns], rows)


def _tests(cells: Sequence[Covered]) -> str:
    tested = [c for c in cells if c.n_tested]
    rows = []
    for (table, metric), own in _by(tested, lambda c: (c.world.table, c.metric)).items():
        shares = [c.n_rejected / c.n_tested for c in own]
        rows.append(
            [table, f"`{metric}`", str(len(own)), _percent(min(shares)), _percent(sum(shares) / len(shares)), _percent(max(shares))]
        )
    header = ["table", "metric", "worlds", "lowest", "mean", "highest"]
    text = "Share of p-values below .05 where the two models are equally good, over the worlds of a table."
    return f"## Paired tests of no difference\n\n{text}\n\n{_table(header, rows)}"


def _windows_text() -> str:
    return (
        f"{N_WINDOWS} windows of about {ROWS_OF_WINDOW} rows: how often the interval of last window minus another one holds 0. Calibration errors"
        " have one only where both windows are above their null point, here that of miscalibrated scores."
    )


def _fairness(cells: Sequence[Covered]) -> str:
    text = (
        f"{N_SLICES} slices of about {SLICE_ROWS} rows in every data set. The interval of a spread holds all slices at once, and is therefore"
        " cautious where they are alike."
    )
    return f"## Fairness measures\n\n{text}\n\n{_coverage_table(cells)}"


def _families(rows: Sequence[Family]) -> str:
    text = (
        f"Two equally good models, {N_SLICES} slices of about {SLICE_ROWS} rows and all of them together: how often all simultaneous intervals hold"
        " 0, and how often some Holm-corrected p-value is below .05 (**bold** where above .05 plus three standard errors)."
    )
    body = [
        [
            f"`{r.metric}`",
            f"{r.n:,}",
            _percent(r.n_covered / r.n) if r.n else "–",
            _flagged(r.n_rejected / r.n, is_often(r)) if r.n else "–",
        ]
        for r in rows
    ]
    return f"## Families of slices\n\n{text}\n\n{_table(['metric', 'families', 'all intervals hold 0', 'some p below .05'], body)}"


def _flagged(share: float, is_wrong: bool) -> str:
    return f"**{_percent(share)}**" if is_wrong else _percent(share)


def _identical_text(rows: Sequence[Identical]) -> str:
    n = rows[0].n_sets if rows else 0
    return (
        f"Share of {n:,} data sets in which the difference is exactly 0, in which there is an interval and it holds 0, and what the gate says"
        " with a margin of .02. It cannot tell two variants that agree in every row from two of which nothing is known: UNDECIDED."
    )


def _identical_table(rows: Sequence[Identical]) -> str:
    body = [[f"`{r.metric}`", *(_percent(k / r.n_sets) for k in (r.n_zero, r.n_interval, r.n_pass, r.n_fail, r.n_undecided))] for r in rows]
    return _table(["metric", "difference 0", "interval holds 0", "PASS", "FAIL", "UNDECIDED"], body)


def _verdict_text() -> str:
    return (
        f"Slices of {N_SLICE_ROWS} rows; besides the named ones {N_SCREENED} others, which only the last rule screens. The margin is the true difference"
        " of the worse world, so that a worse slice is exactly at −margin. A share is that of repetitions in which the verdict on some"
        " challenger is wrong. With the screen the level is twice .025, since each of the two families of FAIL is held at .025."
    )


def _verdict_table(rates: Sequence[Rate]) -> str:
    rows = []
    for r in rates:
        share = f"{100 * r.share:.2f}"
        rows.append(
            [f"`{r.metric}`", r.rule, str(r.n_named), str(r.n_challengers), f"**{share}**" if r.is_above else share, f"{100 * r.level:.1f}",
             _percent(r.n_undecided / r.n)]
        )  # fmt: skip
    header = ["metric", "wrong verdict", "named slices", "challengers", "share, %", "level, %", "UNDECIDED, %"]
    return _table(header, rows)


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else "< 0.1" if 0.0 < share < 0.0005 else f"{100 * share:.1f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _by(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
