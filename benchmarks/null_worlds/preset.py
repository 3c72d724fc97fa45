"""The preset grid of worlds; nothing in it was chosen after looking at a result."""

from __future__ import annotations

from benchmarks.null_worlds.binary import BinaryWorld
from benchmarks.null_worlds.multiclass import MulticlassWorld
from benchmarks.null_worlds.regression import Errors, RegressionWorld
from benchmarks.null_worlds.world import Design, World

RATES = (0.01, 0.05, 0.2, 0.5)
AUCS = (0.7, 0.9, 0.98)
SIZES = (200, 2000)
ERRORS: tuple[Errors, ...] = ("normal", "heavy", "uneven")
CLASS_SHARES = {"balanced": (1 / 3, 1 / 3, 1 / 3), "rare": (0.75, 0.2, 0.05)}
CLUSTERED = {f"{g} clusters": Design(n_clusters=g) for g in (15, 40, 200)}
WEIGHTED = {
    "200 rows, lognormal weights": Design(n_rows=200, weights="lognormal"),
    "2,000 rows, lognormal weights": Design(n_rows=2000, weights="lognormal"),
    "2,000 rows, bounded weights": Design(n_rows=2000, weights="bounded"),
    "40 clusters, bounded weights": Design(n_clusters=40, weights="bounded"),
}
DESIGNED = {**CLUSTERED, **WEIGHTED}


def preset_worlds() -> list[World]:
    """Return all worlds, table by table."""
    return [*_binary(), *_regression(), *_multiclass(), *_paired_binary(), *_paired_regression(), *_paired_multiclass()]


def _binary() -> list[World]:
    worlds: list[World] = []
    for n in SIZES:
        for calibrated in (True, False):
            table = f"Binary, {n:,} independent rows, {'calibrated' if calibrated else 'miscalibrated'} scores"
            worlds += [
                BinaryWorld(
                    table=table, column=f"rate {rate:g}, AUC {auc:g}", design=Design(n), rate=rate, aucs=(auc,), calibrated=calibrated
                )
                for rate in RATES
                for auc in AUCS
            ]
    table = "Binary, clusters and weights (AUC .8, miscalibrated scores)"
    worlds += [
        BinaryWorld(table=table, column=f"{name}, rate {rate:g}", design=design, rate=rate, aucs=(0.8,), calibrated=False)
        for name, design in DESIGNED.items()
        for rate in (0.1, 0.5)
    ]
    return worlds


def _regression() -> list[World]:
    worlds: list[World] = [
        RegressionWorld(
            table="Regression, independent rows", column=f"{n:,} rows, {kind} errors", design=Design(n), errors=kind, noises=(1.0,)
        )
        for n in (30, *SIZES)
        for kind in ERRORS
    ]
    worlds += [
        RegressionWorld(
            table="Regression, clusters and weights", column=f"{name}, {kind} errors", design=design, errors=kind, noises=(1.0,)
        )
        for name, design in DESIGNED.items()
        for kind in ERRORS[:2]
    ]
    return worlds


def _multiclass() -> list[World]:
    worlds: list[World] = [
        MulticlassWorld(
            table="Multiclass, independent rows",
            column=f"{n:,} rows, {name}, {'calibrated' if calibrated else 'too sure'}",
            design=Design(n),
            shares=shares,
            distances=(1.5,),
            calibrated=calibrated,
        )
        for n in SIZES
        for name, shares in CLASS_SHARES.items()
        for calibrated in (True, False)
    ]
    worlds += [
        MulticlassWorld(table="Multiclass, clusters and weights", column=f"{name}, {kind}", design=design, shares=shares, distances=(1.5,))
        for name, design in DESIGNED.items()
        for kind, shares in CLASS_SHARES.items()
    ]
    return worlds


def _alike(alike: bool) -> str:
    return "equally good models" if alike else "a worse challenger"


def _paired_binary() -> list[World]:
    worlds: list[World] = []
    for alike in (True, False):
        aucs = (0.8, 0.8 if alike else 0.75)
        worlds += [
            BinaryWorld(
                table=f"Paired binary, independent rows, {_alike(alike)}",
                column=f"{n:,} rows, rate {rate:g}, correlation {correlation:g}",
                design=Design(n), rate=rate, aucs=aucs, correlation=correlation, models_alike=alike,
            )
            for n in SIZES for rate in (0.05, 0.2, 0.5) for correlation in (0.7, 0.95)
        ]  # fmt: skip
        worlds += [
            BinaryWorld(
                table=f"Paired binary, clusters and weights, {_alike(alike)}",
                column=f"{name}, rate {rate:g}", design=design, rate=rate, aucs=aucs, models_alike=alike,
            )
            for name, design in DESIGNED.items() for rate in (0.1, 0.5)
        ]  # fmt: skip
    return worlds


def _paired_regression() -> list[World]:
    return [
        RegressionWorld(
            table=f"Paired regression, {_alike(alike)}", column=f"{name}, {kind} errors", design=design, errors=kind,
            noises=(1.0, 1.0 if alike else 1.5), models_alike=alike,
        )
        for alike in (True, False)
        for name, design in {**{f"{n:,} rows": Design(n) for n in SIZES}, **DESIGNED}.items()
        for kind in ERRORS[:2]
    ]  # fmt: skip


def _paired_multiclass() -> list[World]:
    return [
        MulticlassWorld(
            table=f"Paired multiclass, {_alike(alike)}", column=f"{name}, {kind}", design=design, shares=shares,
            distances=(1.5, 1.5 if alike else 1.3), calibrated=False, models_alike=alike,
        )
        for alike in (True, False)
        for name, design in {**{f"{n:,} rows": Design(n) for n in SIZES}, **DESIGNED}.items()
        for kind, shares in CLASS_SHARES.items()
    ]  # fmt: skip
