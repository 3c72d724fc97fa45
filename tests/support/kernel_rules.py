"""Reads from the source of `kernels` which functions run on a card, so that none is left out of the checks."""

from __future__ import annotations

import ast
from pathlib import Path

KERNELS = Path(__file__).parents[2] / "kernels"
# How the first parameters begin of a rule that a thread runs: a piece and its columns, a row and its column, a cell of a piece to be merged.
FORMS = (("start", "stop", "first_", "stop_"), ("row", "column"), ("piece", "cell"))


def rules_of(source: str, module: str) -> list[str]:
    """Return module.function of every compiled rule and every `cuda.jit` kernel at the top of a module.

    >>> rules_of("@njit" + chr(10) + "def add(start, stop, first_column, stop_column, table): ...", "some")
    ['some.add']
    """
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            made_by = ast.unparse(node.decorator_list[0])
            names = [one.arg for one in node.args.args]
            has_form = any(len(names) > len(form) and all(a.startswith(b) for a, b in zip(names, form, strict=False)) for form in FORMS)
            if "cuda.jit" in made_by or ("njit" in made_by and has_form):
                found.append(f"{module}.{node.name}")
    return found


def rules_in_source() -> list[str]:
    return [rule for path in sorted(KERNELS.glob("*.py")) for rule in rules_of(path.read_text(encoding="utf-8"), path.stem)]


def makers_in_source() -> list[str]:
    """Return the functions of `kernels` that make a kernel: those with a function inside that `cuda.jit` compiles."""
    found = []
    for path in sorted(KERNELS.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            inner = [one for one in ast.walk(node) if isinstance(one, ast.FunctionDef) and one is not node]
            if any("cuda.jit" in ast.unparse(decorator) for one in inner for decorator in one.decorator_list):
                found.append(node.name)
    return found
