"""docs/bad-input.md, made from the cases: `python -m tests.bad_input.table`, or with --check."""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import yaml
from tests.bad_input.cases import BAD_SWEEPS, REFUSERS, Case

PAGE: Final = Path(__file__).parents[2] / "docs/bad-input.md"

MOST_ITEMS: Final = 6
MOST_CHARACTERS: Final = 70

HEAD: Final = """\
<!-- Generated from tests/bad_input: change the cases, then `make docs`. -->
# What is refused, by whom, and in which words

A mistake is told as early as it can be seen. At apply kubectl prints the message after the Sweep's
name (and the policy's); what the operator says stands in `kubectl describe sweep NAME`.

| by | when | sees | cases |
|---|---|---|---|
| schema | at apply | each field: its name, type and bounds | {schema} |
| CEL | at apply | fields beside each other, and beside what they were before | {cel} |
| policy | at apply | fields of any type, and macros in commands | {policy} |
| operator | when it comes to it | everything once more | {operator} |

Schema and CEL are the CRD's, the policy is a ValidatingAdmissionPolicy of the chart, and the
operator speaks by the condition Stalled with the reason InvalidSpec.

Where the policy is off, the operator says what the policy would have said. It is off with
`validation.enabled: false` in the chart's values, and in a namespace with a label:

```sh
kubectl label namespace NAME sweep-operator.io/validation=off
```

The policy looks at new Sweeps alone, and what it can't evaluate it lets through: it is there to
tell, not to guard. A Sweep with an InvalidSpec makes no runs and holds up no other. What is wrong
with it can't be edited: delete it, and apply it again.

Each row below is tried on a real API server; those of policy and operator with the whole operator
too, without the policy. The Sweep is a good one but for what the row shows of its `spec`; `->` is
an edit of a Sweep that is there.
"""

ONLY_OPERATOR: Final = """\
## What only the operator sees

{count} of the cases get to the operator even with the policy on:

- **Bytes of JSON**: CEL can't write JSON, so it can't measure what one run's parameters come to.
- **Values that are there twice in a list of more than 32**: each is compared with each, and CEL's
  budget is spent on two lists of a thousand.
- **Numbers that leave no value**: a step with no multiple in its range, a bell whose ends are
  infinite. That takes logarithms and powers, which CEL doesn't have.
- **Conditions and constraints**: what `when` names is of any type, which the CRD's rules are blind
  to, and a constraint is an expression that has to be evaluated.
- **`${{param:a.b}}` where `a` has values that are objects**: they may differ from run to run.
- **What the Job's own rules refuse** (an image left out, a quantity that is none, a volume twice):
  nobody knows but the API server, which is asked with the first run. The reason is JobRefused.
"""


def page() -> str:
    """The whole page."""
    counts = {name: sum(case.refuser == name for case in BAD_SWEEPS) for name in REFUSERS}
    chapters = [
        "\n".join(_chapter(title, list(found)))
        for title, found in groupby(BAD_SWEEPS, key=lambda case: case.chapter)
    ]
    last = ONLY_OPERATOR.format(count=counts["operator"])
    return "\n".join([HEAD.format(**counts), *chapters, last])


def _chapter(title: str, cases: Sequence[Case]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| | what was written | refused by | the message |"
    yield "|---|---|---|---|"
    for case in cases:
        by = "CEL" if case.refuser == "cel" else case.refuser
        by += f" ({case.reason})" if case.reason != "InvalidSpec" else ""
        cells = [case.name, _written(case), by, _code(case.message)]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _written(case: Case) -> str:
    before = _flow({**({"metadata": case.metadata} if case.metadata else {}), **case.spec})
    if case.edit is None:
        return _code(before)
    after = f"-> {_code(_flow(case.edit))}"
    return f"{_code(before)} {after}" if case.spec else after


class _Quoted(str):
    """A string that a person would take for a number."""


class _Dumper(yaml.SafeDumper):
    """Quotes those."""


_Dumper.add_representer(
    _Quoted,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="'"),
)


def _flow(value: Any) -> str:
    """YAML in one line, without the outermost braces."""
    text = yaml.dump(
        _shortened(value),
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=sys.maxsize,
    )
    return text.strip().removeprefix("{").removesuffix("}")


def _shortened(value: Any) -> Any:
    """The value with less of what is long: a person reads it."""
    match value:
        case str() if re.fullmatch(r"[0-9.e-]+", value):
            return _Quoted(value)
        case str() if len(value) > MOST_CHARACTERS:
            return f"{value[:8]}... ({len(value)} characters)"
        case list() if len(value) > MOST_ITEMS:
            return [*map(_shortened, value[:3]), f"... ({len(value)} items)"]
        case dict() if len(value) > MOST_ITEMS:
            few = {name: _shortened(item) for name, item in list(value.items())[:2]}
            return {**few, "...": f"{len(value)} names"}
        case list():
            return [*map(_shortened, value)]
        case dict():
            return {name: _shortened(item) for name, item in value.items()}
    return value


def _code(text: str) -> str:
    """Text as it is, in a table's cell."""
    text = text.replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or check it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/bad-input.md from the cases.")
    parser.add_argument("--check", action="store_true", help="only tell whether it is current")
    check = parser.parse_args(arguments).check
    current = PAGE.is_file() and PAGE.read_text() == page()
    if check and not current:
        print("docs/bad-input.md is not what the cases say: run make docs")
    elif not check:
        PAGE.write_text(page())
    return 1 if check and not current else 0


if __name__ == "__main__":
    sys.exit(main())
