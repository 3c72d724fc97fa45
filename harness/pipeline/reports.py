"""Writes what a comparison and a sign-off leave in the results folder, and prints the table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from harness.compare.requests_to_notice import requests_to_notice, requests_to_notice_share
from harness.meters.speed_ratio import point_ratio
from harness.pipeline.evaluate import Evaluation
from harness.pipeline.progress import printing
from harness.records.conf import SweepConf
from harness.report.comparison_files import comparison_csv, comparison_json, comparison_markdown
from harness.report.fairness_frame import fairness_frame, to_overall_frame
from harness.report.metric_frames import differences_frame
from harness.report.money_frames import break_even_csv, money_by_slice_csv, sensitivity_csv
from harness.report.over_time_files import over_time_csv, retrain_csv
from harness.report.rollback import Notice
from harness.report.signoff_pages import pages
from harness.report.speed_frame import speed_csv
from harness.report.table import render, report_console
from harness.runs import folder as files
from harness.runs.identity import digest

_NOTICE = Notice(requests_to_notice, requests_to_notice_share)


def write_comparison(root: Path, evaluation: Evaluation) -> None:
    """Replace the comparison's files and the differences."""
    comparison = evaluation.comparison
    for suffix, text in (
        ("csv", comparison_csv(comparison)),
        ("json", comparison_json(comparison)),
        ("md", comparison_markdown(comparison)),
    ):
        files.write_text(root / f"comparison.{suffix}", text)
    files.write_text(root / "over_time.csv", over_time_csv(evaluation.over_time))
    if comparison.retrain:
        files.write_text(root / "retrain.csv", retrain_csv(comparison.retrain))
    else:
        (root / "retrain.csv").unlink(missing_ok=True)
    _write_fairness(root, evaluation)
    _write_money(root, evaluation)
    files.write_parquet(root / "differences.parquet", differences_frame(evaluation.replay.grid, evaluation.differences))


def _write_money(root: Path, evaluation: Evaluation) -> None:
    """Replace the tables of every operating point, and of what cost and gain hang on; without figures there is no table."""
    comparison = evaluation.comparison
    files.write_text(root / "speed.csv", speed_csv(evaluation.measurements, comparison.champion, point_ratio))
    for name, rows, text in (
        ("break_even.csv", comparison.break_even, break_even_csv),
        ("sensitivity.csv", comparison.sensitivity, sensitivity_csv),
        ("money_by_slice.csv", comparison.parts, money_by_slice_csv),
    ):
        if rows:
            files.write_text(root / name, text(comparison))
        else:
            (root / name).unlink(missing_ok=True)


def _write_fairness(root: Path, evaluation: Evaluation) -> None:
    grid, found = evaluation.replay.grid, evaluation.fairness
    if not found:
        for name in ("fairness.csv", "fairness_to_overall.parquet"):
            (root / name).unlink(missing_ok=True)
        return
    between = pd.concat([fairness_frame(variant, one) for variant, one in found], ignore_index=True)
    files.write_text(root / "fairness.csv", str(between.to_csv(index=False, na_rep="NaN", lineterminator="\n")))
    to_overall = pd.concat([to_overall_frame(variant, grid, one) for variant, one in found], ignore_index=True)
    files.write_parquet(root / "fairness_to_overall.parquet", to_overall)


def write_signoff(root: Path, evaluation: Evaluation, conf: SweepConf) -> Path:
    """Write the review's folder, unless this very review stands there, and the newest sign-off beside the comparison."""
    found = pages(evaluation.signoff, evaluation.comparison, conf.variants, evaluation.error_costs, _NOTICE)
    review = root / "reviews" / f"{conf.review}-{digest(sorted(found.items()))[:8]}"
    for name, text in found.items():
        if not (review / name).exists():
            files.write_text(review / name, text)
    for name in ("signoff.json", "signoff.md"):
        files.write_text(root / name, found[name])
    return review


def show(evaluation: Evaluation) -> None:
    """Print the table on standard output."""
    with printing():
        render(evaluation.comparison, report_console())
