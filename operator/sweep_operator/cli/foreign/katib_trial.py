"""The trial template of a Katib Experiment as the template of a Sweep.

Katib puts values into the template's text wherever it says ${trialParameters.NAME}; a Sweep has
macros in the program's command and args, and variables in its environment.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from sweep_operator.cli.files import FileError, Json
from sweep_operator.cli.foreign.conversion import part, parts, template_of

_REFERENCE: Final = re.compile(r"\$\{trialParameters\.(.+?)\}")
_OF_TRIAL: Final = re.compile(r"\$\{trialSpec\.(?P<field>[^\[\]]+?)(\[(?P<key>.+)\])?\}")
_OWN_MACRO: Final = re.compile(
    r"\$\$|\$\{(args|args_no_hyphens|args_no_boolean_flags|args_json|args_json_file"
    r"|(param|envvar):[^{}]*)\}"
)

_VARIABLES: Final = {"Name": "$(SWEEP_RUN_ID)", "Namespace": "$(SWEEP_NAMESPACE)"}
"""What the program has of itself in its environment, by Katib's names."""

_ONE_POD: Final = (
    "a run of a Sweep is one pod, made by a Job. For training in one pod write its container as "
    "apiVersion: batch/v1, kind: Job; training over several pods has nothing like it here"
)

Replaced = Callable[[str], str]
"""What a reference becomes, by the name of a trial parameter; FileError where nothing can."""


class Trial:
    """A trial template, and what its references mean."""

    def __init__(self, written: Json, names: Mapping[str, str]) -> None:
        """Look at spec.trialTemplate.

        Args:
            written: spec.trialTemplate.
            names: of the Sweep's parameters, by Katib's.
        """
        self._job = _job(written)
        self._names = names
        self._references = {
            str(each.get("name")): str(each.get("reference"))
            for each in parts(written, "trialParameters", "spec.trialTemplate")
        }
        self._main = written.get("primaryContainerName")

    def template(self, notes: list[str]) -> tuple[dict[str, Any], Any]:
        """The template, and how often a failed program is tried again."""
        job = deepcopy(dict(self._job))
        retries = job["spec"].pop("backoffLimit", None) or 0
        made = template_of(job, notes)
        main = self._container(made)
        program = {
            field: [self._word(word) for word in main.pop(field)]
            for field in ("command", "args")
            if isinstance(main.get(field), list)
        }
        assigned, variables = self._environment(parts(main, "env", "the container"), notes)
        main.pop("env", None)
        if assigned and "command" not in program:
            raise FileError(
                f"the variable {assigned[0]} has a parameter, which a Sweep has in commands and "
                "args alone: write the container's command, or read $SWEEP_PARAMETERS"
            )
        if assigned:
            program["command"] = ["env", *assigned, *program["command"]]
        made = self._everywhere(made, "spec.trialTemplate.trialSpec")
        main = self._container(made)
        main.update(program)
        if variables:
            main["env"] = variables
        return made, retries

    def main_container(self, template: Json) -> str | None:
        """The container that counts, where it isn't the first."""
        first = _containers(template)[0].get("name")
        return None if self._main in (None, first) else str(self._main)

    def _container(self, template: Json) -> dict[str, Any]:
        containers = _containers(template)
        return next((each for each in containers if each.get("name") == self._main), containers[0])

    def _word(self, word: Any) -> Any:
        """An element of the command, with the macros that stand for its references."""
        if not isinstance(word, str):
            return word
        protected = _OWN_MACRO.sub(
            lambda found: found[0] if found[0] == "$$" else f"${found[0]}", word
        )
        return self._text(protected, lambda name: self._macro(name) or self._of_trial(name))

    def _environment(
        self, variables: Sequence[Json], notes: list[str]
    ) -> tuple[list[str], list[Json]]:
        """Variables that `env` sets before the command, and the others."""
        assigned, kept = [], []
        for each in variables:
            value = each.get("value")
            if not isinstance(value, str):
                kept.append(each)
            elif any(self._macro(name) for name in _REFERENCE.findall(value)):
                assigned.append(f"{each.get('name')}={self._word(value)}")
                notes.append(
                    f"the variable {each.get('name')} has a parameter: `env` sets it before the "
                    "program, and the image needs that"
                )
            else:
                kept.append({**each, "value": self._text(value, self._of_trial)})
        return assigned, kept

    def _everywhere(self, found: Any, at: str) -> Any:
        """The rest of the template, where what is known now may stand and nothing else."""

        def replaced(name: str) -> str:
            text = "" if self._macro(name) else self._of_trial(name)
            if not text or text in _VARIABLES.values():
                raise FileError(
                    f"{at}: ${{trialParameters.{name}}} differs from run to run, and a Sweep's "
                    "template can say so in the main container's command, args and env alone: move "
                    "it there (a path on a volume: subPathExpr: $(SWEEP_RUN_ID))"
                )
            return text

        match found:
            case Mapping():
                return {
                    self._text(key, replaced): self._everywhere(value, f"{at}.{key}")
                    for key, value in found.items()
                }
            case list():
                return [self._everywhere(each, f"{at}[{i}]") for i, each in enumerate(found)]
            case str():
                return self._text(found, replaced)
            case _:
                return found

    def _text(self, text: str, replaced: Replaced) -> str:
        return _REFERENCE.sub(lambda found: replaced(found[1]), text)

    def _macro(self, name: str) -> str | None:
        """The macro for a parameter's value; None where the reference is no parameter's."""
        reference = self._referred(name)
        if _OF_TRIAL.fullmatch(reference):
            return None
        if reference not in self._names:
            raise FileError(
                f"spec.trialTemplate.trialParameters: {name} refers to {reference}, which is no "
                "parameter"
            )
        return f"${{param:{self._names[reference]}}}"

    def _of_trial(self, name: str) -> str:
        """What is known of a trial itself: a variable of the program's, or the text."""
        reference = self._referred(name)
        found = _OF_TRIAL.fullmatch(reference)
        field, key = (found["field"], found["key"]) if found else ("", None)
        if field in _VARIABLES:
            return _VARIABLES[field]
        known = {"Kind": self._job.get("kind"), "APIVersion": self._job.get("apiVersion")}
        if key is not None:
            metadata = part(self._job, "metadata", "spec.trialTemplate.trialSpec")
            known = {field: part(metadata, field.lower(), "metadata").get(key)}
        if known.get(field) is None:
            raise FileError(f"spec.trialTemplate.trialParameters: {name}: there is no {reference}")
        return str(known[field])

    def _referred(self, name: str) -> str:
        if name not in self._references:
            raise FileError(
                f"spec.trialTemplate: ${{trialParameters.{name}}} is not among trialParameters"
            )
        return self._references[name]


def _job(written: Json) -> Json:
    """The Job that a trial is."""
    at = "spec.trialTemplate"
    if source := part(written, "configMap", at):
        name, key = source.get("configMapName"), str(source.get("templatePath"))
        path = key.replace(".", r"\.")
        raise FileError(
            f"{at}.configMap: the template is in ConfigMap {name}: write it into {at}.trialSpec: "
            f"kubectl get configmap {name} -n {source.get('configMapNamespace')} "
            f"-o jsonpath='{{.data.{path}}}'"
        )
    job = part(written, "trialSpec", at)
    if not job:
        raise FileError(f"{at}: has neither trialSpec nor configMap")
    if (job.get("apiVersion"), job.get("kind")) != ("batch/v1", "Job"):
        raise FileError(f"{at}.trialSpec: is a {job.get('kind')}: {_ONE_POD}")
    _containers(job)
    return job


def _containers(template: Json) -> list[dict[str, Any]]:
    at = "spec.trialTemplate.trialSpec"
    pod = part(part(part(template, "spec", at), "template", at), "spec", at)
    found = parts(pod, "containers", at)
    if not found:
        raise FileError(f"{at}: its pod has no containers")
    return found
