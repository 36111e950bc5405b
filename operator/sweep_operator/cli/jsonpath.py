"""`-o jsonpath=TEMPLATE`: text with {expressions} in it, as kubectl takes it.

Expressions are RFC 9535's, and what kubectl writes otherwise is rewritten: `.a` for `$.a`, and
names with dashes or escaped dots (`.labels.app\\.kubernetes\\.io/name`).
"""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from jsonpath import JSONPathError, findall

from sweep_operator.client import ClientError

_QUOTED: Final = r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
_EXPRESSION: Final = re.compile(rf"\{{((?:{_QUOTED}|[^{{}}\"'])*)\}}")
_STEP: Final = re.compile(
    # A string or a number in a filter stays as it is; .name and ..name become ["name"].
    rf"{_QUOTED}|\b\d+\.\d+|(?P<dots>\.\.?)(?P<name>(?:\\.|[^\s.\[\](){{}}=<>!,|&*\\])+)"
)

Token = tuple[str, str]
"""("text", it), ("find", expression), ("range", expression) or ("end", "")."""


def filled(template: str, thing: Any) -> str:
    """The template, with what its expressions find in an object; nothing for what isn't there.

    Args:
        template: for example `{range .items[*]}{.metadata.name}{"\\n"}{end}`.
        thing: JSON values in maps and lists.

    Raises:
        ClientError: the template is wrong.
    """
    return "".join(_filled(list(_tokens(template)), thing, thing))


def _tokens(template: str) -> Iterator[Token]:
    at = 0
    for match in _EXPRESSION.finditer(template):
        yield _text(template[at : match.start()])
        at = match.end()
        inner = match[1].strip()
        word, _, rest = inner.partition(" ")
        if re.fullmatch(_QUOTED, inner):
            yield "text", _unquoted(inner)
        elif word in ("range", "end"):
            yield word, rest.strip()
        else:
            yield "find", inner
    yield _text(template[at:])


def _unquoted(written: str) -> str:
    try:
        return str(ast.literal_eval(written))
    except (SyntaxError, ValueError) as error:  # an escape that is none, a line that ends in it
        raise ClientError(f"-o jsonpath: {written} is no text: {error.args[0]}") from error


def _text(between: str) -> Token:
    if "{" in between or "}" in between:
        raise ClientError(f"-o jsonpath: a brace or a quote is open in {between.strip()}")
    return "text", between


def _filled(tokens: Sequence[Token], whole: Any, current: Any) -> Iterator[str]:
    at = 0
    while at < len(tokens):
        kind, what = tokens[at]
        match kind:
            case "text":
                yield what
            case "find":
                yield " ".join(map(_shown, _found(what, whole, current)))
            case "range":
                end = _end(tokens, at)
                for each in _found(what, whole, current):
                    yield from _filled(tokens[at + 1 : end], whole, each)
                at = end
            case _:
                raise ClientError("-o jsonpath: {end} ends no {range}")
        at += 1


def _end(tokens: Sequence[Token], start: int) -> int:
    """Where the range that begins at `start` ends."""
    depth = 0
    for at in range(start, len(tokens)):
        depth += {"range": 1, "end": -1}.get(tokens[at][0], 0)
        if depth == 0:
            return at
    raise ClientError("-o jsonpath: a {range} without its {end}")


def _found(expression: str, whole: Any, current: Any) -> Sequence[Any]:
    if not expression.startswith((".", "$", "@", "[")):
        raise ClientError(f"-o jsonpath: {{{expression}}}: a field begins with a dot")
    path = _STEP.sub(_step, expression)
    if path.startswith("$"):
        current = whole
    else:
        path = "$" + path.removeprefix("@")
    if path == "$":
        return [current]
    if not isinstance(current, dict | list):
        return []
    try:
        found: Sequence[Any] = findall(path, current)
    except JSONPathError as error:
        raise ClientError(f"-o jsonpath: {{{expression}}}: {error.args[0]}") from error
    return found


def _step(match: re.Match[str]) -> str:
    if match["name"] is None:
        return match[0]
    name = re.sub(r"\\(.)", r"\1", match["name"])
    return f"{'..' if match['dots'] == '..' else ''}[{json.dumps(name)}]"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
