"""NannyML or Evidently over the columns that `bench_drift.py` wrote, in an environment of their own; prints one line of JSON.

python benchmarks/peers_drift/run_peer.py nannyml FOLDER

FOLDER holds reference.npy and current.npy, float64 [n_columns, n_rows]. The seconds are those of the comparison alone: frames are built
before, imports are done before, nothing is rendered.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.simplefilter("ignore")


def frames(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    sides = (np.load(folder / f"{name}.npy") for name in ("reference", "current"))
    first, second = (pd.DataFrame({f"c{column}": values for column, values in enumerate(side)}) for side in sides)
    return first, second


def nannyml(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[float, dict[str, list[float]]]:
    """Fit on the reference and calculate on the current rows, one chunk each."""
    import nannyml as nml

    methods = ["jensen_shannon", "kolmogorov_smirnov", "wasserstein"]
    start = time.perf_counter()
    calculator = nml.UnivariateDriftCalculator(column_names=list(reference), continuous_methods=methods, chunk_number=1)
    table = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
    seconds = time.perf_counter() - start
    return seconds, {method: [float(table[(name, method, "value")].iloc[0]) for name in reference] for method in methods}


def evidently(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[float, dict[str, list[float]]]:
    """One report with four drift metrics a column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    methods = ["psi", "jensenshannon", "ks", "wasserstein"]
    definition = DataDefinition(numerical_columns=list(reference))
    sides = [Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)]
    start = time.perf_counter()
    report = Report([ValueDrift(column=name, method=method) for name in reference for method in methods])
    found = report.run(*sides).dict()["metrics"]
    seconds = time.perf_counter() - start
    values = [float(metric["value"]) for metric in found]
    return seconds, {method: values[at :: len(methods)] for at, method in enumerate(methods)}


def main() -> None:
    peer, folder = sys.argv[1], Path(sys.argv[2])
    seconds, values = {"nannyml": nannyml, "evidently": evidently}[peer](*frames(folder))
    print(json.dumps({"peer": f"{peer} {importlib.metadata.version(peer)}", "seconds": seconds, "values": values}))


if __name__ == "__main__":
    main()
