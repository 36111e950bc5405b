"""Constraints as text: what is a constraint that can be evaluated, and whether it holds.

They are CEL, by bindings to a Rust implementation. They are people's, and evaluated thousands of
times in the operator, so nothing is taken that takes long: no macros (loops in loops grow without
bound), no regular expressions, no large values. Knows neither spaces nor methods.
"""

import re
import sys
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, Final, NamedTuple, Protocol, cast

from pydantic import JsonValue

EVERYTHING: Final = "parameters"
"""The variable that holds all others, for names that are no identifiers."""

MAX_BYTES: Final = 1024
"""JSON of a parameter that a constraint may look at: long ones take long to go through."""

Variables = Mapping[str, JsonValue]

_FUNCTIONS: Final = (
    "contains",
    "double",
    "dyn",
    "endsWith",
    "has",
    "int",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
)

_TYPES: Final = frozenset({"bool", "bytes", "double", "int", "list", "map", "string", "uint"})
"""Names that CEL has for types: type(x) == string."""

_MACRO: Final = re.compile(
    r"\b(all|exists|exists_one|existsOne|filter|map)\b(?:\s|//[^\n]*)*\(", re.ASCII
)
"""Looked for in strings and comments too: it is rather refused there than overlooked elsewhere."""

_OPERATOR: Final = re.compile(r"\W|_")

_EVERYTHING: Final = re.compile(rf"(?<![\w.]){EVERYTHING}\b(\s*\[\s*([\"'])[^\"'\\]+\2\s*\])?")
_QUOTED: Final = re.compile(rf"(?<![\w.]){EVERYTHING}\s*\[\s*([\"'])([^\"'\\]+)\1\s*\]")
"""With a name in quotes or without, and with one."""

_SYNTAX: Final = re.compile(
    r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*?)(?: expecting .*)?$", re.MULTILINE
)


class ConstraintError(ValueError):
    """A constraint that couldn't be evaluated; the message is the library's, shortened.

    `always` where no other values could help.
    """

    def __init__(self, message: str, *, always: bool) -> None:
        super().__init__(message)
        self.always = always


class Program(Protocol):
    """A compiled expression."""

    def execute(self, context: dict[str, JsonValue]) -> Any:
        """Evaluate it."""

    def variables(self) -> list[str]:
        """The names it looks at."""

    def functions(self) -> list[str]:
        """The functions and operators it calls."""


class Reads(NamedTuple):
    """The names at the top of spec.parameters that a constraint looks at."""

    plain: tuple[str, ...]
    """As variables."""
    quoted: tuple[str, ...]
    """As parameters["name"]."""


def problem(text: str, names: Collection[str], large: Mapping[str, int]) -> str | None:
    """Why a text is no constraint on parameters of these names; None if it is one.

    Args:
        text: CEL.
        names: those at the top of spec.parameters.
        large: bytes of JSON of those parameters that have too many.
    """
    if found := _MACRO.search(text):
        return (
            f"{found[1]}() is a macro, and constraints have none: compare values by themselves "
            "(x[0] < 3), by size(x), or by 3 in x"
        )
    try:
        looked_at, called = reads(text), compiled(text).functions()
    except ConstraintError as error:
        return f"is no CEL: {error}"
    if _EVERYTHING.sub("", text) != _QUOTED.sub("", text):
        return f'write {EVERYTHING}["name"], with a name in quotes'
    for name in (*looked_at.plain, *looked_at.quoted):
        if name not in names:
            return _unknown(name, names)
        if name in large:
            return (
                f"{name} may have {large[name]} bytes of JSON, and constraints look at parameters "
                f"of at most {MAX_BYTES}: give large values a short name, and search that"
            )
    for name in called:
        if name not in _FUNCTIONS and not _OPERATOR.match(name):
            return f"{name}() is no function of constraints; there are {', '.join(_FUNCTIONS)}"
    return None


def _unknown(name: str, names: Collection[str]) -> str:
    meant = [each for each in sorted(names) if name in each.split("-")]
    if meant:
        return f'there is no parameter {name}: for {meant[0]} write {EVERYTHING}["{meant[0]}"]'
    listed = ", ".join(sorted(names))
    return f'there is no parameter {name}, there are {listed}; for text write "{name}", in quotes'


@lru_cache(maxsize=1024)
def reads(text: str) -> Reads:
    """What a constraint looks at. ConstraintError if it is no CEL."""
    names = compiled(text).variables()
    quoted = {found[2] for found in _QUOTED.finditer(text)} if EVERYTHING in names else set()
    return Reads(
        tuple(name for name in names if name != EVERYTHING and name not in _TYPES),
        tuple(sorted(quoted)),
    )


def evaluated(text: str, given: Variables) -> JsonValue:
    """What a constraint comes to; ConstraintError where it comes to nothing."""
    try:
        return cast("JsonValue", compiled(text).execute(dict(given)))
    except ConstraintError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        words = str(error)
        if isinstance(error, KeyError):
            words = f"there is no {words}"
        # Each parameter's numbers are of one type, so that other numbers won't help.
        always = isinstance(error, TypeError) and all(map(_is_numeric, given.values()))
        words = _first_sentence(words)
        if always:
            words += "; CEL does not coerce: write double(x) for what is a whole number"
        elif isinstance(error, TypeError):
            words += "; write double(x) or string(x) for another type"
        raise ConstraintError(words, always=always) from error


def _is_numeric(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return all(map(_is_numeric, value.values()))
    return isinstance(value, int | float) and not isinstance(value, bool)


@lru_cache(maxsize=1024)
def compiled(text: str) -> Program:
    """A constraint ready to be evaluated. It can't be pickled, so nobody keeps it."""
    try:
        return cast("Program", _library().compile(text))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise ConstraintError(_syntax(str(error)), always=True) from error


def _syntax(words: str) -> str:
    found = _SYNTAX.search(words)
    if found is None:
        return _first_sentence(words)
    line, column, what = found.groups()
    where = f"character {column}" if line == "1" else f"line {line}, character {column}"
    return f"{what} at {where}"


def _first_sentence(words: str) -> str:
    return words.split("\n", 1)[0].split(". ", 1)[0].rstrip(".")


@cache
def _library() -> Any:
    """The bindings alone: to import their package is to import a command line, 22 MB and a second.

    Only an operator that has a sweep with constraints takes even these.
    """
    package, name = "cel", "cel.cel"
    if name not in sys.modules:
        found = find_spec(package)
        folders = found.submodule_search_locations if found else None
        spec = PathFinder.find_spec(name, folders)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(name)
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]
