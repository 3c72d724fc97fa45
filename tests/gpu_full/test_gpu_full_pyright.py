"""pyright reads every call into cuDF, CuPy, NVML and ONNX Runtime against the packages themselves."""

import json
import subprocess
import sys

from tests.gpu_full.gpu_sources import REPO, sources


def errors_in(files):
    """Return pyright's errors as `file:line message`."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *map(str, files)]
    ended = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, timeout=300)
    found = json.loads(ended.stdout)
    assert found["summary"]["filesAnalyzed"] >= len(files)
    return [
        f"{d['file']}:{d['range']['start']['line'] + 1} {d['message']}" for d in found["generalDiagnostics"] if d["severity"] == "error"
    ]


def test_calls_into_the_libraries_of_a_card_have_no_error():
    assert errors_in(sources()) == []


PLANTED = {
    "cudf.read_tables('x')": "read_tables",
    "cudf.read_parquet()": "filepath_or_buffer",
    "series.factorize(size_hint=3)": "size_hint",
    "series.factorize()[1].to_arow()": "to_arow",
    "cupy.nanquantile(1, 0.5)": "nanquantile",
    "pynvml.nvmlDeviceGetEnergy(0)": "nvmlDeviceGetEnergy",
    "onnxruntime.OrtValue.ortvalue_from_numpy(1, 2, 3, 4, 5)": "positional arguments",
}


def test_planted_calls_are_found(tmp_path):
    body = "".join(f"    {line}\n" for line in PLANTED)
    file = tmp_path / "planted.py"
    file.write_text(f"import cudf\nimport cupy\nimport onnxruntime\nimport pynvml\ndef f(series: cudf.Series) -> None:\n{body}")
    found = errors_in([file])
    for number, said in enumerate(PLANTED.values(), 6):
        assert [error for error in found if f"planted.py:{number} " in error and said in error], (number, said, found)
    assert len(found) == len(PLANTED)
