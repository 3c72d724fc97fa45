"""Lets other objects stand in for cuDF's and CuPy's, but only through names and arguments that the real ones have.

The names and parameters come from the real packages where they are installed, and from `cudf_signatures.json` where they are not;
tests/gpu_full compares the two. Write the file anew, in the full environment, by

    python -m tests.support.only_signatures
"""

from __future__ import annotations

import importlib.util
import inspect
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("cudf_signatures.json")
KINDS = ("cudf", "cudf.DataFrame", "cudf.Series", "cudf.Index", "cupy", "cupy.ndarray")

Book = Mapping[str, Mapping[str, str | None]]


def written_signature(real: Any) -> str | None:
    """Return the parameters of a callable as text, `=` where one has a default; None where it is no callable or does not say.

    >>> written_signature(lambda a, b=1, *args, c, **rest: None)
    'a, b=, *args, c, **rest'
    """
    try:
        parameters = inspect.signature(real).parameters.values()
    except (TypeError, ValueError):
        return None
    found, is_keyword_only = [], False
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not is_keyword_only and not any(x.startswith("*") for x in found):
            found.append("*")
        is_keyword_only = p.kind is p.KEYWORD_ONLY
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        found.append(f"{mark}{p.name}{'' if p.default is p.empty else '='}")
        if p.kind is p.POSITIONAL_ONLY:
            found[-1] = f"{found[-1]}/"
    return ", ".join(found)


@cache
def signature_of(text: str) -> inspect.Signature:
    """Return the signature that `written_signature` wrote.

    >>> str(signature_of("self, b=, *args, c, **rest"))
    '(self, b=None, *args, c, **rest)'
    """
    found, keyword_only = [], False
    for word in filter(None, text.split(", ")):
        if word == "*":
            keyword_only = True
            continue
        name, kind = word.strip("*/="), inspect.Parameter.POSITIONAL_OR_KEYWORD
        if word.startswith("**"):
            kind = inspect.Parameter.VAR_KEYWORD
        elif word.startswith("*"):
            kind, keyword_only = inspect.Parameter.VAR_POSITIONAL, True
        elif keyword_only:
            kind = inspect.Parameter.KEYWORD_ONLY
        elif word.endswith("/"):
            kind = inspect.Parameter.POSITIONAL_ONLY
        found.append(inspect.Parameter(name, kind, default=None if "=" in word else inspect.Parameter.empty))
    return inspect.Signature(found)


def real_book() -> Book:
    """Return every public name of cuDF's frames and of CuPy's arrays with its parameters, from the packages that are installed."""
    import cudf
    import cupy

    homes = dict(zip(KINDS, (cudf, cudf.DataFrame, cudf.Series, cudf.Index, cupy, cupy.ndarray), strict=True))
    return {
        kind: {n: written_signature(getattr(home, n)) for n in sorted(dir(home)) if not n.startswith("_")} for kind, home in homes.items()
    }


def stored_book() -> Book:
    """Return the names and parameters that `write` stored."""
    found: Book = json.loads(FILE.read_text())["names"]
    return found


# Looked up once, before a test puts a stand-in in the place of the package.
BOOK = real_book() if importlib.util.find_spec("cudf") else stored_book()


class Guarded:
    """An object behind the names of one kind of the book.

    Parameters
    ----------
    value
        The object that stands in.
    kind
        Whose names and parameters are let through.
    own
        Functions (of the object and the arguments) and properties that answer instead of the object's own; what they return is not wrapped.
    wrap
        Puts what the object's own names return behind a guard in its turn.
    """

    def __init__(self, value: Any, kind: str, own: Mapping[str, Any], wrap: Callable[[Any], Any]) -> None:
        self.__dict__.update(value=value, kind=kind, own=own, wrap=wrap)

    def __getattr__(self, name: str) -> Any:
        names = BOOK[self.kind]
        if name not in names:
            raise AttributeError(f"{self.kind} has no '{name}'")
        own = self.own.get(name)
        if isinstance(own, property):
            assert own.fget is not None
            return own.fget(self.value)
        if own is not None:
            return self._checked(name, partial(own, self.value), names[name], lambda result: result)
        found = getattr(self.value, name)
        return self._checked(name, found, names[name], self.wrap) if callable(found) else self.wrap(found)

    def _checked(self, name: str, call: Callable[..., Any], parameters: str | None, wrap: Callable[[Any], Any]) -> Callable[..., Any]:
        def checked(*args: Any, **kwargs: Any) -> Any:
            if parameters is not None:
                itself = () if "." not in self.kind else (None,)  # a method's self
                try:
                    signature_of(parameters).bind(*itself, *args, **kwargs)
                except TypeError as trouble:
                    raise TypeError(f"{self.kind}.{name}({parameters}): {trouble}") from trouble
            return wrap(call(*map(bare, args), **{k: bare(v) for k, v in kwargs.items()}))

        return checked

    def __getitem__(self, key: Any) -> Any:
        return self.wrap(self.value[bare(key)])

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        raise TypeError(f"{self.kind} cannot be iterated over: it would be copied value by value")


def bare(value: Any) -> Any:
    """Return what a guard stands in front of."""
    return value.value if isinstance(value, Guarded) else value


def write() -> None:
    """Write the file of names and parameters from the packages that are installed."""
    import cudf
    import cupy

    versions = {"cudf": cudf.__version__, "cupy": cupy.__version__}
    FILE.write_text(json.dumps({"versions": versions, "names": real_book()}, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    write()
