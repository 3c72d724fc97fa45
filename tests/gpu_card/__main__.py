"""`python -m tests.gpu_card`: run the check on the card of this machine; with `--is-there-a-card` only ask whether there is one."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from harness.device import CudaDriver, cuda_driver
from harness.gpu_stack import CudaStack, stack_troubles
from tests.gpu_card.page import REFUSED, code_of, default_path, verdict
from tests.gpu_card.parent import ROOT, run_all
from tests.gpu_card.record import Options
from tests.gpu_card.sections import SECTIONS, is_there

N_ROWS = 1 << 24  # 12 bytes a row are four times the 50 MB of an H100's L2 cache
N_ROWS_INTERPRETED = 64
OFFLINE = "`make gpu-check-offline` proves what can be proven without a card"


def why_not(driver: CudaDriver) -> str | None:
    """Say in one sentence why the check cannot run here, or None."""
    troubles = [t for t in stack_troubles(CudaStack(driver, (), has_cudnn=False)) if t.what in ("driver", "compute mode") and t.is_fatal]
    if not troubles:
        return None
    wanted = "" if "wanted" in troubles[0].text else ", wanted an NVIDIA card that this process may use"
    return f"gpu-check: found {troubles[0].text}{wanted}; {troubles[0].remedy}; {OFFLINE}"


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    trouble = None if options.stand_in else why_not(cuda_driver())
    if trouble is not None:
        print(trouble, file=sys.stderr)
        return REFUSED
    if options.is_there_a_card:
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended like an interrupt: with its children
    sections = [one for one in SECTIONS if not options.only or one.name in options.only]
    card = "stand-in" if options.stand_in else card_name()
    now = datetime.now().astimezone()
    report = options.out or default_path(ROOT, card, now)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as work:
        told = Options(options.rows or (N_ROWS_INTERPRETED if options.stand_in else N_ROWS), options.work or work, options.stand_in)
        has = has_on_stand_in if options.stand_in else is_there
        found = run_all(sections, told, report, f"gpu-check: {card}, {now:%Y-%m-%d %H:%M %Z}", has)
    if len(sections) < len(SECTIONS):
        print(f"asked for {len(sections)} of {len(SECTIONS)} sections")
    print(f"{verdict(found, len(found), options.stand_in)}\nwritten: {report}")
    return code_of(found, options.stand_in or len(sections) < len(SECTIONS))


def has_on_stand_in(module: str) -> bool:
    """Say whether a package is there, or NumPy or PyArrow stands in for it."""
    return module in ("cupy", "cudf") or is_there(module)


def card_name() -> str:
    """Return the name of CUDA's first card as NVML knows it; `card` where nobody can tell."""
    try:
        from harness.meters.cards import describe_cards, visible_uuids

        first = visible_uuids()[:1]
        return next((gpu.name for gpu in describe_cards()[0] if gpu.uuid in first), "card")
    except ImportError:
        return "card"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.gpu_card", description="Try everything that is claimed of a card on this machine's."
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="the report (default: results/gpu-check/<date-time>-<card>.md)")
    parser.add_argument("--rows", type=int, metavar="N", help=f"rows that kernels are timed on (default: {N_ROWS:,}, or what fits)")
    parser.add_argument(
        "--only", nargs="+", choices=[one.name for one in SECTIONS], metavar="SECTION", help="some sections; never exit code 0"
    )
    parser.add_argument("--work", metavar="DIR", help="keep what the sections leave, as the two sweeps, in this folder")
    parser.add_argument("--is-there-a-card", action="store_true", help="only say whether the check can run here")
    parser.add_argument("--stand-in", action="store_true", help="try the check itself without a card; the report says so")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("gpu-check: interrupted; the report holds the sections that had ended", file=sys.stderr)
        sys.exit(130)
