"""The models: what they accept, what they refuse, and the sentences they say."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.bad_input.cases import ACCEPTED, BAD_SWEEPS, Case
from tests.bad_input.cases import sweep as base_with

from sweep_operator.api.model import problems
from sweep_operator.api.parameters import FORMS, Distribution, Parameter
from sweep_operator.api.run import RunPhase, SweepRun
from sweep_operator.api.sweep import MAX_PARAMETERS_BYTES, Sweep, SweepState, largest_json
from sweep_operator.api.template import CONTROLLED_IN_JOB, CONTROLLED_IN_POD


def sweep(name: str = "digits", **fields: Any) -> dict[str, Any]:
    """A Sweep as the API server hands it out: the base with these fields of its spec."""
    return handed_out(base_with(name, **fields))


def handed_out(manifest: dict[str, Any]) -> dict[str, Any]:
    added = {"namespace": "ml", "uid": "u-1", "managedFields": []}
    return manifest | {"metadata": manifest["metadata"] | added}


def told(manifest: dict[str, Any]) -> str:
    """What the model says is wrong."""
    with pytest.raises(ValidationError) as caught:
        Sweep.model_validate(manifest)
    return "\n".join(problems(caught.value))


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_and_written_back_unchanged(name: str) -> None:
    manifest = sweep(**ACCEPTED[name])
    spec = Sweep.model_validate(manifest).spec
    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == manifest["spec"]


@pytest.mark.parametrize(
    "case", [case for case in BAD_SWEEPS if "model" in case.sentences], ids=str
)
def test_refused_with_what_to_do(case: Case) -> None:
    assert case.sentences["model"] in told(handed_out(case.sweep()))


def test_every_field_that_the_operator_sets_has_its_case() -> None:
    told_of = {case.sentences.get("model") for case in BAD_SWEEPS}
    assert {field.message for field in (*CONTROLLED_IN_JOB, *CONTROLLED_IN_POD)} <= told_of


@pytest.mark.parametrize("name", ["a" * 45, "a.b", "A", "-a", "a-"])
def test_name_makes_job_names(name: str) -> None:
    assert "metadata.name" in told(sweep(name))


def test_tells_everything_at_once() -> None:
    parameters = {"a": {"min": 1, "max": 2}, "b": {"values": []}}
    said = told(sweep(parameters=parameters, parallelism=0))
    assert said.count("\n") == 2


def test_refuses_parameters_too_large_for_a_pod() -> None:
    said = told(sweep(parameters={"text": {"values": ["a", "ü" * (MAX_PARAMETERS_BYTES // 2)]}}))
    assert said.startswith("spec.parameters: those of one run may have")
    assert f"more than {MAX_PARAMETERS_BYTES}: put large values into files" in said


def test_largest_json_is_the_largest_run() -> None:
    parameters = {
        "a": Parameter(values=["x", "long"]),
        "b": Parameter(parameters={"c": Parameter(value=None)}),
    }
    assert largest_json(parameters) == len('{"a":"long","b":{"c":null},}') + 1


def test_every_distribution_has_its_form() -> None:
    assert set(FORMS) == set(Distribution)


def test_null_is_a_value() -> None:
    assert Parameter.model_validate({"value": None}).has_value
    assert not Parameter.model_validate({"values": [None]}).has_value


def test_integers_stay_integers() -> None:
    found = Parameter.model_validate({"min": 1, "max": 2.5})
    assert (type(found.min), type(found.max)) == (int, float)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400, True, "1", None])
def test_numbers_are_finite_numbers(number: object) -> None:
    with pytest.raises(ValidationError):
        Parameter.model_validate({"min": number, "max": 0.5})


def test_choices_may_be_beyond_a_double() -> None:
    assert Parameter(values=[10**400, 1.5, float("1e308")]).values


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30), ("10m", 600), ("1h30m", 5400), ("90000ms", 90)]
)
def test_durations_are_read(written: str, seconds: float) -> None:
    found = Sweep.model_validate(sweep(finishedJobTTL=written)).spec.finished_job_ttl
    assert found.seconds == seconds
    assert str(found) == written


def test_defaults_are_what_the_design_says() -> None:
    spec = Sweep.model_validate(sweep()).spec
    assert (spec.state, spec.parallelism, spec.finished_job_ttl.seconds) == (
        SweepState.RUNNING,
        1,
        600,
    )
    assert (spec.metric, spec.run_cap, spec.seed) == (None, None, None)
    assert (spec.failure_policy, spec.pending_timeout) == (None, None)
    assert spec.cancel_grace_period_seconds == 1


def test_status_of_a_newer_operator_is_read() -> None:
    manifest = sweep() | {"status": {"phase": "Running", "preempted": 3, "runs": {"lost": 1}}}
    assert Sweep.model_validate(manifest).status.runs.running == 0


def test_a_record_is_pending_until_said_otherwise() -> None:
    spec = {"sweep": "digits", "number": 1, "parameters": {"lr": 0.1, "opt": {"name": None}}}
    run = SweepRun.model_validate({"metadata": {"name": "digits-1"}, "spec": spec})
    assert run.status.phase is RunPhase.PENDING
    assert run.spec.model_dump(by_alias=True) == spec | {"attemptsRequested": 0}


def test_a_records_fields_are_named_as_kubernetes_names_them() -> None:
    attempt = {"number": 1, "job": "digits-1-1", "podUID": "p", "exitCode": 137}
    run = SweepRun.model_validate(
        {
            "metadata": {"name": "digits-1"},
            "spec": {"sweep": "digits", "number": 1, "parameters": {}},
            "status": {"phase": "Crashed", "attempts": [attempt], "attemptsMade": 1},
        }
    )
    assert run.status.attempts[0].pod_uid == "p"
    assert run.status.model_dump(mode="json", by_alias=True, exclude_unset=True) == {
        "phase": "Crashed",
        "attempts": [attempt],
        "attemptsMade": 1,
    }
