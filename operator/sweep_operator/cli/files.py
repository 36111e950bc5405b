"""Files: manifests, read as kubectl reads them, and what is written for people to keep."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from sweep_operator.api.plain import plain_lines

Json = Mapping[str, Any]


class FileError(Exception):
    """A file that can't be used; the message says why and what to do.

    `file` is its name, where it isn't the one that the command is about.
    """

    def __init__(self, message: str, file: str = "") -> None:
        super().__init__(message)
        self.file = file


class _Loader(yaml.SafeLoader):
    """YAML as kubectl takes it: 1e-4 is a number, and text to PyYAML."""


_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+\Z")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))


def read(name: str) -> str:
    """The text of a file, or of the standard input for `-`."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(getattr(error, "strerror", None) or str(error), name) from error


def write(name: str, content: bytes) -> None:
    """Write a file whole or not at all: what was there before stays until then. `-` prints it.

    A terminal gets what it would obey written out; a file and a program get all as it is.
    """
    if name == "-":
        if sys.stdout.isatty():
            content = plain_lines(content.decode()).encode()
        sys.stdout.buffer.write(content)
        return
    file = Path(os.path.realpath(name))  # a link stays one
    try:
        if file.exists() and not file.is_file():
            file.write_bytes(content)  # a pipe or a device: nothing can take its place
            return
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            beside.write_bytes(content)
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(error.strerror or str(error), name) from error


def documents(text: str) -> list[Json]:
    """A file's documents that are maps, as manifests are."""
    try:
        found = list(yaml.load_all(text, _Loader))
        json.dumps(
            found, default=str, skipkeys=True
        )  # ValueError for what contains itself: &x [*x]
    except (yaml.YAMLError, ValueError) as error:  # the latter of a date that is none, 2026-13-01
        raise FileError(f"is no YAML: {_problem(error)}") from error
    except RecursionError as error:
        raise FileError("is no YAML that can be read: it is nested too deeply") from error
    except (LookupError, AttributeError, TypeError) as error:  # of !!bool x, !!timestamp x
        raise FileError("is no YAML: a value isn't of the type that its tag (!!) says") from error
    return [each for each in found if isinstance(each, dict)]


def _problem(error: Exception) -> str:
    """What is wrong with YAML, in a line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def sweeps(found: Iterable[Json]) -> list[Json]:
    """The Sweeps among documents; FileError where there is none."""
    chosen = [each for each in found if each.get("kind") == "Sweep"]
    if not chosen:
        raise FileError("has no Sweep: its manifest has kind: Sweep")
    return chosen
