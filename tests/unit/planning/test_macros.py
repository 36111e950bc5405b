"""W&B's macros in command and args."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from sweep_operator.planning.macros import MacroError, expand_args, expand_command

Kubelet = Callable[[str, Mapping[str, str]], str]
Expand = Callable[[Sequence[str], Mapping[str, Any]], list[str]]

PARAMETERS: dict[str, Any] = {
    "optimizer": {"name": "adam", "lr": 1e-05},
    "batch": 32,
    "augment": True,
    "freeze": False,
    "pretrained": None,
    "layers": [64, "relu"],
}

both = pytest.mark.parametrize("expand", [expand_command, expand_args])


@both
def test_args_is_one_element_for_each_parameter_by_name(expand: Expand) -> None:
    assert expand(["python", "train.py", "${args}", "--verbose"], PARAMETERS) == [
        "python",
        "train.py",
        "--augment=True",
        "--batch=32",
        "--freeze=False",
        '--layers=[64, "relu"]',
        "--optimizer.lr=1e-05",
        "--optimizer.name=adam",
        "--pretrained=None",
        "--verbose",
    ]


@both
def test_args_no_hyphens(expand: Expand) -> None:
    assert expand(["${args_no_hyphens}"], {"b": "x y", "a": 0.5}) == ["a=0.5", "b=x y"]


@both
def test_args_no_boolean_flags_names_what_is_true_and_leaves_out_what_is_false(
    expand: Expand,
) -> None:
    parameters = {"yes": True, "no": False, "one": 1, "zero": 0, "in": {"deep": True}}

    assert expand(["${args_no_boolean_flags}"], parameters) == [
        "--in.deep",
        "--one=1",
        "--yes",
        "--zero=0",
    ]


@both
def test_args_json_is_one_element_with_nested_objects(expand: Expand) -> None:
    (element,) = expand(["${args_json}"], PARAMETERS)

    assert json.loads(element) == PARAMETERS


@both
def test_args_json_file_is_the_path_of_the_file_in_the_container(expand: Expand) -> None:
    assert expand(["${args_json_file}", "--config=${args_json_file}"], {}) == [
        "/etc/sweep/parameters.json",
        "--config=/etc/sweep/parameters.json",
    ]


@both
def test_param_is_one_value_anywhere_in_an_element(expand: Expand) -> None:
    elements = [
        "--lr=${param:optimizer.lr}",
        "${param:batch}x${param:batch}",
        "${param:layers}",
        "${param:optimizer}",
    ]

    assert expand(elements, PARAMETERS) == [
        "--lr=1e-05",
        "32x32",
        '[64, "relu"]',
        '{"lr": 1.0e-05, "name": "adam"}',
    ]


@both
def test_envvar_is_for_the_kubelet_to_expand_in_the_container(
    expand: Expand, kubelet: Kubelet
) -> None:
    assert expand(["${envvar:DATA_DIR}/x"], {}) == ["$(DATA_DIR)/x"]
    assert kubelet(expand(["${envvar:DATA_DIR}/x"], {})[0], {"DATA_DIR": "/data"}) == "/data/x"


@both
def test_args_without_parameters_is_no_element_at_all(expand: Expand) -> None:
    assert expand(["run", "${args}"], {}) == ["run"]


@both
def test_args_inside_a_longer_element_is_joined_and_quoted_for_a_shell(
    expand: Expand, kubelet: Kubelet
) -> None:
    parameters = {"a": 1, "b": "x y; rm -rf '$HOME' $(id)"}

    (script,) = expand(["train ${args} | tee log"], parameters)

    assert shlex.split(kubelet(script, {"id": "leaked"})) == [
        "train",
        "--a=1",
        f"--b={parameters['b']}",
        "|",
        "tee",
        "log",
    ]


@both
def test_a_value_reaches_the_program_as_it_is_whatever_the_kubelet_expands(
    expand: Expand, kubelet: Kubelet
) -> None:
    random = Random(31)
    for _ in range(500):
        value = "".join(random.choices("$(){}X a", k=random.randrange(12)))
        elements = ["${args}", "${param:v}(X)", "${args_json}", "$(X)${param:v}"]

        found = [kubelet(each, {"X": "var"}) for each in expand(elements, {"v": value})]

        assert found == [
            f"--v={value}",
            f"{value}(X)",
            json.dumps({"v": value}),
            f"var{value}",
        ]


@both
def test_a_macro_in_a_value_is_not_expanded(expand: Expand) -> None:
    (element,) = expand(["${param:v}"], {"v": "${args}"})

    assert element == "$${args}"


@both
@pytest.mark.parametrize(
    ("element", "reaches_the_program"),
    [
        ("$${args}", "${args}"),
        ("$${HOME}", "${HOME}"),
        ("$$${param:a}", "$1"),
        ("$$$${param:a}", "$${param:a}"),
        ("a$$b", "a$b"),
        ("cost: 5$", "cost: 5$"),
        ("$(POD) $HOME", "pod-1 $HOME"),
    ],
)
def test_two_dollars_are_a_literal_one_as_in_any_command(
    expand: Expand, kubelet: Kubelet, element: str, reaches_the_program: str
) -> None:
    (found,) = expand([element], {"a": 1})

    assert kubelet(found, {"POD": "pod-1"}) == reaches_the_program


@pytest.mark.parametrize(
    "element", ["${HOME}", "${X:-y}", "${env}", "${args-no}", "${", "${#a[@]}"]
)
def test_in_a_template_other_braces_are_the_shells(element: str) -> None:
    assert expand_args([element, f"echo {element}"], {}) == [element, f"echo {element}"]


def test_in_a_template_a_macro_inside_a_shells_expansion_is_expanded() -> None:
    assert expand_args(["${OUT:-${param:a}}"], {"a": 1}) == ["${OUT:-1}"]


@pytest.mark.parametrize(
    "element",
    [
        "${HOME}",
        "${arg}",
        "${args_no_equals}",
        "${param}",
        "${param:}",
        "${envvar:A B}",
        "x ${y} z",
    ],
)
def test_in_spec_command_an_unknown_macro_is_an_error_that_names_the_known(element: str) -> None:
    with pytest.raises(MacroError) as caught:
        expand_command(["python", element], {})

    message = str(caught.value)
    macro = element[element.index("$") : element.index("}") + 1]
    assert message.startswith(f"{macro} is no macro: ")
    assert f"write ${macro}" in message
    assert "${args}, ${args_no_hyphens}, ${args_no_boolean_flags}, ${args_json}," in message
    assert "${args_json_file}, ${param:NAME}, ${envvar:NAME}" in message


@pytest.mark.parametrize("macro", ["${env}", "${interpreter}", "${program}"])
def test_wandbs_macros_for_what_an_image_has_say_what_to_write_instead(macro: str) -> None:
    with pytest.raises(MacroError, match=r"leave it out|write the"):
        expand_command([macro], {})


def test_in_spec_command_an_opening_without_its_end_is_an_error() -> None:
    with pytest.raises(MacroError, match="without }"):
        expand_command(["${args"], {})


@both
@pytest.mark.parametrize("name", ["lr", "optimizer.momentum", "batch.size"])
def test_a_parameter_that_is_not_there_is_an_error_that_names_those_that_are(
    expand: Expand, name: str
) -> None:
    with pytest.raises(MacroError, match=rf"no parameter {name}, there are .*optimizer\.lr"):
        expand([f"${{param:{name}}}"], PARAMETERS)


@both
def test_an_object_is_dotted_names_and_an_empty_one_is_a_value(expand: Expand) -> None:
    assert expand(["${args}"], {"a": {"b": {"c": 1}}, "d": {}}) == ["--a.b.c=1", "--d={}"]


@both
def test_a_nul_character_is_an_error_since_no_argument_can_hold_it(expand: Expand) -> None:
    with pytest.raises(MacroError, match="parameter a holds a NUL"):
        expand(["${args}"], {"a": "x\0"})


def test_what_is_given_is_not_changed() -> None:
    args = ["${args}", "x"]

    expand_args(args, PARAMETERS)

    assert args == ["${args}", "x"]
