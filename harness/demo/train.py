"""The demo's variants: five models trained on January and February, written as ONNX, and an int8 version of the widest.

Every graph takes one float32 input, all of `FEATURES` in that order, NaN where missing, and gives `probabilities`, [n, 2].
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
from numpy.typing import NDArray

from harness.demo.flights import FEATURES
from harness.demo.graphs import INPUT, OPSET, OUTPUT, Dense, Encoding, dense_model

TRAINED_UNTIL = "2013-03-01"  # as in conf/model/*.yaml
CODED = tuple(FEATURES.index(name) for name in ("day_of_week", "carrier_code", "origin_code"))  # numbers that are names
NUMERIC = tuple(i for i in range(len(FEATURES)) if i not in CODED)
SEED = 0
N_EXPECTED = 5000  # rows on which the trained models' own predictions are kept
EXPECTED = "demo_expected.npz"


@dataclass(frozen=True)
class TrainingRows:
    """Rows to learn from: features float32 [n, n_features], late 0/1 int64 [n]."""

    features: NDArray[np.float32]
    late: NDArray[np.int64]


def write_models(log: Path, folder: Path) -> dict[str, int]:
    """Train every variant on the log's first two months, write the ONNX files into `folder`, and return their sizes in bytes.

    The trained models' own predictions (float64, `N_EXPECTED` rows spread over the year) go into `demo_expected.npz`, so that tests
    compare the graphs with them and neither train again nor open a pickle.
    """
    rows = training_rows(log)
    sample = expected_rows(log)
    expected = {}
    for name, fit in {"logistic": _logistic, "mlp_small": _mlp_small, "mlp_wide": _mlp_wide}.items():
        pipeline = fit(rows)
        expected[name] = pipeline.predict_proba(sample)[:, 1]
        stem = f"{name}_fp32" if name == "mlp_wide" else name
        onnx.save(_pipeline_graph(pipeline), folder / f"{stem}.onnx")
    for name, n_trees, learning_rate in (("gbdt_small", 50, 0.1), ("gbdt_large", 600, 0.02)):
        trees = _gbdt(rows, n_trees, learning_rate)
        expected[name] = trees.predict_proba(sample.astype(np.float64))[:, 1]
        onnx.save(_tree_graph(trees), folder / f"{name}.onnx")
    quantise(folder / "mlp_wide_fp32.onnx", folder / "mlp_wide_int8.onnx")
    np.savez_compressed(folder / EXPECTED, features=sample, **expected)
    return {file.name: file.stat().st_size for file in sorted(folder.glob("*.onnx"))}


def training_rows(log: Path) -> TrainingRows:
    """Read the rows before `TRAINED_UNTIL` whose outcome is known."""
    columns = _read(log, [*FEATURES, "sched_dep", "late"])
    rows = columns[(columns["sched_dep"] < pd.Timestamp(TRAINED_UNTIL)) & columns["late"].notna()]
    return TrainingRows(_matrix(rows), rows["late"].to_numpy(dtype=np.int64))


def expected_rows(log: Path) -> NDArray[np.float32]:
    """Take `N_EXPECTED` rows at equal distances over the whole year: float32, [N_EXPECTED, n_features]."""
    rows = _read(log, list(FEATURES))
    return _matrix(rows.iloc[np.linspace(0, len(rows) - 1, N_EXPECTED).astype(np.int64)])


def quantise(model: Path, quantised: Path) -> None:
    """Write `model` with int8 weights and activations that are quantised at run time, per batch.

    `reduce_range` keeps weights to 7 bits: without VNNI two products of 8 bits overflow the 16-bit sum and the scores go wrong.
    """
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    with tempfile.TemporaryDirectory(prefix="quantise-") as scratch:
        shaped = Path(scratch) / "shaped.onnx"
        quant_pre_process(str(model), str(shaped))  # without inferred shapes the quantiser logs advice to do this
        quantize_dynamic(shaped, quantised, weight_type=QuantType.QInt8, reduce_range=True)


def _read(log: Path, columns: list[str]) -> pd.DataFrame:
    """Read columns of the log's files, in order of time."""
    return pd.concat([pd.read_parquet(file, columns=columns) for file in sorted(log.glob("*.parquet"))], ignore_index=True)


def _matrix(rows: pd.DataFrame) -> NDArray[np.float32]:
    """Lay the features out as the models take them."""
    return np.ascontiguousarray(rows[list(FEATURES)].to_numpy(dtype=np.float32))


def _pipeline(classifier: Any, rows: TrainingRows) -> Any:
    """Fit imputation, scaling and one-hot in front of `classifier`."""
    from sklearn.compose import ColumnTransformer
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    coded = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    encoding = ColumnTransformer([("numeric", numeric, list(NUMERIC)), ("coded", coded, list(CODED))])
    # One thread: on a busy machine threads that wait for each other made this seven times slower, and the sums hang on their number.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the networks stop after a fixed number of passes on purpose
        return make_pipeline(encoding, classifier).fit(rows.features, rows.late)


def _logistic(rows: TrainingRows) -> Any:
    from sklearn.linear_model import LogisticRegression

    return _pipeline(LogisticRegression(max_iter=500), rows)


def _mlp_small(rows: TrainingRows) -> Any:
    from sklearn.neural_network import MLPClassifier

    return _pipeline(MLPClassifier((32,), alpha=1e-3, batch_size=256, max_iter=10, random_state=SEED), rows)


def _mlp_wide(rows: TrainingRows) -> Any:
    from sklearn.neural_network import MLPClassifier

    return _pipeline(MLPClassifier((256, 256), alpha=1e-3, batch_size=512, max_iter=6, random_state=SEED), rows)


def _gbdt(rows: TrainingRows, n_trees: int, learning_rate: float) -> Any:
    """Fit LightGBM on the float32 values (widened), so that its thresholds lie between numbers that the graph will see."""
    from lightgbm import LGBMClassifier

    settings = {"num_leaves": 31, "min_child_samples": 100, "random_state": SEED, "deterministic": True, "force_row_wise": True}
    classifier = LGBMClassifier(n_estimators=n_trees, learning_rate=learning_rate, n_jobs=1, verbose=-1, **settings)
    return classifier.fit(rows.features.astype(np.float64), rows.late)


def _pipeline_graph(pipeline: Any) -> onnx.ModelProto:
    """Take the fitted numbers out of the pipeline and write its graph."""
    encoder, classifier = pipeline[0], pipeline[-1]
    imputer, scaler = encoder.named_transformers_["numeric"]
    encoding = Encoding(
        NUMERIC,
        CODED,
        imputer.statistics_.astype(np.float32),
        scaler.mean_.astype(np.float32),
        scaler.scale_.astype(np.float32),
        tuple(values.astype(np.float32) for values in encoder.named_transformers_["coded"].categories_),
    )
    weights, biases = getattr(classifier, "coefs_", None), getattr(classifier, "intercepts_", None)
    if weights is None or biases is None:  # the logistic regression: one layer without a hidden one
        weights, biases = [classifier.coef_.T], [classifier.intercept_]
    layers = [Dense(w.astype(np.float32), b.astype(np.float32)) for w, b in zip(weights, biases, strict=True)]
    return dense_model(encoding, layers, len(FEATURES))


def _tree_graph(classifier: Any) -> onnx.ModelProto:
    """Convert LightGBM to one TreeEnsembleClassifier whose only output is the tensor of probabilities."""
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    logging.getLogger("onnxmltools").setLevel(logging.ERROR)  # it announces the newest opset of the ml domain
    types = [(INPUT, FloatTensorType([None, len(FEATURES)]))]
    # Named, because the converter's own name is random: the same training is to give the same bytes.
    model: onnx.ModelProto = convert_lightgbm(classifier, "demo", initial_types=types, target_opset=OPSET, zipmap=False)
    kept = [output for output in model.graph.output if output.name == OUTPUT]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    return model
