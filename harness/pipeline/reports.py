"""Writes what a comparison and a sign-off leave in the results folder, and prints the table."""

from __future__ import annotations

from pathlib import Path

from harness.pipeline.evaluate import Evaluation
from harness.pipeline.progress import printing
from harness.records.conf import SweepConf
from harness.report.comparison_files import comparison_csv, comparison_json, comparison_markdown
from harness.report.metric_frames import differences_frame
from harness.report.over_time_files import over_time_csv, retrain_csv
from harness.report.signoff_pages import pages
from harness.report.table import render, report_console
from harness.runs import folder as files
from harness.runs.identity import digest


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
    files.write_parquet(root / "differences.parquet", differences_frame(evaluation.replay.grid, evaluation.differences))


def write_signoff(root: Path, evaluation: Evaluation, conf: SweepConf) -> Path:
    """Write the review's folder, unless this very review stands there, and the newest sign-off beside the comparison."""
    found = pages(evaluation.signoff, evaluation.comparison, conf.variants)
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
