"""W&B's macros in a container's command and args: `python train.py ${args}`.

Pure text in, text out. The result is for a Job: what the kubelet itself reads in a command
(`$(NAME)` and `$$`) is left to it where a person wrote it, and escaped in a parameter's value.

| macro | becomes |
|---|---|
| ${args} | --name=value for each parameter |
| ${args_no_hyphens} | name=value |
| ${args_no_boolean_flags} | --name where the value is true, nothing where it is false |
| ${args_json} | all parameters as one JSON object |
| ${args_json_file} | the path of a file that holds it |
| ${param:NAME} | one parameter's value |
| ${envvar:NAME} | $(NAME): the container's own variable, never the operator's |

- The first three are several elements if they are an element by themselves. Inside a longer one,
  where W&B leaves them as they are, they are joined by spaces and quoted for a shell:
  `sh -c "train ${args} | tee log"`.
- Names are in alphabetical order. Nested parameters have dotted names, and so has any value that is
  an object.
- Values are as W&B's agent writes them, by Python's str: 1e-05, True, None. But lists (and objects
  in ${param:NAME}) are JSON, where W&B's `['a']` suits Python alone.
- `$$` is a literal `$`, as the kubelet reads it in any command: `$${args}` reaches the program as
  `${args}`.
"""

import re
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from sweep_operator.planning.environment import PARAMETERS_JSON, escape
from sweep_operator.planning.json_text import to_json

Parameters = Mapping[str, JsonValue]


class MacroError(ValueError):
    """A macro that can't be expanded: the message names it and says what to write."""


def expand_command(command: Sequence[str], parameters: Parameters) -> list[str]:
    """Expand spec.command, where every `${...}` must be a macro: MacroError for any other."""
    return _expand(command, parameters, _refuse)


def expand_args(args: Sequence[str], parameters: Parameters) -> list[str]:
    """Expand the macros in a template's own command or args; other `${...}` are a shell's.

    MacroError only for ${param:NAME} without such a parameter, or a value no argument can hold.
    """
    return _expand(args, parameters, _leave)


def refuse_optional(elements: Sequence[str], optional: Collection[str]) -> None:
    """MacroError for ${param:NAME} of what isn't in every run: parameters or groups by their names.

    A run without it could make nothing of the macro.
    """
    for element in elements:
        for found in _TOKEN.finditer(element):
            kind, _, name = (found["macro"] or "").partition(":")
            steps = name.split(".") if kind == "param" else []
            for length in range(1, len(steps) + 1):
                if ".".join(steps[:length]) in optional:
                    raise MacroError(
                        f"{found[0]} is not there in every run (it has when): use ${{args}}"
                    )


_TOKEN: Final = re.compile(r"\$\$|\$\{(?P<macro>[^{}]*)\}|\$\{")
"""In the kubelet's order: `$$` first. The last form is an opening without its end."""

_ENVVAR_NAME: Final = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*")


def _flags(parameters: Parameters) -> list[str]:
    return [f"--{name}={_text(name, value)}" for name, value in _leaves(parameters)]


def _flags_no_hyphens(parameters: Parameters) -> list[str]:
    return [f"{name}={_text(name, value)}" for name, value in _leaves(parameters)]


def _flags_no_booleans(parameters: Parameters) -> list[str]:
    return [
        f"--{name}" if value is True else f"--{name}={_text(name, value)}"
        for name, value in _leaves(parameters)
        if value is not False
    ]


_LISTS: Final[Mapping[str, Callable[[Parameters], list[str]]]] = {
    "args": _flags,
    "args_no_hyphens": _flags_no_hyphens,
    "args_no_boolean_flags": _flags_no_booleans,
}
"""Macros that become several elements."""

_KNOWN: Final = (
    *(f"${{{name}}}" for name in _LISTS),
    "${args_json}",
    "${args_json_file}",
    "${param:NAME}",
    "${envvar:NAME}",
)

_ADVICE: Final = {
    "${env}": "leave it out: no env is needed in a container",
    "${interpreter}": "write the interpreter itself, as python",
    "${program}": "write the program itself, as train.py",
}
"""W&B's macros that stand for what its agent knows and an image has."""


def _expand(
    elements: Sequence[str], parameters: Parameters, unknown: Callable[[str], str]
) -> list[str]:
    expanded: list[str] = []
    for element in elements:
        listed = _LISTS.get(element[2:-1]) if _is_one_macro(element) else None
        if listed is not None:
            expanded += map(escape, listed(parameters))
        else:
            expanded.append(_TOKEN.sub(lambda found: _replace(found, parameters, unknown), element))
    return expanded


def _is_one_macro(element: str) -> bool:
    found = _TOKEN.fullmatch(element)
    return found is not None and found["macro"] is not None


def _replace(found: re.Match[str], parameters: Parameters, unknown: Callable[[str], str]) -> str:
    macro = found["macro"]
    if macro is None:
        return found[0] if found[0] == "$$" else unknown(found[0])
    if macro in _LISTS:
        return escape(shlex.join(_LISTS[macro](parameters)))
    if macro == "args_json":
        return escape(to_json(parameters))
    if macro == "args_json_file":
        return PARAMETERS_JSON
    kind, _, name = macro.partition(":")
    if kind == "param" and name:
        return escape(_text(name, _look_up(found[0], name, parameters)))
    if kind == "envvar" and _ENVVAR_NAME.fullmatch(name):
        return f"$({name})"
    return unknown(found[0])


def _leave(text: str) -> str:
    return text


def _refuse(text: str) -> str:
    if text == "${":
        raise MacroError("has ${ without }: close it, or write $${ for the characters themselves")
    advice = _ADVICE.get(
        text, f"for a shell's own variable write ${text}; the macros are {', '.join(_KNOWN)}"
    )
    raise MacroError(f"{text} is no macro: {advice}")


def _look_up(macro: str, name: str, parameters: Parameters) -> JsonValue:
    value: JsonValue = dict(parameters)
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            names = ", ".join(name for name, _ in _leaves(parameters))
            raise MacroError(
                f"{macro}: there is no parameter {name}, there are {names}; "
                f"for a shell's own variable write ${macro}"
            )
        value = value[step]
    return value


def _leaves(parameters: Parameters, above: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Each value under its dotted name. An empty object is a value."""
    for name, value in sorted(parameters.items()):
        if "\0" in name:  # of an object that is a value: parameters' own names can't
            raise MacroError(_nul(f"a name in {above.rstrip('.')}"))
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _text(name: str, value: JsonValue) -> str:
    if isinstance(value, dict | list):
        return to_json(value)
    text = str(value)
    if "\0" in text:
        raise MacroError(_nul(f"parameter {name}"))
    return text


def _nul(holder: str) -> str:
    return (
        f"{holder} holds a NUL character, which no argument can: "
        f"leave it out, or read {PARAMETERS_JSON} instead"
    )
