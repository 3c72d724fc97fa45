"""The functions of the library that an array belongs to, so that one rule serves NumPy on the host and CuPy on a card."""

from __future__ import annotations

import importlib
from typing import Any


def array_namespace(array: Any) -> Any:
    """Return the module whose functions take this array, in the names of the array API standard.

    NumPy's arrays and those of array-api-strict say it themselves. CuPy's do not, and the functions stand in the package that their class
    comes from. Nothing is imported that was not imported already.

    Source: Python array API standard 2024.12, `array.__array_namespace__`.

    Examples
    --------
    >>> import numpy as np
    >>> array_namespace(np.zeros(2)).__name__
    'numpy'
    """
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return importlib.import_module(type(array).__module__.partition(".")[0])
