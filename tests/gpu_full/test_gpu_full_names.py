"""Every dotted name of cuDF, CuPy, NVML and ONNX Runtime that the product uses is there; they import without a card."""

import functools
import importlib
import subprocess
import sys

import pytest

from tests.gpu_full.gpu_sources import REPO, dotted_names, sources

FILES = [str(file.relative_to(REPO)) for file in sources()]


def there_is(name):
    library, *rest = name.split(".")
    try:
        functools.reduce(getattr, rest, importlib.import_module(library))
    except AttributeError:
        return False
    return True


def test_the_files_that_call_a_card_are_found():
    assert {"harness/replay/cudf_reader.py", "harness/meters/nvml.py", "kernels/array_library.py"} <= set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_names_are_there(file):
    assert [name for name in dotted_names((REPO / file).read_text()) if not there_is(name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import cupy\ncupy.cuda.runtime.memGetInf()",
        "import onnxruntime as ort\nort.SessionIOBinding.bind_out",
        "import cudf\ndef f():\n    cudf.read_tables('x')",
    ],
)
def test_a_planted_name_is_found(text):
    assert [name for name in dotted_names(text) if not there_is(name)] != []


@pytest.mark.parametrize("library", ["cudf", "cupy", "onnxruntime", "pynvml", "numba.cuda"])
def test_a_library_imports_without_a_card(library):
    subprocess.run([sys.executable, "-c", f"import {library}"], check=True, timeout=120)
