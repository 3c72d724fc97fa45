"""The flights sweep on the CPU and on the card: scores row by row, tables from the same scores, and every table cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from harness.runs.manifest import Manifest, read_manifest
from tests.gpu_card.cells import SEPARATOR, Compared, Difference, Tolerance, compare, explained
from tests.gpu_card.demo import JUDGED, NotRunError, Sweep, build_demo, sweep
from tests.gpu_card.page import table
from tests.gpu_card.record import FAILED, NOT_RUN, PASSED, Options, Result
from tests.gpu_card.same_scores import compare_tables
from tests.gpu_card.score_rows import ScoreRows, score_rows

NAMES = ("flights: scores", "flights: tables from the same scores", "flights: tables from each device's own scores")
OWN = Tolerance(rtol=1e-4, atol=1e-5)  # metrics of scores that are 1e-5 apart
OF_THE_LOG = Tolerance(rtol=0.0, atol=0.0)  # tables under replay/: no device has touched what they are made of
OF_DRIFT = Tolerance(rtol=1e-2, atol=1e-3)  # a score on the edge of a bin falls on its other side, and bins of a small slice hold few
PROBABILITY = Tolerance(rtol=0.0, atol=1e-3)
OF_COLUMN = {"p_value": PROBABILITY, "p_value_corrected": PROBABILITY}
CELL = ("slice_by", "slice_value", "window")
KEYS = {
    "metrics.parquet": ("variant", "metric", *CELL),
    "drift.parquet": ("variant", "column", "statistic", "profile", *CELL),
    "differences.parquet": ("metric", *CELL, "champion", "challenger"),
    "comparison.csv": ("variant",),
    "over_time.csv": ("variant", "metric", "slice_by", "slice_value", "period"),
    "fairness_to_overall.parquet": ("variant", "rate", "slice_by", "slice_value"),
}
NOT_COMPARED = ("device", "batch_rows", "measured_on")  # what the sweeps are meant to differ in
# Metrics that no threshold decides; and columns of a row that hang on the other variants too.
OF_SCORES = ("auc", "log_loss", "brier")
OF_ALL = (
    "pareto",
    "verdict",
    "worst_slice",
    "worst_slice_metric",
    "worst_slice_vs_champion",
    "p_value_corrected",
    "simultaneous_low",
    "simultaneous_high",
)
N_WORST = 10


def compare_sweeps(work: Path, cpu: Sequence[str], card: Sequence[str], wanted_device: str, note: str = "") -> list[Result]:
    """Run the two sweeps and return the three results."""
    sweeps = [sweep(work, name, list(overrides)) for name, overrides in (("cpu", cpu), ("card", card))]
    for which, one in zip(("CPU", "card"), sweeps, strict=True):
        if one.code not in (*JUDGED, 4) or not (one.folder / "sweep.json").is_file():
            return [Result(name, FAILED, f"the sweep of the {which} ended with {one.code}", _fenced(one)) for name in NAMES]
    return compare_folders(sweeps[0].folder, sweeps[1].folder, wanted_device, note)


def compare_folders(cpu: Path, card: Path, wanted_device: str, note: str = "") -> list[Result]:
    """Compare the results of two sweeps over one log, of which the second has run on the wanted device."""
    roots = cpu, card
    manifests = read_manifest(roots[0]), read_manifest(roots[1])
    scores = score_rows(roots, manifests, wanted_device)
    found = [_scores_result(scores, note)]
    same = compare_tables(roots[1])
    found.append(
        _tables_result(NAMES[1], same, "whole numbers equal, floats within 1e-9 of their value (docs/decisions/022-cuda-drivers.md)")
    )
    own = own_tables(roots, manifests, scores)
    said = (
        "whole numbers equal, floats within 1e-4 of their value plus 1e-5, p-values within 0.001, drift of scores within 0.01 of its value plus "
        "0.001, tables of the log alone bit for bit"
    )
    return [
        *found,
        _tables_result(NAMES[2], own, f"{said}; not compared, since the sweeps are meant to differ in them: {', '.join(NOT_COMPARED)}"),
    ]


def compare_devices(options: Options) -> list[Result]:
    """Compare the sweep of the demo; without a card the second sweep runs on the CPU with one thread."""
    try:
        note = build_demo()
    except NotRunError as missing:
        return [Result(name, NOT_RUN, str(missing)) for name in NAMES]
    both = ["sweep=flights", "measure=none"]
    card = ["device=cuda", "model.deploy.allow_cpu_nodes=true"]
    if options.stand_in:
        both, card = [*both, "replay.limit=100000"], ["device=cpu", "model.deploy.threads=1"]
    wanted = "cpu" if options.stand_in else "cuda"
    return compare_sweeps(Path(options.work), [*both, "device=cpu"], [*both, *card], wanted, note)


def own_tables(roots: tuple[Path, Path], manifests: tuple[Manifest, Manifest], scores: Sequence[ScoreRows]) -> list[Compared]:
    """Compare every table of the two sweeps; a difference is explained where rows have moved that it hangs on."""
    moved = {one.variant: one for one in scores if one.is_moved}
    champion = manifests[0].champion
    found = []
    for label, ours, theirs in _pairs_of_tables(roots, manifests):
        if not (ours.is_file() and theirs.is_file()):
            difference = Difference(ours.name, "the file itself", ours.name, ours.is_file(), theirs.is_file(), float("inf"))
            found.append(Compared(_named(label, ours), 1, 0, 0, 0.0, (difference,)))
            continue
        cpu, card = _read(ours), _read(theirs)
        keys = [key for key in KEYS.get(ours.name, ()) if key in cpu]
        tolerance = OF_THE_LOG if ours.parent.name == "replay" else OF_DRIFT if ours.name == "drift.parquet" else OWN
        one = compare(_named(label, ours), cpu, card, keys, tolerance, {} if tolerance is OF_THE_LOG else OF_COLUMN, NOT_COMPARED)
        found.append(explained(one, {i: _is_explained(d, label, moved, champion) for i, d in enumerate(one.differences)}))
    return found


def _is_explained(difference: Difference, label: str | None, moved: Mapping[str, ScoreRows], champion: str | None) -> bool:
    """Say whether rows have moved that this cell hangs on; what no threshold decides is explained by the steps of an int8 model alone."""
    words = {*difference.row.split(SEPARATOR), *([label] if label else [])}
    names = set(moved) if difference.column in OF_ALL else words | ({champion} if champion else set())
    concerned = [moved[name] for name in names if name in moved]
    if words & set(OF_SCORES) or difference.column.startswith(OF_SCORES):
        concerned = [one for one in concerned if one.precision == "int8"]
    return bool(concerned) and not isinstance(difference.cpu, bool)


def _pairs_of_tables(roots: tuple[Path, Path], manifests: tuple[Manifest, Manifest]) -> list[tuple[str | None, Path, Path]]:
    patterns = ("*.csv", "*.parquet", "replay/*.parquet")
    names = sorted({file.relative_to(root) for root in roots for pattern in patterns for file in root.glob(pattern)})
    found: list[tuple[str | None, Path, Path]] = [(None, roots[0] / name, roots[1] / name) for name in names]
    for ours in manifests[0].members:
        theirs = next((m for m in manifests[1].members if m.variant == ours.variant), None)
        if theirs is not None:
            folders = roots[0] / ours.folder, roots[1] / theirs.folder
            of_both = sorted({file.name for folder in folders for file in folder.glob("*.parquet")})
            found += [(ours.variant, folders[0] / name, folders[1] / name) for name in of_both]
    return found


def _read(file: Path) -> pd.DataFrame:
    return pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)


def _named(label: str | None, file: Path) -> str:
    folder = label or ("replay" if file.parent.name == "replay" else "")
    return f"{folder}/{file.name}" if folder else file.name


def _scores_result(scores: Sequence[ScoreRows], note: str) -> Result:
    head = (
        "variant",
        "precision",
        "device",
        "rows",
        "same bits",
        "largest difference",
        "beyond tolerance",
        "decided otherwise",
        "in another bin",
    )
    rows = [
        (one.variant, one.precision, one.device, f"{one.n_rows:,}", f"{one.n_same:,}", f"{one.largest:.3g}", f"{one.n_beyond:,}",
         f"{one.n_decided_otherwise:,}", f"{one.n_rebinned:,}")
        for one in scores
    ]  # fmt: skip
    ill = [one for one in scores if not one.is_ok]
    n_rows, n_decided = sum(one.n_rows for one in scores), sum(one.n_decided_otherwise for one in scores)
    headline = f"{len(scores)} variants, {n_rows:,} scores: {sum(one.n_beyond for one in scores):,} beyond tolerance, {n_decided:,} rows decided otherwise"
    lines = [
        "Tolerance: fp32 1e-5 of the score plus 1e-6, int8 0.1 (a step of an activation). Each device decides at its own threshold.",
        "",
    ]
    lines += [*table(head, rows, n_left=3), "", *(f"- {one.variant}: {one.trouble}" for one in ill if one.trouble)]
    lines += [f"- {one.variant}: {said}" for one in scores for said in one.notes] + ([f"- {note}"] if note else [])
    return Result(NAMES[0], FAILED if ill or not scores else PASSED, headline, tuple(lines))


def _tables_result(name: str, found: Sequence[Compared], said: str) -> Result:
    head = ("table", "cells", "same", "within tolerance", "the worst of them, in tolerances", "differ, with rows that moved", "differ")
    rows = [
        (c.table, f"{c.n_cells:,}", f"{c.n_same:,}", f"{c.n_close:,}", f"{c.worst_share:.2g}", f"{_n(c, True):,}", f"{_n(c, False):,}")
        for c in found
    ]
    n_explained, n_ill = (sum(_n(c, is_explained) for c in found) for is_explained in (True, False))
    headline = f"{len(found)} tables, {sum(c.n_cells for c in found):,} cells: {n_ill:,} differ"
    headline += f", {n_explained:,} more differ that hang on rows which moved" if n_explained else ""
    worst = sorted((d for c in found for d in c.differences), key=lambda d: (d.is_explained, -d.excess))[:N_WORST]
    lines = [f"Tolerance: {said}.", "", *table(head, rows)]
    if worst:
        lines += [
            "",
            "The worst cells:",
            "",
            *table(("table", "row", "column", "CPU", "card", "tolerances apart"), [_cells(d) for d in worst], 5),
        ]
    return Result(name, FAILED if n_ill or not found else PASSED, headline, tuple(lines))


def _n(compared: Compared, is_explained: bool) -> int:
    return sum(d.is_explained == is_explained for d in compared.differences)


def _cells(d: Difference) -> tuple[str, ...]:
    return d.table, d.row, d.column, str(d.cpu), str(d.card), f"{d.excess:.3g}" + (" (rows moved)" if d.is_explained else "")


def _fenced(one: Sweep) -> tuple[str, ...]:
    return ("```", *one.said.splitlines()[-30:], "```")
