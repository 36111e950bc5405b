"""Any file that a person hands to the command line is used or refused in a sentence."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.fuzz.specs import parameters, specs, words
from tests.fuzz.strategies import Json, texts, values
from tests.fuzz.test_spec import is_sentence

from sweep_operator.api.sweep import Sweep
from sweep_operator.cli.convert import convert
from sweep_operator.cli.files import FileError, documents
from sweep_operator.cli.foreign import as_sweep
from sweep_operator.cli.jsonpath import filled
from sweep_operator.cli.preview import preview, rendered
from sweep_operator.client import ClientError
from sweep_operator.client.kubeconfig import access

OPTIONS: Final = argparse.Namespace(name="a", image="i", template=None, file="f")

YAML: Final = st.lists(
    st.sampled_from(
        ["a: ", "- ", "{", "}", "[", "]", "\n", "  ", "&x ", "*x", "!!python/object:os.system ",
         "---\n",
         "2026-13-01", "2026-02-30T00:00:00Z", "1e999", ".nan", "0x", "0o8", "1:60:60", "<<: ",
         "? ",
         "!!binary a", "!!int a", "!!float x", "!!timestamp x", "!!set {a}", "!!omap [a]", "'",
         '"', "|",
         ">", "%YAML 9", "\t", "#", "null", "~", "=", "!", "method: random\n", "parameters: "]
    ),
    max_size=12,
).map("".join)  # fmt: skip


def replaced(whole: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """The same with any value in place of some of its fields."""
    return st.tuples(whole, st.lists(st.tuples(st.integers(0, 99), values()), max_size=2)).map(
        lambda found: _replaced(*found)
    )


def _replaced(whole: Json, changes: list[tuple[int, Json]]) -> Json:
    places = list(_places(whole))
    whole = json.loads(json.dumps(whole))
    for number, value in changes:
        path = places[number % len(places)]
        inner = whole
        for step in path[:-1]:
            inner = inner[step] if isinstance(inner, dict | list) and step in _keys(inner) else {}
        if isinstance(inner, dict | list) and path[-1] in _keys(inner):
            inner[path[-1]] = value
    return whole


def _keys(inner: Any) -> Any:
    return inner if isinstance(inner, dict) else range(len(inner))


def _places(whole: Json, above: tuple[Any, ...] = ()) -> Any:
    for key in _keys(whole):
        yield (*above, key)
        if isinstance(whole[key], dict | list):
            yield from _places(whole[key], (*above, key))


WANDB = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["grid", "random", "bayes"]),
        "parameters": st.one_of(
            parameters(),
            st.just({"lr": {"min": 0.0001, "max": 0.1}, "layers": {"min": 1, "max": 5}}),
            st.just({"a.b": {"values": [1, 2]}, "c": {"parameters": {"d": {"value": 1}}}}),
        ),
    },
    optional={
        "program": st.sampled_from(["train.py", "", "a b.py"]),
        "command": st.lists(words(), max_size=4),
        "metric": st.just({"name": "loss", "goal": "minimize"}),
        "early_terminate": st.sampled_from(
            [{"type": "hyperband", "min_iter": 3}, {"type": "hyperband", "max_iter": 27, "s": 2}]
        ),
        "run_cap": st.integers(-1, 9),
        "name": texts(),
        "controller": st.just({"type": "local"}),
        "scheduler": st.just({"num_workers": 4}),
        "job": texts(),
    },
)

SPACES: Final = [
    {"name": "lr", "parameterType": "double", "feasibleSpace": {"min": "0.01", "max": "0.03"}},
    {"name": "n", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "9", "step": "2"}},
    {"name": "o", "parameterType": "categorical", "feasibleSpace": {"list": ["sgd", "adam"]}},
    {"name": "d", "parameterType": "discrete", "feasibleSpace": {"list": ["1", "2.5"]}},
    {"name": "l", "parameterType": "double",
     "feasibleSpace": {"min": "1e-4", "max": "1", "distribution": "logUniform"}},
]  # fmt: skip

KATIB = st.fixed_dictionaries(
    {
        "objective": st.just(
            {"type": "maximize", "goal": 0.99, "objectiveMetricName": "acc",
             "additionalMetricNames": ["loss"], "metricStrategies": [{"name": "acc",
             "value": "max"}]}
        ),
        "algorithm": st.sampled_from(
            ["random", "grid", "tpe", "bayesianoptimization", "hyperband", "cmaes", "sobol", "pbt"]
        ).map(lambda name: {"algorithmName": name, "algorithmSettings": [
            {"name": "random_state", "value": "10"}, {"name": "r_l", "value": "9"}]}),
        "parameters": st.lists(st.sampled_from(SPACES), min_size=1,
        unique_by=lambda one: one["name"]),
        "trialTemplate": st.just(
            {
                "primaryContainerName": "main",
                "trialParameters": [{"name": "rate", "reference": "lr"}],
                "trialSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [
                        {"name": "main", "image": "i", "command": ["python", "t.py",
                         "--lr=${trialParameters.rate}"]}]}}},
                },
            }
        ),
    },
    optional={
        "maxTrialCount": st.integers(-1, 12),
        "maxFailedTrialCount": st.integers(-1, 3),
        "parallelTrialCount": st.integers(0, 3),
        "resumePolicy": st.sampled_from(["Never", "LongRunning", "x"]),
        "earlyStopping": st.just({"algorithmName": "medianstop", "algorithmSettings": [
            {"name": "min_trials_required", "value": "2"}, {"name": "start_step", "value": "5"}]}),
        "metricsCollectorSpec": st.just({"collector": {"kind": "StdOut"}, "source": {"filter": {
            "metricsFormat": ["([\\w|-]+)\\s*=\\s*([+-]?\\d*)"]}}}),
    },
)  # fmt: skip


def experiment(spec: Json) -> Json:
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": "a"},
        "spec": spec,
    }


def used_or_refused(use: Callable[[], object]) -> bool:
    """Whether it was used; if not, it was refused in a sentence."""
    try:
        use()
    except FileError as error:
        assert is_sentence(str(error))
        return False
    return True


@given(st.one_of(YAML, texts(), values().map(yaml.safe_dump)))
@example("a: 2026-13-01")
@example("a: !!int x")
@example("!!timestamp x")
@example("? [a]\n: b")
@example("[" * 2000)
@example("&x [*x]")
@example("!!bool x")
@example("&x {method: *x, parameters: *x}")
@example("method: random\nparameters: &x {a: {value: *x}}")
def test_any_text_is_read_as_yaml_or_refused_in_a_line(text: str) -> None:
    try:
        found = documents(text)
    except FileError as error:
        assert "\n" not in str(error)
        return
    assert all(isinstance(each, dict) for each in found)
    for each in found:
        used_or_refused(lambda each=each: as_sweep(each))


@given(replaced(WANDB))
def test_a_wandb_file_becomes_a_sweep_or_is_refused_in_a_sentence(file: Json) -> None:
    used_or_refused(lambda: convert([file], OPTIONS))


@given(replaced(KATIB.map(experiment)))
def test_an_experiment_of_katibs_becomes_a_sweep_or_is_refused_in_a_sentence(file: Json) -> None:
    options = argparse.Namespace(**{**vars(OPTIONS), "image": None})
    used_or_refused(lambda: convert([file], options))


@given(replaced(WANDB))
def test_what_is_converted_is_a_sweep_that_the_operator_takes(file: Json) -> None:
    made: list[Json] = []
    if used_or_refused(lambda: made.append(convert([file], OPTIONS))):
        Sweep.model_validate(made[0])


@given(specs(), values())
def test_any_manifest_is_shown_or_refused_in_a_sentence(spec: Json, metadata: Json) -> None:
    for head in ({"name": "a"}, metadata):
        manifest = {"apiVersion": "sweep-operator.io/v1alpha1", "kind": "Sweep", "metadata": head}
        used_or_refused(
            lambda thing={**manifest, "spec": spec}: rendered([preview(thing, 2, 1)], None)
        )


PATHS: Final = st.lists(
    st.sampled_from(
        ["{", "}", ".a", ".items[*]", "..", "[0]", "[-1]", "[", "]", "range ", "{end}",
         "{range .items[*]}",
         "$", "@", "'", '"', "\\", "\\.", "*", "?(@.a>1)", "[?(", ")]", ".a.b", '{"\\n"}',
         '{"\\x"}',
         "{'\\N{x}'}", "a", " ", "{.a}", ":", ",", "&&", "1.5", "{.items[9999999999999999999]}"]
    ),
    max_size=9,
).map("".join)  # fmt: skip


@given(st.one_of(PATHS, texts(), PATHS.map(lambda path: f"{{{path}}}")), values())
@example("{.a[99999999999999999999]}", {})
@example("{'\\N{x}'}", {})
@example("{" + ".a[?(" * 400 + ")]" * 400 + "}", {"a": 1})
def test_any_template_is_filled_or_refused_in_a_sentence(template: str, thing: Json) -> None:
    try:
        filled(template, thing)
        filled(template, {"a": {"b": 1}, "items": [{"a": 1}, {"a": 2}]})
    except ClientError as error:
        assert str(error).startswith("-o jsonpath")


CONFIG = st.just(
    {
        "clusters": [{"name": "c", "cluster": {
            "server": "https://c", "certificate-authority-data": "",
            "insecure-skip-tls-verify": True}}],
        "users": [{"name": "u", "user": {"token": "t", "username": "n", "password": "p"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
        "current-context": "c",
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kube")


@settings(suppress_health_check=list(HealthCheck))
@given(found=st.one_of(replaced(CONFIG).map(yaml.safe_dump), YAML, texts()))
@example(found="current-context: c\ncontexts: [{name: c, context: {cluster: []}}]")
@example(found="[" * 2000)
def test_any_kubeconfig_is_used_or_refused_in_a_sentence(folder: Path, found: str) -> None:
    file = folder / "config"
    file.write_bytes(found.encode())
    try:
        access(str(file), None).authorization()
    except ClientError as error:
        assert is_sentence(str(error))
