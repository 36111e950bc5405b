"""What a program finds around it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from sweep_operator.planning.environment import (
    MAX_PARAMETERS_BYTES,
    ParametersTooLargeError,
    Surroundings,
    escape,
    parameters_text,
    surroundings,
)

PARAMETERS: dict[str, Any] = {"lr": 1e-05, "optimizer": {"name": "adam"}, "note": "$(HOME) $$ 🚀"}


def around(
    *,
    attempt: int = 1,
    parameters: Mapping[str, Any] = PARAMETERS,
    metric: str = "",
    report_url: str = "",
    report_ca: str = "",
) -> Surroundings:
    return surroundings(
        sweep="digits",
        namespace="team-a",
        run="digits-3",
        number=3,
        attempt=attempt,
        repeat=2,
        seed=2**31 - 1,
        parameters=parameters,
        metric=metric,
        report_url=report_url,
        report_ca=report_ca,
    )


def variables(found: Surroundings) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in found.env}


def files(found: Surroundings) -> dict[str, str]:
    """What the kubelet puts under the mount, by path."""
    volume, *_ = found.volumes
    mount, *_ = found.mounts
    assert volume["name"] == mount["name"]
    return {
        f"{mount['mountPath']}/{item['path']}": next(
            value
            for name, value in found.annotations.items()
            if item["fieldRef"]["fieldPath"] == f"metadata.annotations['{name}']"
        )
        for item in volume["downwardAPI"]["items"]
    }


def test_the_program_learns_by_which_metric_it_is_judged() -> None:
    assert variables(around(metric="val/$(loss)"))["SWEEP_METRIC"] == "val/$$(loss)"
    assert "SWEEP_METRIC" not in variables(around())


def test_the_program_learns_which_run_and_attempt_it_is() -> None:
    found = variables(around(attempt=2))

    assert {name: found[name] for name in found if name.startswith("SWEEP_")} == {
        "SWEEP_NAME": "digits",
        "SWEEP_NAMESPACE": "team-a",
        "SWEEP_RUN_ID": "digits-3",
        "SWEEP_RUN_NUMBER": "3",
        "SWEEP_ATTEMPT": "2",
        "SWEEP_REPEAT": "2",
        "SWEEP_SEED": "2147483647",
        "SWEEP_PARAMETERS": found["SWEEP_PARAMETERS"],
    }
    assert all(type(value) is str for value in found.values())


def test_it_learns_where_to_report_and_by_which_token() -> None:
    found = around(report_url="http://operator/v1/reports")
    assert variables(found)["SWEEP_REPORT_URL"] == "http://operator/v1/reports"
    token = found.volumes[1]["projected"]["sources"][0]["serviceAccountToken"]
    assert token["audience"] == "sweep-operator"
    mounted = f"{found.mounts[1]['mountPath']}/{token['path']}"
    assert variables(found)["SWEEP_TOKEN_FILE"] == mounted
    assert found.volumes[1]["name"] == found.mounts[1]["name"]


def test_over_tls_the_authority_is_a_file_and_no_secret_is_mounted() -> None:
    found = around(report_url="https://operator/v1/reports", report_ca="PEM\n")
    path = variables(found)["SWEEP_REPORT_CA"]
    assert files(found)[path] == "PEM\n"
    assert "secret" not in json.dumps(found.volumes)
    known = around(report_url="https://operator/v1/reports")
    assert "SWEEP_REPORT_CA" not in variables(known)


def test_it_has_no_token_where_there_is_nowhere_to_report() -> None:
    found = around()
    assert "SWEEP_TOKEN_FILE" not in variables(found)
    assert len(found.volumes) == len(found.mounts) == 1


def test_sweep_parameters_is_json_that_the_kubelet_leaves_as_it_is(
    kubelet: Callable[[str, Mapping[str, str]], str],
) -> None:
    written = variables(around())["SWEEP_PARAMETERS"]

    assert json.loads(kubelet(written, {"HOME": "/root"})) == PARAMETERS


@pytest.mark.parametrize("path", ["/etc/sweep/parameters.yaml", "/etc/sweep/parameters.json"])
def test_the_parameters_are_a_file_that_is_yaml_and_json(path: str) -> None:
    text = files(around())[path]

    assert json.loads(text) == PARAMETERS
    assert yaml.safe_load(text) == PARAMETERS


def test_wandb_finds_its_own_shape_where_it_looks() -> None:
    found = around()

    text = files(found)[variables(found)["WANDB_SWEEP_PARAM_PATH"]]

    assert yaml.safe_load(text) == {
        "wandb_version": 1,
        "lr": {"value": 1e-05},
        "optimizer": {"value": {"name": "adam"}},
        "note": {"value": PARAMETERS["note"]},
    }


def test_wandb_runs_of_a_sweep_are_one_group_and_attempts_are_one_run() -> None:
    first, second = variables(around(attempt=1)), variables(around(attempt=2))

    assert (first["WANDB_RUN_ID"], first["WANDB_RUN_GROUP"]) == ("digits-3", "digits")
    assert second["WANDB_RUN_ID"] == first["WANDB_RUN_ID"]
    assert "WANDB_RESUME" not in first
    assert second["WANDB_RESUME"] == "allow"
    assert "WANDB_SWEEP_ID" not in second


def test_parameters_of_64_kib_fit_and_one_byte_more_does_not() -> None:
    empty = len(parameters_text({"x": ""}))
    fits = {"x": "a" * (MAX_PARAMETERS_BYTES - empty)}
    assert len(around(parameters=fits).annotations) == 2

    with pytest.raises(ParametersTooLargeError, match=r"65537 bytes.*at most 65536"):
        around(parameters={"x": fits["x"] + "a"})


def test_the_limit_counts_bytes_not_characters() -> None:
    with pytest.raises(ParametersTooLargeError):
        parameters_text({"x": "ü" * (MAX_PARAMETERS_BYTES // 2)})


def test_the_annotations_of_the_largest_parameters_leave_room_for_the_templates_own() -> None:
    many = {f"p{number:02d}": "a" * 1_000 for number in range(64)}

    annotations = around(parameters=many).annotations

    assert sum(len(name) + len(text) for name, text in annotations.items()) < 160 * 1024


def test_ours_come_first_so_that_the_templates_own_may_refer_to_them() -> None:
    own = [{"name": "OUT", "value": "/data/$(SWEEP_RUN_ID)"}]

    merged = around().merged_env(own)

    assert merged == [*around().env, *own]


def test_sweep_variables_are_ours_and_wandb_variables_the_templates() -> None:
    own: list[dict[str, Any]] = [
        {"name": "SWEEP_RUN_ID", "value": "mine"},
        {"name": "WANDB_RUN_GROUP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]

    merged = around().merged_env(own)

    names = [entry["name"] for entry in merged]
    assert len(names) == len(set(names))
    by_name = {entry["name"]: entry for entry in merged}
    assert by_name["SWEEP_RUN_ID"]["value"] == "digits-3"
    assert by_name["WANDB_RUN_GROUP"] == own[1]


@pytest.mark.parametrize("text", ["$(X)", "$$(X)", "$$$(X)", "a$", "$$", "${X}", "$", "$($(X))"])
def test_the_kubelet_gives_escaped_text_back_unchanged(
    text: str, kubelet: Callable[[str, Mapping[str, str]], str]
) -> None:
    assert kubelet(escape(text), {"X": "leaked"}) == text
