"""A thousand hostile strings on every way through the operator: none does anything but be there."""

import asyncio
import json
import logging
import re
import subprocess
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from tests.fakes.hostile import KINDS, hostile
from tests.fakes.world import Result, World, sweep
from tests.unit.report.reading import Read, read, run
from tests.unit.report.reading import sweep as reported

from sweep_operator.api import paths
from sweep_operator.api.model import problems
from sweep_operator.api.plain import plain, plain_lines
from sweep_operator.api.sweep import Sweep
from sweep_operator.effects.children import Children
from sweep_operator.handlers.logs import Json, Text
from sweep_operator.planning.job import build_job
from sweep_operator.planning.macros import MacroError, expand_args, expand_command
from sweep_operator.planning.metrics import parse_report
from sweep_operator.planning.reports import ReportError, read_reports
from sweep_operator.planning.sweep import Intent

TEXTS = hostile()
WITH_HALVES = hostile(surrogates=True)
"""As programs may send them; the API server stores none."""

LONGEST_KEY = 1000
"""YAML knows none of more than 1,024 characters on a line."""

VARIABLES = {"HOME": "/root", "SWEEP_RUN_ID": "leaked", "x": "leaked"}

Kubelet = Callable[[str, Mapping[str, str]], str]


def kubelet(text: str) -> str:
    """What the kubelet makes of a text in a pod."""

    def token(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else VARIABLES.get(found["name"], found[0])

    return re.sub(r"\$\$|\$\((?P<name>[^)]*)\)", token, text)


def test_there_are_a_thousand_of_all_kinds() -> None:
    assert len(TEXTS) == len(WITH_HALVES) == 1000
    assert all(any(trick in text for text in TEXTS) for kind in KINDS.values() for trick in kind)


def is_harmless(shown: str) -> bool:
    """Whether text may be shown on a terminal, in a line."""
    return all(each.isprintable() or each.isspace() for each in shown) and not re.search(
        r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", shown
    )


@pytest.mark.parametrize("text", ["a b", "größe", "日本語", "a\\nb", "\u3000", "😀"])
def test_text_that_is_plain_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_what_a_terminal_would_obey_is_written_out() -> None:
    assert plain("a\x1b[2J\n\u202eb\x9b") == "a\\x1b[2J\\n\\u202eb\\x9b"
    assert plain_lines("a\tb\r\nc\rd\x1b\n") == "a\tb\r\nc\\rd\\x1b\n"
    assert all(is_harmless(plain(text)) for text in WITH_HALVES)


# From the spec into the pod.


def job(value: Any, **spec: Any) -> dict[str, Any]:
    """The Job of a run with a parameter x."""
    made = sweep(parameters={"x": {"value": value}}, runCap=1, **spec)
    made["metadata"]["uid"] = "u"
    record = {
        "metadata": {"name": "a-1", "uid": "r"},
        "spec": {"number": 1, "parameters": {"x": value}},
    }
    return build_job(Intent.of(made), record, 1)


@pytest.mark.parametrize(
    "shape", [lambda text: text, lambda text: {text: [text]}], ids=["text", "object"]
)
def test_values_arrive_as_they_are_in_the_environment_and_in_files(shape: Any) -> None:
    for text in TEXTS:
        pod = job(shape(text))["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        env = {each["name"]: each["value"] for each in container["env"]}
        assert "\0" not in "".join(env.values())
        assert json.loads(kubelet(env["SWEEP_PARAMETERS"])) == {"x": shape(text)}
        written = pod["metadata"]["annotations"]["sweep-operator.io/parameters"]
        assert json.loads(written) == {"x": shape(text)}
        if len(text) * 2 <= LONGEST_KEY:
            assert yaml.safe_load(written) == {"x": shape(text)}


def test_values_arrive_as_they_are_in_arguments() -> None:
    for text in TEXTS:
        if "\0" in text:
            with pytest.raises(MacroError, match="NUL"):
                expand_command(["${args}"], {"x": text})
            with pytest.raises(MacroError, match="NUL"):
                expand_args(["${args_no_boolean_flags}"], {"x": {text: True}})
            continue
        command = ["${args}", "--y=${param:x}", "${args_json}"]
        flag, other, whole = map(kubelet, expand_command(command, {"x": text}))
        assert (flag, other) == (f"--x={text}", f"--y={text}")
        assert json.loads(whole) == {"x": text}


def test_no_value_escapes_into_a_shell() -> None:
    texts = [text for text in TEXTS if "\0" not in text]
    script = "printf '%s\\0' ${args_no_hyphens}"
    lines = [kubelet(expand_command([script], {"x": text})[0]) for text in texts]
    done = subprocess.run(["sh"], input="\n".join(lines).encode(), capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == [f"x={text}" for text in texts]
    assert done.stderr == b""


def test_a_command_is_what_was_written_or_says_what_is_wrong_with_it() -> None:
    for text in TEXTS:
        try:
            found = expand_args([text], {"x": 1})
        except MacroError as error:
            assert "${" in str(error)  # noqa: PT017
        else:
            assert found == [text] or "${" in text


# Names.


def test_a_parameter_of_a_hostile_name_is_refused_in_a_line() -> None:
    for text in TEXTS:
        made = sweep(parameters={text: {"value": 1}})
        try:
            Sweep.model_validate(made)
        except ValueError as error:
            assert problems(error)  # noqa: PT017
        else:
            assert re.fullmatch("[A-Za-z_][A-Za-z0-9_-]*", text), text


def test_a_metric_of_a_name_that_is_not_printable_is_refused() -> None:
    accepted = 0
    for text in TEXTS:
        try:
            Sweep.model_validate(sweep(metric={"name": text}))
        except ValueError:
            continue
        accepted += 1
        assert is_harmless(text)
    assert accepted > 200


def test_no_name_leads_to_another_path() -> None:
    for text in filter(None, TEXTS):
        head, name = paths.pods("lab", text).rsplit("/", 1)
        assert head == "/api/v1/namespaces/lab/pods"
        assert unquote(name) == text
        assert not set(name) & set("?#/\\ \n\0")


def test_an_event_of_anybodys_is_no_part_of_a_selector() -> None:
    asked = []

    class Api:
        async def get(self, path: str, **params: str) -> Any:
            asked.append(params["fieldSelector"])
            if len(asked) > 1:
                return {"items": []}
            return {"items": [{"message": f"Created pod: {text}"} for text in TEXTS]}

    children = Children(Api(), None)  # type: ignore[arg-type]
    made = sweep()
    made["metadata"]["uid"] = "u"
    job, intent = SimpleNamespace(uid="j"), Intent.of(made)
    asyncio.run(children.events_of_program(intent, job))  # type: ignore[arg-type]
    selector = "involvedObject.kind=Pod,involvedObject.name="
    names = [each.removeprefix(selector) for each in asked[1:]]
    assert 10 < len(names) < 1000
    assert all(re.fullmatch("[a-z0-9.-]+", name) for name in names)


def test_of_a_pod_templates_metadata_labels_and_annotations_alone_reach_the_pod() -> None:
    smuggled = {
        "labels": {"team": "a", "sweep-operator.io/sweep-uid": "another"},
        "annotations": {"note": "b", "sweep-operator.io/parameters": "{}"},
        "finalizers": ["example.com/for-ever"],
        "ownerReferences": [{"kind": "Node", "name": "n", "uid": "n"}],
        "namespace": "kube-system",
        "name": "n",
        "generateName": "n-",
    }
    pod = {"metadata": smuggled, "spec": {"containers": [{"name": "main", "image": "i"}]}}
    made = job(1, template={"spec": {"template": pod}})
    metadata = made["spec"]["template"]["metadata"]
    assert metadata.keys() == {"labels", "annotations"}
    assert (metadata["labels"]["team"], metadata["annotations"]["note"]) == ("a", "b")
    assert metadata["labels"]["sweep-operator.io/sweep-uid"] == "u"
    assert metadata["annotations"]["sweep-operator.io/parameters"] == '{"x": 1}'
    assert made["metadata"].keys() == {
        *("name", "namespace", "labels", "annotations", "ownerReferences")
    }
    assert made["metadata"]["namespace"] == "lab"


# What programs tell.


def test_a_report_is_taken_or_refused_in_a_line_and_names_are_printable() -> None:
    taken = 0
    for text in WITH_HALVES:
        for body in (
            {"metrics": {text: 1}},
            {"metrics": {"loss": text}},
            {"metrics": {"loss": 1}, "stream": text},
            {"metrics": {"loss": 1}, text: 1},
            text,
        ):
            try:
                (report,) = read_reports(json.dumps(body).encode())
            except ReportError as error:
                assert is_harmless(str(error))  # noqa: PT017
            else:
                taken += 1
                assert all(map(is_harmless, (*report.metrics, *report.non_finite, report.stream)))
        with pytest.raises(ReportError) as refused:
            read_reports(b"{" + text.encode(errors="replace"))
        assert is_harmless(str(refused.value))
    assert taken > 500


def test_a_termination_message_of_any_kind_is_read_and_names_are_printable() -> None:
    for text in WITH_HALVES:
        found = parse_report(json.dumps({text: 1, "loss": 2}))
        assert found.metrics["loss"] == 2
        assert all(map(is_harmless, (*found.metrics, found.problem)))
        assert is_harmless(parse_report(text).problem)


def test_a_sweep_of_them_goes_through_to_its_end() -> None:
    texts = list(dict.fromkeys(text for text in TEXTS if "\0" not in text))[::5]

    def program(number: int, _attempt: int) -> Result:
        text = texts[number - 1]
        return Result(0, text if number % 3 else json.dumps({"loss": number, text: 1}))

    async def lived() -> World:
        pod = {"containers": [{"name": "main", "image": "i", "args": ["${args}", *texts[:20]]}]}
        made = sweep(
            method="grid",
            parameters={"x": {"values": texts}},
            runCap=len(texts),
            parallelism=len(texts),
            template={"spec": {"template": {"spec": pod}}},
        )
        world = World(made, program)
        await world.live(lambda: world.phase == "Finished")
        return world

    world = asyncio.run(lived())
    assert world.status["runs"]["finished"] == len(texts)
    assert [world.run(number)["spec"]["parameters"]["x"] for number in (1, 50)] == [
        texts[0],
        texts[49],
    ]
    for condition in world.status["conditions"]:
        assert is_harmless(condition["message"])


# What people look at.


def test_a_report_page_shows_them_and_has_no_element_of_theirs() -> None:
    tags: set[str] = set()
    for start in range(0, 1000, 250):
        texts = TEXTS[start : start + 250]
        found = page_of(texts)
        mine = {tag for tag, _ in found.tags}
        tags = tags or mine
        assert mine == tags
        assert len(found.rows) == 250
        assert [name for _, each in found.tags for name in each if name.startswith("on")] == []
        shown = [cell.text for cell in found.column("kind")]
        for text, cell in zip(texts, shown, strict=True):
            if len(text) < 80 and not set(text) & set("\r\0"):  # HTML has neither
                assert cell == text


def page_of(texts: list[str]) -> Read:
    """The report of a sweep of them."""
    return read(*swept(texts))


def swept(texts: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A sweep and its runs, in which each text is a value, a metric's name, a message."""
    records = [
        run(
            number, number / 10,
            parameters={"kind": text, "x": number, "o": {text: number}},
            reason="Completed", message=text,
            metrics={text: 1.5}, history=[{"step": 1, "metrics": {text: 1.5}}],
        )
        for number, text in enumerate(texts, start=1)
    ]  # fmt: skip
    parameters = {"kind": {"values": texts}, "x": {"min": 0.5, "max": 99}, "o": {"value": {}}}
    made = reported(metric={"name": texts[0] or "loss"}, parameters=parameters)
    stalled = {"type": "Stalled", "status": "True", "reason": "R", "message": texts[1]}
    made["status"] = {"phase": "Running", "conditions": [stalled]}
    return made, records


class TestLogLines:
    @staticmethod
    def record(error: Exception | None = None, *arguments: str) -> logging.LogRecord:
        info = (type(error), error, None) if error else None
        return logging.LogRecord("n", logging.WARNING, "", 0, "%s: %s", arguments, info)

    def test_a_message_is_one_line_whatever_is_in_it(self) -> None:
        for text in WITH_HALVES:
            (line,) = Text().format(self.record(None, text, text)).split("\n")
            assert is_harmless(line)
            assert "WARNING n: " in line

    def test_the_lines_of_a_traceback_begin_no_other_message(self) -> None:
        for text in WITH_HALVES:
            first, *rest = Text().format(self.record(ValueError(text), "a", "b")).split("\n")
            assert first.endswith("WARNING n: a: b")
            assert rest
            assert all(line.startswith("    | ") and is_harmless(line) for line in rest)

    def test_as_json_a_message_is_one_line_and_is_whole(self) -> None:
        for text in WITH_HALVES:
            line = Json().format(self.record(ValueError(text), text, "b"))
            assert "\n" not in line
            whole = json.loads(json.dumps(f"{text}: b"))  # where two halves are one character
            assert json.loads(line)["message"] == whole
