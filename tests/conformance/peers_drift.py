"""Two sides of columns on which Evidently and NannyML were run, and how: their figures are in peers_drift.json.

To record them again, in an environment of its own: pip install "evidently==0.7.*" "nannyml==0.13.*" "pandas==2.3.*" (Evidently does not
import with pandas 3), then `python -W ignore tests/conformance/peers_drift.py` from the repository's root. NumPy and pandas alone are needed to
make the columns again.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("peers_drift.json")
EVIDENTLY_METHODS = {"jensen_shannon": "jensenshannon", "psi": "psi", "kl": "kl_div"}
EVIDENTLY_OF_NUMBERS = {"ks": "ks", "wasserstein_normed": "wasserstein"}
EVIDENTLY_OF_CATEGORIES = {"chi_square": "chisquare"}
NANNYML_OF_NUMBERS = {
    "jensen_shannon": "jensen_shannon",
    "ks": "kolmogorov_smirnov",
    "wasserstein": "wasserstein",
    "hellinger": "hellinger",
}
NANNYML_OF_CATEGORIES = {"jensen_shannon": "jensen_shannon", "chi_square": "chi2", "l_infinity": "l_infinity", "hellinger": "hellinger"}


def columns() -> dict[str, tuple[Any, Any]]:
    """Return the reference and the current values by name: arrays of numbers, NaN missing, or lists of texts, None missing."""
    rng = np.random.default_rng(20)
    nan, inf = np.nan, np.inf
    three, five = ["a", "b", "c"], ["a", "b", "c", "d", "e"]

    def texts(values: list[str], p: list[float], n: int) -> list[str | None]:
        return [None if i % 50 == 7 else values[j] for i, j in enumerate(rng.choice(len(values), n, p=p))]

    def holed(values: Any, *holes: float) -> Any:
        return np.concatenate([values[: len(values) - len(holes)], holes])

    return {
        "small normal": (holed(rng.normal(size=800), nan, nan), holed(rng.normal(0.2, 1, size=400), nan, inf)),
        "small ties": (rng.integers(0, 12, 500).astype(float), rng.integers(1, 14, 1000).astype(float)),
        "small few": (rng.choice([0.0, 1.0, 2.5], 600), rng.choice([-0.0, 1.0, 2.5], 400, p=[0.4, 0.3, 0.3])),
        "small few and new": (rng.choice([0.0, 1.0, 2.5], 600), rng.choice([0.0, 1.0, 7.0], 400)),
        "small binary": (rng.choice([0.0, 1.0], 500), rng.choice([0.0, 1.0], 300, p=[0.55, 0.45])),
        "1000 rows": (rng.normal(size=1000), rng.normal(size=600)),
        "1001 rows": (rng.normal(size=1001), rng.normal(size=1001)),
        "middle lognormal": (holed(rng.lognormal(size=3000), nan), holed(rng.lognormal(0.1, 1.2, size=2000), nan, nan)),
        "middle ties": (rng.poisson(3, 2000).astype(float), rng.poisson(3.4, 1500).astype(float)),
        "middle tiny": (rng.normal(0, 1e-5, 1200), rng.normal(1e-5, 1e-5, 1200)),
        "middle few": (rng.choice([1.0, 2.0, 3.0, 4.0], 3000), rng.choice([1.0, 2.0, 3.0, 5.0], 2000)),
        "middle constant": (np.full(2000, 3.25), rng.choice([3.25, 9.0], 2000)),
        "large normal": (rng.normal(size=12_000), rng.normal(0.1, 1.3, size=6000)),
        "large lognormal with infinite": (rng.lognormal(size=15_000), holed(rng.lognormal(0.3, 1, size=6000), -inf, inf, inf, nan)),
        "large ties": (rng.poisson(30, 14_000).astype(float), rng.poisson(31, 4000).astype(float)),
        "large integers": (rng.integers(0, 10**6, 12_000), rng.integers(-1000, 10**6, 4000)),
        "large float32": (rng.normal(5, 2, 12_000).astype(np.float32), rng.normal(5.3, 2, 4000).astype(np.float32)),
        "small texts": (texts(three, [0.5, 0.3, 0.2], 600), texts(three, [0.4, 0.4, 0.2], 400)),
        "small texts and new": (texts(three, [0.5, 0.3, 0.2], 600), texts(five, [0.5, 0.2, 0, 0.2, 0.1], 400)),
        "small two texts": (texts(["no", "yes"], [0.7, 0.3], 500), texts(["no", "yes"], [0.6, 0.4], 500)),
        "small one text": (texts(["no"], [1.0], 500), texts(["no"], [1.0], 300)),
        "small texts without one": (texts(["no", "yes"], [0.7, 0.3], 500), texts(["yes"], [1.0], 300)),
        "large texts": (texts(five, [0.2] * 5, 6000), texts(five, [0.3, 0.1, 0.2, 0.2, 0.2], 4000)),
        "large texts and rare": (texts(five, [0.5, 0.4999, 0.0001, 0, 0], 60_000), texts(five, [0.5, 0.4, 0, 0.1, 0], 4000)),
    }


def chunk_size(reference: Any, current: Any) -> int:
    """Return the size of NannyML's chunks: a divisor of both sides that gives the reference at least four."""
    return max(n for n in range(1, len(reference) // 4 + 1) if len(reference) % n == 0 == len(current) % n)


def checksum(values: Any) -> float:
    """Return a number that tells whether the same column was made again."""
    if isinstance(values, list):
        return float(sum((i + 1) * len(v) * ord(v[0]) for i, v in enumerate(values) if v))
    finite = values[np.isfinite(values)].astype(np.float64)
    return float(math.fsum(finite * (np.arange(len(finite)) % 7 + 1)))


def _evidently(reference: Any, current: Any, is_number: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report  # type: ignore[import-not-found]
    from evidently.metrics import ValueDrift  # type: ignore[import-not-found]

    definition = DataDefinition(numerical_columns=["x"]) if is_number else DataDefinition(categorical_columns=["x"])
    sides = [Dataset.from_pandas(pd.DataFrame({"x": side}), definition) for side in (current, reference)]
    own = EVIDENTLY_OF_NUMBERS if is_number else EVIDENTLY_OF_CATEGORIES
    for name, method in {"default": None, **EVIDENTLY_METHODS, **own}.items():
        found = Report([ValueDrift(column="x", method=method)], include_tests=True).run(*sides).dict()
        yield (
            name,
            {
                "method": found["metrics"][0]["config"]["method"],
                "value": float(found["metrics"][0]["value"]),
                "drifted": found["tests"][0]["status"].name == "FAIL",
            },
        )


def _nannyml(reference: Any, current: Any, is_number: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    import nannyml  # type: ignore[import-not-found]
    import pandas as pd

    methods = NANNYML_OF_NUMBERS if is_number else NANNYML_OF_CATEGORIES
    which = {("continuous" if is_number else "categorical") + "_methods": list(methods.values())}
    sides = [pd.DataFrame({"x": side}) for side in (reference, current)]
    calculator = nannyml.UnivariateDriftCalculator(column_names=["x"], chunk_size=chunk_size(reference, current), **which)
    frame = calculator.fit(sides[0]).calculate(sides[1]).filter(period="analysis").to_df()["x"]
    for name, method in methods.items():
        bound = frame[method, "upper_threshold"].iloc[0]
        yield (
            name,
            {
                "values": [float(v) for v in frame[method, "value"]],
                "bound": None if bound is None else float(bound),
                "alerts": [bool(v) for v in frame[method, "alert"]],
            },
        )


def main() -> None:
    """Run both libraries on every column and write what they say."""
    import importlib.metadata as metadata
    import os

    os.environ.update(NML_DISABLE_USAGE_LOGGING="1", DO_NOT_TRACK="1")  # both report their use to their makers otherwise
    cases = {}
    for name, (reference, current) in columns().items():
        is_number = not isinstance(reference, list)
        cases[name] = {
            "checksums": [checksum(reference), checksum(current)],
            "evidently": dict(_evidently(reference, current, is_number)),
            "nannyml": dict(_nannyml(reference, current, is_number)),
        }
    versions = {package: metadata.version(package) for package in ("evidently", "nannyml", "scipy", "numpy", "pandas")}
    FILE.write_text(json.dumps({"source": "tests/conformance/peers_drift.py", "versions": versions, "cases": cases}, indent=1) + "\n")
    sys.stdout.write(f"{len(cases)} columns, {versions}\n")


if __name__ == "__main__":
    main()
