"""Sweeps by the grammar that people write them in: mostly right, and wrong in some place."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st
from tests.fuzz.strategies import SWEEP_SPEC, Json, admitted, numbers, texts, values

from sweep_operator.api.parameters import FORMS, Distribution

NAMES: Final = ["a", "b", "c", "lr", "a-b", "_x", "parameters", "type"]

SMALL: Final = st.one_of(st.integers(-3, 40), st.sampled_from([0.1, 0.5, 1.5, 1e-4, 1e3]))
"""Numbers that people write."""

COMPARED: Final = ["<", "<=", "==", "!=", ">", ">=", "in", "+", "-", "*", "/", "%", "&&", "||"]

ATOMS: Final = [
    *NAMES, 'parameters["a-b"]', "parameters['lr']", "parameters[lr]", "parameters", "null", "true",
    "1", "2.0", "1u", "0", "-1", "9223372036854775807", "1e308", "'a'", '"b"', "b'a'", "[]",
    "[1, 2]", "{}", "{'a': 1}", "a[0]", "a.b", "double(a)", "int(b)", "string(a)", "size(a)",
    "type(a)", "has(a.b)", "a.contains('b')", "a.startsWith(b)", "a.matches('(a+)+$')", "dyn(a)",
    "a.all(x, x > 1)", "[1].map(y, y)", "timestamp(a)", "duration('1h')", "uint(a)", "bytes(a)",
    "nothing", "size('a') / 0", "1 / 0", "a % 0", "// note\n", "\n", "(", ")", "!", "?", ":",
]  # fmt: skip
"""Pieces of CEL, allowed and not."""


def parameters() -> st.SearchStrategy[Json]:
    """spec.parameters: forms as they are meant, some nested, some with conditions."""
    group = st.dictionaries(st.sampled_from(NAMES), parameter(), min_size=1, max_size=3)
    nested = group.map(lambda found: {"parameters": found})
    either = st.one_of(parameter(), parameter(), nested)
    return st.dictionaries(st.sampled_from(NAMES), either, min_size=1, max_size=4)


def parameter() -> st.SearchStrategy[Json]:
    """One entry that has values of its own."""
    number = st.one_of(SMALL, SMALL, SMALL, numbers())
    some = st.one_of(st.integers(0, 3), values(), st.sampled_from(["adam", "sgd"]))
    probabilities = st.one_of(
        st.sampled_from([[1], [0.5, 0.5], [0, 1], [0.25, 0.25, 0.5]]), st.lists(number, max_size=3)
    )
    fields: Mapping[str, st.SearchStrategy[Any]] = {
        "value": some,
        "values": st.lists(some, min_size=1, max_size=4),
        "probabilities": probabilities,
        **dict.fromkeys(("min", "max", "q", "mu", "sigma", "a", "b"), number),
    }

    def of(distribution: Distribution) -> st.SearchStrategy[Json]:
        form = FORMS[distribution]
        return st.fixed_dictionaries(
            {
                "distribution": st.just(distribution.value),
                **{name: fields[name] for name in sorted(form.required)},
            },
            optional={
                **{name: fields[name] for name in sorted(form.optional)},
                "when": conditions(),
            },
        )

    return st.sampled_from(list(Distribution)).flatmap(of)


def conditions() -> st.SearchStrategy[Json]:
    """`when`."""
    name = st.sampled_from([*NAMES, "a.b", "b.a", "a.lr"])
    return st.dictionaries(name, st.lists(st.integers(0, 3), min_size=1, max_size=2), max_size=2)


def expressions() -> st.SearchStrategy[str]:
    """`constraints`: CEL, half of CEL, and noise."""
    atom = st.sampled_from(ATOMS)
    comparison = st.tuples(atom, st.sampled_from(COMPARED), atom).map(" ".join)
    pieces = st.lists(st.one_of(atom, st.sampled_from(COMPARED), texts(5)), max_size=8)
    return st.one_of(
        comparison,
        st.tuples(comparison, st.sampled_from(["&&", "||"]), comparison).map(" ".join),
        pieces.map(" ".join),
    )


def specs() -> st.SearchStrategy[Json]:
    """spec, by the grammar or by the schema, with a field of the one in the other."""
    whole = st.fixed_dictionaries(
        {
            "method": st.sampled_from(["grid", "random", "sobol", "bayes", "tpe"]),
            "metric": st.just({"name": "loss"}),
            "parameters": parameters(),
            "template": templates(),
        },
        optional={
            "constraints": st.lists(expressions(), max_size=2),
            "shuffle": st.booleans(),
            "repeats": st.integers(1, 3),
            "command": st.lists(words(), max_size=3),
            "seed": st.integers(0, 2**63 - 1),
        },
    )
    fields = SWEEP_SPEC["properties"]
    strange = st.sampled_from(sorted(fields)).flatmap(
        lambda name: st.tuples(st.just(name), admitted(fields[name]))
    )
    return st.one_of(
        whole,
        st.tuples(whole, strange).map(lambda found: found[0] | {found[1][0]: found[1][1]}),
        admitted(SWEEP_SPEC),
    )


def templates() -> st.SearchStrategy[Json]:
    """spec.template with one container, whose words are anything."""
    written = st.one_of(st.lists(words(), max_size=3), values())
    container = st.fixed_dictionaries(
        {"name": st.just("main")}, optional={"args": written, "command": written}
    )
    return container.map(lambda one: {"spec": {"template": {"spec": {"containers": [one]}}}})


def words() -> st.SearchStrategy[str]:
    """An element of a command: macros, halves of macros, and text."""
    pieces = st.sampled_from(
        [
            "${args}", "${args_no_hyphens}", "${args_no_boolean_flags}", "${args_json}", "${",
            "${args_json_file}", "${param:a}", "${param:lr}", "${param:a.b}", "${envvar:HOME}", "}",
            "${param:}", "${envvar:}", "${envvar:a)$(b}", "${env}", "$${args}", "$(", "$(HOME)",
            "$$", "$", ")", "{", "--x=", " ",
        ]
    )  # fmt: skip
    return st.lists(st.one_of(pieces, texts(5)), max_size=5).map("".join)
