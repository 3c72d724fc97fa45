"""Which of our files call the libraries of a card, and through which names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).parents[2]
LIBRARIES = ("cudf", "cupy", "pynvml", "onnxruntime")


def sources() -> list[Path]:
    """Return the files of the product that import one of the libraries, wherever in the file."""
    found = [file for folder in ("harness", "kernels") for file in (REPO / folder).rglob("*.py")]
    return sorted(file for file in found if "demo" not in file.parts and imported(ast.parse(file.read_text())))


def imported(tree: ast.AST) -> dict[str, str]:
    """Return what the source calls each thing that it imports of the libraries, and its dotted name.

    >>> imported(ast.parse("import onnxruntime as ort, cupy.cuda\\nfrom cudf import DataFrame as D"))
    {'ort': 'onnxruntime', 'cupy': 'cupy', 'D': 'cudf.DataFrame'}
    """
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            ours = [alias for alias in node.names if alias.name.split(".")[0] in LIBRARIES]
            found |= {alias.asname or alias.name.split(".")[0]: alias.name if alias.asname else alias.name.split(".")[0] for alias in ours}
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in LIBRARIES:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def dotted_names(text: str) -> Iterator[str]:
    """Yield every dotted name of the libraries that a source uses.

    >>> sorted(dotted_names("import cupy\\ncupy.cuda.runtime.memGetInfo()[0] + cupy.zeros(3).sum()"))
    ['cupy.cuda.runtime.memGetInfo', 'cupy.zeros']
    >>> list(dotted_names("import cupy\\nself._cupy = cupy\\nself._cupy.cuda.Event"))
    ['cupy.cuda.Event']
    """
    tree = ast.parse(text)
    names = imported(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in inner:
            continue
        parts, at = [node.attr], node.value
        while isinstance(at, ast.Attribute):
            parts.append(at.attr)
            at = at.value
        if not isinstance(at, ast.Name):
            continue
        if at.id == "self" and parts[-1].lstrip("_") in names:  # a library that an object keeps: self._cupy
            at = ast.Name(parts.pop().lstrip("_"))
        if at.id in names and parts:
            yield ".".join([names[at.id], *reversed(parts)])
