"""A small synthetic log with good columns to judge by and bad ones to be refused for."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

N_ROWS = 3000
FEATURES = ("amount", "age", "ratio")
WEIGHTS = (1.2, -0.8, 0.5)


def tiny_frame(n_rows: int = N_ROWS, seed: int = 7) -> pd.DataFrame:
    """Return requests from January to June 2025 with a 0/1 outcome that `amount`, `age` and `ratio` foretell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 3)).astype(np.float32)
    probability = 1 / (1 + np.exp(-(x @ np.array(WEIGHTS) - 0.4)))
    outcome = (rng.random(n_rows) < probability).astype(np.float64)
    outcome[rng.random(n_rows) < 0.05] = np.nan
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 181 * 86400, n_rows)), unit="s")
    country = rng.choice(["DE", "FR", "IT"], n_rows, p=[0.5, 0.3, 0.2]).astype(object)
    country[rng.random(n_rows) < 0.03] = None
    n_items = rng.integers(0, 30, n_rows)
    return pd.DataFrame(
        {
            "amount": x[:, 0],
            "age": x[:, 1],
            "ratio": x[:, 2],
            "n_items": n_items,
            "asked_at": at.astype("datetime64[us]"),
            "country": country,
            "channel": rng.choice(["web", "app"], n_rows),
            "late": pd.array(outcome, "Int8"),
            "prod_score": probability.astype(np.float32),
        }
    )


def wide_table(frame: pd.DataFrame) -> pa.Table:
    """Return the log with the columns that the hostile tests name."""
    n = len(frame)
    outcome = frame["late"]
    known = outcome.notna().to_numpy()
    positive = (outcome == 1).fillna(False).to_numpy(bool)
    with_infinity = frame["amount"].to_numpy(np.float64).copy()
    with_infinity[n // 2] = np.inf
    with_gaps = frame["amount"].to_numpy(np.float64).copy()
    with_gaps[::50] = np.nan
    table = pa.Table.from_pandas(frame, preserve_index=False)
    gaps = np.arange(n) == n // 2
    more = {
        "late_float": pa.array(outcome.to_numpy(np.float64, na_value=np.nan)),
        "late_bool": pa.array(positive, mask=~known),
        "late_text": pa.array(np.where(positive, "yes", "NO").astype(object), mask=~known),
        "late_three": pa.array(np.arange(n) % 3),
        "late_never": pa.nulls(n, pa.int8()),
        "late_all_ones": pa.array(np.ones(n, np.int8)),
        "with_infinity": pa.array(with_infinity),
        "with_gaps": pa.array(with_gaps, from_pandas=True),
        "big_number": pa.array(np.arange(n) + 2**24),
        "country_dictionary": table.column("country").combine_chunks().dictionary_encode(),
        "amount_decimal": pa.array([Decimal(int(v * 100)).scaleb(-2) for v in frame["amount"]], pa.decimal128(10, 2)),
        "asked_at_zone": pa.array(frame["asked_at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Paris")),
        "asked_at_gap": pa.array(frame["asked_at"], mask=gaps),
        "asked_at_text": pa.array(frame["asked_at"].dt.strftime("%Y-%m-%dT%H:%M:%S")),
        "asked_at_seconds": pa.array(frame["asked_at"].astype("int64") // 1_000_000),
        "unit price": table.column("amount"),
        "größe.in.cm": table.column("age"),
        "request_id": pa.array([f"r{i}" for i in range(n)]),
        "pair": pa.FixedSizeListArray.from_arrays(pa.array(frame[["amount", "age"]].to_numpy(np.float32).reshape(-1)), 2),
        "words": pa.array([["a"]] * n),
    }
    for name, column in more.items():
        table = table.append_column(name, column)
    return table


def write_log(folder: Path) -> pd.DataFrame:
    """Write `log.parquet`, `parts/`, `log.csv` and the damaged files into `folder`; return the plain frame."""
    frame = tiny_frame()
    table = wide_table(frame)
    pq.write_table(table, folder / "log.parquet")
    (folder / "parts").mkdir()
    half = N_ROWS // 2
    pq.write_table(table.slice(0, half), folder / "parts" / "part-0.parquet")
    pq.write_table(table.slice(half), folder / "parts" / "part-1.parquet")
    frame.to_csv(folder / "log.csv", index=False)
    (folder / "empty.csv").write_text("")
    (folder / "header_only.csv").write_text("amount,age,ratio,late\n")
    pq.write_table(table.slice(0, 1), folder / "one_row.parquet")
    pq.write_table(table.slice(0, 0), folder / "no_rows.parquet")
    (folder / "truncated.parquet").write_bytes((folder / "log.parquet").read_bytes()[:5000])
    (folder / "text.parquet").write_text("this is not a Parquet file")
    (folder / "nothing_here").mkdir()
    (folder / "types_differ").mkdir()
    pq.write_table(table.slice(0, 10), folder / "types_differ" / "a.parquet")
    recast = table.set_column(0, "amount", table.column("amount").cast(pa.float64()))
    pq.write_table(recast.slice(0, 10), folder / "types_differ" / "b.parquet")
    (folder / "columns_differ").mkdir()
    pq.write_table(table.slice(0, 10), folder / "columns_differ" / "a.parquet")
    pq.write_table(table.drop_columns(["age"]).slice(0, 10), folder / "columns_differ" / "b.parquet")
    (folder / "kinds_differ").mkdir()
    pq.write_table(table.select(list(frame.columns)), folder / "kinds_differ" / "a.parquet")
    frame.head(5).to_csv(folder / "kinds_differ" / "b.csv", index=False)
    return frame
