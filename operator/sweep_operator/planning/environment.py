"""What a run's program finds around it: environment variables, and files under /etc/sweep.

The files come from the pod's own annotations through a downward-API volume, so a run needs no
ConfigMap. Pure: it builds plain dictionaries for the Job and must not know where they go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from sweep_operator.api.names import ANNOTATION_PARAMETERS, GROUP
from sweep_operator.api.sweep import MAX_PARAMETERS_BYTES
from sweep_operator.planning.json_text import to_json

ANNOTATION_WANDB_PARAMETERS: Final = f"{GROUP}/wandb-parameters"
"""The parameters in the shape of W&B's own file."""

ANNOTATION_REPORT_CA: Final = f"{GROUP}/report-ca"

DIRECTORY: Final = "/etc/sweep"
PARAMETERS_JSON: Final = f"{DIRECTORY}/parameters.json"
PARAMETERS_YAML: Final = f"{DIRECTORY}/parameters.yaml"
WANDB_PARAMETERS_YAML: Final = f"{DIRECTORY}/wandb-parameters.yaml"

REPORT_CA: Final = f"{DIRECTORY}/report-ca.crt"
"""The authority by which a program verifies where it reports."""

VOLUME: Final = "sweep-operator-parameters"

AUDIENCE: Final = "sweep-operator"
"""Whom the pod's token for reports is for: nobody else takes it."""

TOKEN_VOLUME: Final = "sweep-operator-token"  # noqa: S105 (a name)
TOKEN_DIRECTORY: Final = "/var/run/secrets/sweep-operator.io"  # noqa: S105
TOKEN_FILE: Final = f"{TOKEN_DIRECTORY}/token"

TOKEN_LIFETIME: Final = 3600
"""Seconds. The kubelet makes a new one in good time."""

_FILES: Final = {
    # The same text twice: many programs go by the name's ending.
    PARAMETERS_JSON: ANNOTATION_PARAMETERS,
    PARAMETERS_YAML: ANNOTATION_PARAMETERS,
    WANDB_PARAMETERS_YAML: ANNOTATION_WANDB_PARAMETERS,
}


TOKEN: Final = {
    "serviceAccountToken": {
        "audience": AUDIENCE,
        "expirationSeconds": TOKEN_LIFETIME,
        "path": "token",
    }
}


class ParametersTooLargeError(ValueError):
    """One run's parameters are more than a pod can carry; the message says what to do."""


@dataclass(frozen=True)
class Surroundings:
    """Pieces of a pod, as Kubernetes writes them."""

    env: list[dict[str, Any]]
    annotations: dict[str, str]
    volumes: list[dict[str, Any]]
    mounts: list[dict[str, Any]]

    def merged_env(self, own: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Our variables and the template's own, each name once, in the order the kubelet needs.

        - Ours come first: an entry may refer by $(NAME) only to those before it, so that the
          template's may say `value: /checkpoints/$(SWEEP_RUN_ID)`.
        - SWEEP_* are the contract between operator and program: the template's entries of those
          names are dropped.
        - WANDB_* are a convenience: where the template has an entry, that one stays, ours doesn't.

        Duplicates would be settled by the last one, with a warning at each write.
        """
        reserved = {entry["name"] for entry in self.env if entry["name"].startswith("SWEEP_")}
        kept = [dict(entry) for entry in own if entry["name"] not in reserved]
        taken = {entry["name"] for entry in kept}
        return [*(entry for entry in self.env if entry["name"] not in taken), *kept]


def surroundings(
    *,
    sweep: str,
    namespace: str,
    run: str,
    number: int,
    attempt: int,
    repeat: int,
    seed: int,
    parameters: Mapping[str, JsonValue],
    metric: str = "",
    report_url: str = "",
    report_ca: str = "",
) -> Surroundings:
    """Everything around one attempt's program.

    Args:
        sweep: the Sweep's name.
        namespace: where it is.
        run: the SweepRun's name, the same for all attempts.
        number: the run's, from 1.
        attempt: from 1.
        repeat: which run of its point it is, from 1.
        seed: for the program's own random numbers, by the repeat.
        parameters: as recorded in the SweepRun, nested.
        metric: the name of the one that the sweep is judged by; empty for none.
        report_url: where the program may report by HTTP; empty for nowhere.
        report_ca: the authority by which it verifies that, as PEM; empty for those it knows.

    Raises:
        ParametersTooLargeError: above MAX_PARAMETERS_BYTES.
    """
    text = parameters_text(parameters)
    env = {
        "SWEEP_NAME": sweep,
        "SWEEP_NAMESPACE": namespace,
        "SWEEP_RUN_ID": run,
        "SWEEP_RUN_NUMBER": str(number),
        "SWEEP_ATTEMPT": str(attempt),
        "SWEEP_REPEAT": str(repeat),
        "SWEEP_SEED": str(seed),
        "SWEEP_PARAMETERS": escape(text),
        # For a script that uses wandb: its config from the file, its runs in one group. No
        # WANDB_SWEEP_ID: it names a sweep on W&B's server, and there is none.
        "WANDB_SWEEP_PARAM_PATH": WANDB_PARAMETERS_YAML,
        "WANDB_RUN_ID": run,
        "WANDB_RUN_GROUP": sweep,
    }
    if metric:
        env["SWEEP_METRIC"] = escape(metric)
    if attempt > 1:
        env["WANDB_RESUME"] = "allow"
    files = dict(_FILES)
    annotations = {
        ANNOTATION_PARAMETERS: text,
        ANNOTATION_WANDB_PARAMETERS: _wandb_text(parameters),
    }
    if report_url and report_ca:
        env["SWEEP_REPORT_CA"] = REPORT_CA
        files[REPORT_CA] = ANNOTATION_REPORT_CA
        annotations[ANNOTATION_REPORT_CA] = report_ca
    volumes: list[dict[str, Any]] = [
        {"name": VOLUME, "downwardAPI": {"items": [_item(*each) for each in files.items()]}}
    ]
    mounts = [{"name": VOLUME, "mountPath": DIRECTORY, "readOnly": True}]
    if report_url:
        env |= {"SWEEP_REPORT_URL": escape(report_url), "SWEEP_TOKEN_FILE": TOKEN_FILE}
        volumes.append({"name": TOKEN_VOLUME, "projected": {"sources": [TOKEN]}})
        mounts.append({"name": TOKEN_VOLUME, "mountPath": TOKEN_DIRECTORY, "readOnly": True})
    return Surroundings(
        env=[{"name": name, "value": value} for name, value in env.items()],
        annotations=annotations,
        volumes=volumes,
        mounts=mounts,
    )


def parameters_text(parameters: Mapping[str, JsonValue]) -> str:
    """One run's parameters as JSON. ParametersTooLargeError above MAX_PARAMETERS_BYTES."""
    text = to_json(parameters)
    size = len(text.encode())
    if size > MAX_PARAMETERS_BYTES:
        raise ParametersTooLargeError(
            f"one run's parameters are {size} bytes of JSON, and at most {MAX_PARAMETERS_BYTES} "
            "fit into its pod: put large values into the image or a volume, and search their names"
        )
    return text


def escape(text: str) -> str:
    """Text that the kubelet, which expands `$(NAME)` and reads `$$` as `$`, gives back unchanged.

    Each `$` is doubled, not only the one before `(`: `$$(x)` in a value would lose a `$`.
    See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables
    """
    return text.replace("$", "$$")


def _wandb_text(parameters: Mapping[str, JsonValue]) -> str:
    """As wandb's agent writes it: only the outermost names have a `value` between."""
    wrapped: dict[str, JsonValue] = {name: {"value": value} for name, value in parameters.items()}
    return to_json({"wandb_version": 1, **wrapped})


def _item(path: str, annotation: str) -> dict[str, Any]:
    return {
        "path": path.removeprefix(f"{DIRECTORY}/"),
        "fieldRef": {
            "apiVersion": "v1",
            "fieldPath": f"metadata.annotations['{annotation}']",
        },
    }
