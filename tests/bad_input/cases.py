"""Bad Sweeps: what a person might write, who refuses it, and the sentence they get.

The cases are the YAML files of this folder, a chapter each. They are tried on the operator's own
judgement (tests/unit), on a real API server (tests/integration), with the whole operator at work
(tests/e2e), and docs/bad-input.md is made from them.

A case is `base` (tests/unit/api/accepted.yaml) with something changed:

- spec: fields put in place of the base's; those of `template` are merged into it, as are those of
  `metadata`. null takes a field out.
- edit: what is patched into its spec once it is there. Such a case is about the edit.

and the sentence of the first who refuses it:

- schema, cel: the API server, by the CRD. model: a part of what the models say of the same Sweep.
- policy: the API server, by the chart's ValidatingAdmissionPolicy. operator: a part of what the
  operator says where the policy is off, if it says it in other words.
- operator: the operator alone, in the condition Stalled. reason: InvalidSpec, if it isn't another.

`!count 9` stands for [0, 1, ... 8], `!again 9` for [0, 1, ... 7, 0], `!words 9` for nine strings,
`!text 9` for nine letters, `!names 9` for nine parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

Json = dict[str, Any]

FOLDER: Final = Path(__file__).parent
GOOD: Final = FOLDER.parent / "unit/api/accepted.yaml"

REFUSERS: Final = ("schema", "cel", "policy", "operator")
"""In the order in which a Sweep comes by them."""


@dataclass(frozen=True)
class Case:
    """One thing that a person might do wrong."""

    chapter: str
    name: str
    metadata: Json
    spec: Json
    edit: Json | None
    sentences: dict[str, str]
    """By who says it: model, schema, cel, policy, operator."""
    reason: str

    @property
    def refuser(self) -> str:
        """Who refuses it, of REFUSERS: the first who can."""
        return next(name for name in REFUSERS if name in self.sentences)

    @property
    def message(self) -> str:
        """What a person is told."""
        return self.sentences[self.refuser]

    @property
    def said_by_operator(self) -> str:
        """What the operator says of it when nobody refuses it before."""
        return self.sentences.get("operator", self.message)

    def sweep(self, name: str = "digits") -> Json:
        """The Sweep as it is written; before the edit, if there is one."""
        metadata = {"name": name, **self.metadata}
        return sweep(metadata["name"], **self.spec) | {"metadata": metadata}

    def __str__(self) -> str:
        return self.name


def sweep(called: str = "digits", **fields: Any) -> Json:
    """The base's Sweep with fields of its spec put in; null takes one out."""
    spec = {**BASE, **fields}
    if isinstance(spec["template"], dict):
        spec["template"] = merged(BASE["template"], spec["template"])
    return {
        "apiVersion": "sweep-operator.io/v1alpha1",
        "kind": "Sweep",
        "metadata": {"name": called},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }


def merged(one: Json, other: Json) -> Json:
    """What a JSON merge patch makes of an object: null takes a field out, lists are replaced."""
    both = dict(one)
    for key, value in other.items():
        if value is None:
            both.pop(key, None)
        elif isinstance(value, dict) and isinstance(both.get(key), dict):
            both[key] = merged(both[key], value)
        else:
            both[key] = value
    return both


class _Loader(yaml.SafeLoader):
    """Knows the tags for what is too long to write."""


_Loader.add_constructor("!count", lambda _, node: list(range(int(node.value))))
_Loader.add_constructor("!again", lambda _, node: [*range(int(node.value) - 1), 0])
_Loader.add_constructor("!words", lambda _, node: ["x"] * int(node.value))
_Loader.add_constructor("!text", lambda _, node: "x" * int(node.value))
_Loader.add_constructor(
    "!names", lambda _, node: {f"p{number}": {"value": 1} for number in range(int(node.value))}
)


def _read(path: Path) -> Iterator[Case]:
    chapter = yaml.load(path.read_text(), _Loader)
    for written in chapter["cases"]:
        yield Case(
            chapter=chapter["chapter"],
            name=written.pop("name"),
            metadata=written.pop("metadata", {}),
            spec=written.pop("spec", {}),
            edit=written.pop("edit", None),
            reason=written.pop("reason", "InvalidSpec"),
            sentences=written,
        )


_GOOD: Final = yaml.safe_load(GOOD.read_text())
BASE: Final[Json] = _GOOD["base"]
ACCEPTED: Final[Json] = _GOOD["accepted"]
BAD_SWEEPS: Final = [case for path in sorted(FOLDER.glob("*.yaml")) for case in _read(path)]
