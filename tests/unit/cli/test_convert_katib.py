"""`kubectl sweep convert` makes of Katib's Experiments Sweeps that mean the same."""

from math import log
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep_operator.cli.files import FileError
from sweep_operator.cli.foreign.conversion import Conversion
from sweep_operator.cli.foreign.katib import converted, is_experiment
from sweep_operator.cli.foreign.katib_metrics import DEFAULT_FORMAT, named
from sweep_operator.cli.main import main
from sweep_operator.cli.preview import preview
from sweep_operator.planning.job import build_job
from sweep_operator.planning.logs import read_log
from sweep_operator.planning.sweep import Intent

Json = dict[str, Any]

WIDTH = {"name": "width", "parameterType": "int", "feasibleSpace": {"min": "8", "max": "64"}}


def experiment(**changed: Any) -> Json:
    """A small Experiment; fields of its spec as given, None for none."""
    spec: Json = {
        "objective": {"type": "maximize", "objectiveMetricName": "score"},
        "algorithm": {"algorithmName": "random"},
        "maxTrialCount": 5,
        "parameters": [WIDTH],
        "trialTemplate": trial(),
    } | changed
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": "small", "namespace": "team"},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }


def trial(*words: str, references: Json | None = None, **container: Any) -> Json:
    """A trial template; words of the command, trial parameters, and fields of the container."""
    references = {"w": "width"} if references is None else references
    program = {
        "name": "train",
        "image": "train:1",
        "command": ["train", "--width", "${trialParameters.w}", *words],
    } | container
    pod = {"containers": [program], "restartPolicy": "Never"}
    return {
        "primaryContainerName": "train",
        "trialParameters": [
            {"name": name, "reference": reference} for name, reference in references.items()
        ],
        "trialSpec": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"labels": {"team": "vision"}},
            "spec": {"template": {"spec": pod}},
        },
    }


def of(*parameters: Json) -> Json:
    """An Experiment that searches these beside width."""
    return experiment(parameters=[WIDTH, *parameters])


def algorithm(name: str, **settings: str) -> Json:
    listed = [{"name": setting, "value": value} for setting, value in settings.items()]
    return {"algorithmName": name, "algorithmSettings": listed}


def made(document: Json) -> Conversion:
    """The conversion, of which the operator takes the Sweep."""
    found = converted(document)
    preview(found.sweep, 1, None)
    return found


def spec(document: Json) -> Json:
    found: Json = made(document).sweep["spec"]
    return found


def program(document: Json) -> Json:
    """The container in the Sweep's template."""
    (found,) = spec(document)["template"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def space(low: str, high: str, **more: str) -> Json:
    """A feasible space."""
    return {"min": low, "max": high, **more}


def searched(kind: str, feasible: Json) -> Json:
    """What becomes of a parameter in a random search."""
    parameter = {"name": "x", "parameterType": kind, "feasibleSpace": feasible}
    found: Json = spec(of(parameter))["parameters"]["x"]
    return found


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("random", "random"),
        ("grid", "grid"),
        ("sobol", "sobol"),
        ("tpe", "tpe"),
        ("multivariate-tpe", "tpe"),
        ("bayesianoptimization", "bayes"),
        ("cmaes", "bayes"),
    ],
)
def test_the_method_is_the_one_that_searches_alike(name: str, method: str) -> None:
    assert spec(experiment(algorithm=algorithm(name)))["method"] == method


def test_a_grid_is_gone_through_in_random_order_as_katib_does() -> None:
    assert spec(experiment(algorithm=algorithm("grid")))["shuffle"] is True
    assert "shuffle" not in spec(experiment())


def test_cmaes_is_told_to_have_nothing_like_it() -> None:
    found = made(experiment(algorithm=algorithm("cmaes", restart_strategy="ipop")))
    assert any(note.startswith("cmaes has nothing like it") for note in found.notes)
    assert "algorithm setting restart_strategy is left out" in found.notes


@pytest.mark.parametrize("name", ["pbt", "enas", "darts"])
def test_what_would_be_another_search_is_refused(name: str) -> None:
    with pytest.raises(FileError, match=f"{name} has nothing like it here"):
        converted(experiment(algorithm=algorithm(name)))


def test_the_random_state_is_the_seed() -> None:
    found = made(experiment(algorithm=algorithm("random", random_state="7")))
    assert found.sweep["spec"]["seed"] == 7
    assert not any("setting" in note for note in found.notes)


def test_hyperband_gives_each_run_all_of_its_resource_and_stops_the_worse() -> None:
    epochs = {"name": "epochs", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "9"}}
    settings = algorithm("hyperband", resource_name="epochs", r_l="9", eta="3")
    found = made(experiment(parameters=[WIDTH, epochs], algorithm=settings))
    assert found.sweep["spec"]["method"] == "random"
    assert found.sweep["spec"]["parameters"]["epochs"] == {"value": 9}
    rule = found.sweep["spec"]["earlyTerminate"]
    assert rule == {"type": "hyperband", "maxIter": 9, "s": 2, "eta": 3}
    assert any(note.startswith("hyperband is random search") for note in found.notes)
    assert not any("setting" in note for note in found.notes)


def test_the_objective_is_the_metric_and_its_goal_the_target() -> None:
    objective = {"type": "minimize", "objectiveMetricName": "val-loss", "goal": 0.1}
    found = made(experiment(objective=objective))
    assert found.sweep["spec"]["metric"] == {"name": "val-loss", "goal": "minimize", "target": 0.1}
    assert any("in Katib by the min of all" in note for note in found.notes)


def test_a_goal_of_zero_is_one() -> None:
    objective = {"type": "minimize", "objectiveMetricName": "loss", "goal": 0}
    assert spec(experiment(objective=objective))["metric"]["target"] == 0


def test_nothing_is_said_of_values_where_katib_takes_the_last_too() -> None:
    latest = [{"name": "score", "value": "latest"}]
    objective = {"type": "maximize", "objectiveMetricName": "score", "metricStrategies": latest}
    assert not any(
        note.startswith("metric ") for note in made(experiment(objective=objective)).notes
    )


def test_counts_are_taken_over_with_katibs_default() -> None:
    assert spec(experiment())["parallelism"] == 3
    found = spec(experiment(maxTrialCount=9, parallelTrialCount=2, maxFailedTrialCount=4))
    assert (found["runCap"], found["parallelism"]) == (9, 2)
    assert found["failurePolicy"] == {"maxFailures": 4}


def test_no_failure_allowed_is_one_that_fails_the_sweep() -> None:
    assert spec(experiment(maxFailedTrialCount=0))["failurePolicy"] == {"maxFailures": 1}


def test_a_search_without_end_is_told() -> None:
    assert any("no maxTrialCount" in note for note in made(experiment(maxTrialCount=None)).notes)


def test_a_sweep_has_one_rule_for_early_termination() -> None:
    settings = algorithm("hyperband", resource_name="width", r_l="9")
    with pytest.raises(FileError, match=r"spec\.earlyStopping: a Sweep has one such rule"):
        converted(experiment(algorithm=settings, earlyStopping=algorithm("medianstop")))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({}, {"type": "median", "minRuns": 3, "minIter": 4}),
        (
            {"min_trials_required": "1", "start_step": "2"},
            {"type": "median", "minRuns": 1, "minIter": 2},
        ),
    ],
)
def test_medianstop_keeps_its_settings_and_katibs_defaults(settings: Json, rule: Json) -> None:
    found = made(experiment(earlyStopping=algorithm("medianstop", **settings)))
    assert found.sweep["spec"]["earlyTerminate"] == rule
    assert any(note.startswith("earlyStopping: ") for note in found.notes)


@pytest.mark.parametrize(
    ("kind", "feasible", "parameter"),
    [
        ("double", space("0.1", "2"), {"distribution": "uniform", "min": 0.1, "max": 2}),
        ("int", space("1", "8"), {"distribution": "int_uniform", "min": 1, "max": 8}),
        ("int", space("4", "4"), {"value": 4}),
        (
            "int",
            space("8", "64", step="8"),
            {"distribution": "q_uniform", "min": 8, "max": 64, "q": 8},
        ),
        (
            "double",
            space("0.1", "0.3", step="0.1"),
            {"distribution": "q_uniform", "min": 0.1, "max": 0.3, "q": 0.1},
        ),
        ("double", space("0.1", "0.6", step="0.2"), {"values": [0.1, 0.3, 0.5]}),
        ("int", space("1", "6", step="2"), {"values": [1, 3, 5]}),
        (
            "double",
            space("1e-4", "0.1", distribution="logUniform"),
            {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.1},
        ),
        (
            "int",
            space("1", "64", distribution="logUniform"),
            {"distribution": "q_log_uniform_values", "min": 1, "max": 64, "q": 1},
        ),
        (
            "double",
            space("1", "7", distribution="normal"),
            {"distribution": "normal", "mu": 4, "sigma": 1.0},
        ),
        (
            "double",
            space("1", "7", distribution="normal", step="0.5"),
            {"distribution": "q_normal", "mu": 4, "sigma": 1.0, "q": 0.5},
        ),
    ],
)
def test_a_range_has_the_same_numbers(kind: str, feasible: Json, parameter: Json) -> None:
    assert searched(kind, feasible) == parameter


def test_steps_that_are_too_many_to_list_are_counted_from_zero_and_told() -> None:
    feasible = space("1", "20001", step="10")
    parameter = {"name": "x", "parameterType": "int", "feasibleSpace": feasible}
    found = made(of(parameter))
    assert found.sweep["spec"]["parameters"]["x"]["distribution"] == "q_uniform"
    assert any("counted from 0" in note for note in found.notes)


def test_log_normal_has_six_deviations_between_the_logarithms_of_its_bounds() -> None:
    assert searched("double", space("0.1", "10", distribution="logNormal")) == {
        "distribution": "log_normal",
        "mu": pytest.approx(0),
        "sigma": pytest.approx(log(10) / 3),
    }


def test_categories_stay_text_and_discrete_values_are_numbers() -> None:
    listed = {"list": ["16", "8", "4.5"]}
    found = spec(
        of(
            {"name": "c", "parameterType": "categorical", "feasibleSpace": listed},
            {"name": "d", "parameterType": "discrete", "feasibleSpace": listed},
        )
    )
    assert found["parameters"]["c"] == {"values": ["16", "8", "4.5"]}
    assert found["parameters"]["d"] == {"values": [16, 8, 4.5]}


def test_a_grid_takes_steps_whatever_the_distribution() -> None:
    feasible = space("1", "8", distribution="logUniform")
    parameter = {"name": "x", "parameterType": "int", "feasibleSpace": feasible}
    document = experiment(parameters=[WIDTH, parameter], algorithm=algorithm("grid"))
    assert spec(document)["parameters"]["x"]["distribution"] == "int_uniform"


def test_a_name_that_would_be_an_option_or_nested_is_mended_and_told() -> None:
    parameter = {**WIDTH, "name": "--model.width"}
    document = experiment(
        parameters=[parameter], trialTemplate=trial(references={"w": "--model.width"})
    )
    found = made(document)
    assert list(found.sweep["spec"]["parameters"]) == ["model_width"]
    assert program(document)["command"][2] == "${param:model_width}"
    assert any("is model_width here" in note for note in found.notes)


def job_of(document: Json, width: int) -> Json:
    """The program's container in the Job of a run with this width."""
    sweep = converted(document).sweep
    sweep["metadata"] |= {"uid": "u", "generation": 1}
    record = {
        "metadata": {"name": "small-1", "uid": "r"},
        "spec": {"number": 1, "parameters": {"width": width}},
    }
    job = build_job(Intent.of(sweep), record, 1)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return dict(container)


def test_the_program_has_the_arguments_that_katib_would_give() -> None:
    assert job_of(experiment(), 12)["command"] == ["train", "--width", "12"]


def test_the_programs_own_variables_are_no_macros() -> None:
    document = experiment(trialTemplate=trial("${args} ${HOME} $${args} ${param:y}"))
    # The kubelet reads $$ as $.
    assert job_of(document, 1)["command"][-1] == "$${args} ${HOME} $${args} $${param:y}"


def test_what_a_trial_knows_of_itself_it_knows_as_a_run() -> None:
    references = {
        "w": "width",
        "me": "${trialSpec.Name}",
        "where": "${trialSpec.Namespace}",
        "kind": "${trialSpec.Kind}",
        "team": "${trialSpec.Labels[team]}",
    }
    text = "${trialParameters.me}/${trialParameters.where}/${trialParameters.kind}"
    variable = {"name": "TEAM", "value": "${trialParameters.team}-${trialParameters.me}"}
    document = experiment(trialTemplate=trial(text, references=references, env=[variable]))
    container = job_of(document, 1)
    assert container["command"][-1] == "$(SWEEP_RUN_ID)/$(SWEEP_NAMESPACE)/Job"
    names = [each["name"] for each in container["env"]]
    assert names.index("SWEEP_RUN_ID") < names.index("TEAM")  # or the kubelet wouldn't know it
    assert container["env"][-1] == {"name": "TEAM", "value": "vision-$(SWEEP_RUN_ID)"}


def test_a_variable_with_a_parameter_is_set_before_the_program() -> None:
    variable = {"name": "WIDTH", "value": "w${trialParameters.w}"}
    document = experiment(trialTemplate=trial(env=[variable, {"name": "A", "value": "b"}]))
    container = job_of(document, 12)
    assert container["command"] == ["env", "WIDTH=w12", "train", "--width", "12"]
    assert container["env"][-1] == {"name": "A", "value": "b"}
    assert "WIDTH" not in [each["name"] for each in container["env"]]
    assert any("the variable WIDTH" in note for note in made(document).notes)


@pytest.mark.parametrize("reference", ["width", "${trialSpec.Name}"])
def test_what_differs_from_run_to_run_is_refused_where_a_sweep_has_one_text(reference: str) -> None:
    mounts = [{"name": "data", "mountPath": "/data", "subPath": "${trialParameters.x}"}]
    template = trial(references={"w": "width", "x": reference}, volumeMounts=mounts)
    with pytest.raises(FileError, match=r"volumeMounts\[0\]\.subPath: .*differs from run to run"):
        converted(experiment(trialTemplate=template))


def test_a_variable_with_a_parameter_needs_a_command_to_be_set_before() -> None:
    variable = [{"name": "WIDTH", "value": "${trialParameters.w}"}]
    with pytest.raises(FileError, match="the variable WIDTH"):
        converted(experiment(trialTemplate=trial(env=variable, command=None, args=["x"])))


def test_the_job_is_kept_but_for_what_the_operator_sets() -> None:
    template = trial()
    template["trialSpec"]["spec"] |= {"backoffLimit": 2, "activeDeadlineSeconds": 60}
    found = spec(experiment(trialTemplate=template))
    assert found["template"]["metadata"] == {"labels": {"team": "vision"}}
    assert found["template"]["spec"]["activeDeadlineSeconds"] == 60
    assert "restartPolicy" not in found["template"]["spec"]["template"]["spec"]
    assert found["failurePolicy"] == {"maxRetries": 2}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"retain": True}, "trialTemplate.retain"),
        ({"primaryPodLabels": {"role": "master"}}, "trialTemplate.primaryPodLabels is left out"),
        ({"successCondition": "status.done"}, "trialTemplate.successCondition is left out"),
        ({"failureCondition": 'status.conditions.#(type=="Failed")#|#(status=="True")#'}, None),
    ],
)
def test_what_is_said_of_a_trial_beside_its_job_is_told_if_it_matters(
    changed: Json, told: str | None
) -> None:
    usual = made(experiment()).notes
    notes = [
        note
        for note in made(experiment(trialTemplate=trial() | changed)).notes
        if note not in usual
    ]
    assert [note.startswith(told or "") for note in notes] == ([True] if told else [])


def test_a_policy_for_resuming_is_told_to_be_needless() -> None:
    assert any(note.startswith("resumePolicy isn't needed") for note in policy("FromVolume"))
    assert not any("resumePolicy" in note for note in policy("Never"))


def policy(name: str) -> list[str]:
    return made(experiment(resumePolicy=name)).notes


def test_labels_and_annotations_are_kept_but_not_what_kubectl_applied() -> None:
    document = experiment()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    document["metadata"] |= {"labels": {"a": "b"}, "annotations": {"c": "d", **applied}}
    found = made(document).sweep["metadata"]
    assert found == {
        "name": "small",
        "namespace": "team",
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
    }


def test_a_container_that_isnt_there_is_told() -> None:
    with pytest.raises(FileError, match="mainContainer: other is no container"):
        made(experiment(trialTemplate=trial() | {"primaryContainerName": "other"}))


@pytest.mark.parametrize("kind", ["PyTorchJob", "TrainJob", "Workflow"])
def test_a_trial_that_is_no_job_is_refused_with_what_to_do(kind: str) -> None:
    template = trial() | {"trialSpec": {"apiVersion": "x/v1", "kind": kind}}
    with pytest.raises(FileError, match=f"is a {kind}: .*write its container as"):
        converted(experiment(trialTemplate=template))


def test_a_template_in_a_configmap_is_refused_with_the_command_that_shows_it() -> None:
    source = {"configMapName": "t", "configMapNamespace": "ns", "templatePath": "a.yaml"}
    template = {key: value for key, value in trial().items() if key != "trialSpec"}
    with pytest.raises(FileError, match=r"kubectl get configmap t -n ns .*\{\.data\.a\\\.yaml\}"):
        converted(experiment(trialTemplate=template | {"configMap": source}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("score=0.5", {"score": 0.5}),
        ("val|acc = -7.5e-05, other_1=3", {"val|acc": -7.5e-05, "other_1": 3}),
        ("score=\nscore=.5", {"score": 0.5}),
    ],
)
def test_katibs_own_lines_are_found_in_the_log(text: str, found: Json) -> None:
    assert read_log(text, spec(experiment())["logPattern"], "score").metrics == found


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        (r"(\w+): (\d+)", r"(?P<name>\w+): (?P<value>\d+)"),
        (r"\((\w+)\) [(] (?:a|b) ((-?\d+)(\.\d+)?)", None),
        (r"(?P<metric>\w+)=(?P<number>.+)", r"(?P<name>\w+)=(?P<value>.+)"),
        (r"[[:alpha:](]([^]()]+)=(\S+)", r"[[:alpha:](](?P<name>[^]()]+)=(?P<value>\S+)"),
    ],
)
def test_a_metrics_format_has_its_first_two_groups_named(written: str, pattern: str | None) -> None:
    expected = r"\((?P<name>\w+)\) [(] (?:a|b) (?P<value>(-?\d+)(\.\d+)?)"
    assert named(written) == (pattern or expected)
    collector = {"source": {"filter": {"metricsFormat": [written]}}}
    assert spec(experiment(metricsCollectorSpec=collector))["logPattern"] == named(written)


def test_of_several_formats_the_others_are_told() -> None:
    formats = [r"(a)=(\d+)", r"(b):(\d+)"]
    found = made(
        experiment(metricsCollectorSpec={"source": {"filter": {"metricsFormat": formats}}})
    )
    assert found.sweep["spec"]["logPattern"] == r"(?P<name>a)=(?P<value>\d+)"
    assert any(note.startswith(r"metricsFormat (b):(\d+) is left out") for note in found.notes)


def test_a_format_without_groups_is_refused() -> None:
    with pytest.raises(FileError, match="fewer than two groups"):
        named(r"loss=(\S+)")
    assert named(DEFAULT_FORMAT).count("?P<") == 2


@pytest.mark.parametrize(
    ("collector", "told", "reads"),
    [
        ({"kind": "Push"}, "katib.report_metrics", False),
        ({"kind": "TensorFlowEvent"}, "TensorFlowEvent", False),
        ({"kind": "File"}, "and not the file /logs/a.log", True),
    ],
)
def test_a_collector_that_isnt_there_is_told(collector: Json, told: str, reads: bool) -> None:
    source = {"fileSystemPath": {"path": "/logs/a.log", "kind": "File"}}
    found = made(experiment(metricsCollectorSpec={"collector": collector, "source": source}))
    assert any(told in note for note in found.notes)
    assert ("logPattern" in found.sweep["spec"]) is reads


def test_a_file_of_json_is_no_log() -> None:
    source = {"fileSystemPath": {"path": "/a.json", "kind": "File", "format": "JSON"}}
    collector = {"collector": {"kind": "File"}, "source": source}
    assert "logPattern" not in spec(experiment(metricsCollectorSpec=collector))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"nasConfig": {"graphConfig": {}}}, "spec.nasConfig"),
        ({"parameters": None}, "spec.parameters: there are none"),
        ({"parameters": [{**WIDTH, "parameterType": "float"}]}, "parameterType float"),
        ({"parameters": [{**WIDTH, "feasibleSpace": {"min": "a"}}]}, "min is no number: a"),
        ({"parameters": [WIDTH, WIDTH]}, "a second width"),
        (
            {"parameters": [{**WIDTH, "feasibleSpace": space("1", "9", step="0")}]},
            "step is 0: it must be above 0",
        ),
        ({"algorithm": {"algorithmName": "annealing"}}, "annealing isn't known"),
        ({"algorithm": algorithm("random", random_state="a")}, "random_state is no number: a"),
        ({"algorithm": "random"}, "algorithm is no map"),
        ({"parameters": ["width"]}, "parameters is no list of maps"),
        (
            {"parameters": [{**WIDTH, "feasibleSpace": space("0", "9", distribution="logNormal")}]},
            "logNormal needs min and max above 0",
        ),
        ({"earlyStopping": {"algorithmName": "asha"}}, "asha isn't known"),
        ({"objective": {}}, "objectiveMetricName"),
        ({"trialTemplate": trial("${trialParameters.z}")}, "is not among trialParameters"),
        ({"trialTemplate": trial(references={"w": "height"})}, "which is no parameter"),
        ({"trialTemplate": {}}, "has neither trialSpec nor configMap"),
    ],
)
def test_what_a_sweep_cannot_say_is_told(changed: Json, told: str) -> None:
    with pytest.raises(FileError, match=told):
        converted(experiment(**changed))


def test_only_an_experiment_is_one() -> None:
    assert is_experiment(experiment())
    assert not is_experiment(experiment() | {"apiVersion": "kubeflow.org/v1alpha3"})
    assert not is_experiment(experiment() | {"apiVersion": "example.com/v1"})


def test_it_is_printed_previewed_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(experiment() | {"status": {"trials": 3}}))
    assert main(["convert", str(file)]) == 0
    shown = capsys.readouterr()
    printed = yaml.safe_load(shown.out)
    assert printed["metadata"] == {"name": "small", "namespace": "team"}
    assert "status" not in printed
    assert f"{file}: note: logPattern" in shown.err
    assert main(["convert", str(file), "--name", "other"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["metadata"]["name"] == "other"
    assert main(["preview", str(file), "-n", "2"]) == 0
    assert capsys.readouterr().out.startswith("small: 5 runs\n")
    assert main(["convert", str(file), "--image", "train:1"]) == 1
    assert "an Experiment has its own" in capsys.readouterr().err
