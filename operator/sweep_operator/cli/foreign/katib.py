"""Katib's Experiments as Sweeps: the same search of a program in a container, by a Job.

What Katib fills in where nothing is written is written out. Nothing is dropped without a note that
says so, unless a Sweep does the same by itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from sweep_operator.api.names import API_VERSION
from sweep_operator.cli.files import FileError, Json
from sweep_operator.cli.foreign.conversion import Conversion, endless, marks, part, parts
from sweep_operator.cli.foreign.katib_metrics import log_pattern
from sweep_operator.cli.foreign.katib_space import parameters
from sweep_operator.cli.foreign.katib_trial import Trial

KATIB: Final = "kubeflow.org/v1beta1"

PARALLEL: Final = 3
"""Trials at a time, where an Experiment doesn't say."""

METHODS: Final = {
    "random": "random",
    "grid": "grid",
    "sobol": "sobol",
    "tpe": "tpe",
    "multivariate-tpe": "tpe",
    "bayesianoptimization": "bayes",
    "hyperband": "random",
    "cmaes": "bayes",
}

_NOTHING_LIKE: Final = {
    "pbt": "its trials go on from checkpoints of others, and a Sweep's runs know nothing of each "
    "other: search by tpe or bayes, with runs that train to their end",
    "enas": "it searches architectures, and a Sweep parameters",
    "darts": "it searches architectures, and a Sweep parameters",
}

_MEDIAN: Final = {"min_trials_required": ("minRuns", 3), "start_step": ("minIter", 4)}
"""Settings of medianstop, with Katib's defaults."""

_ETA: Final = 3
"""Of Katib's hyperband."""

_JOB_CONDITIONS: Final = {
    "successCondition": 'status.conditions.#(type=="Complete")#|#(status=="True")#',
    "failureCondition": 'status.conditions.#(type=="Failed")#|#(status=="True")#',
}
"""Katib's defaults for a Job, which are what a Sweep goes by."""

_ON_THE_WAY: Final = (
    "runs are compared by what is reported on the way: the program has to do that by HTTP "
    "(docs/reporting.md), as no log is read before its end"
)


def is_experiment(document: Json) -> bool:
    """Whether a document is an Experiment of Katib's."""
    return (document.get("apiVersion"), document.get("kind")) == (KATIB, "Experiment")


def converted(experiment: Json, *, name: str | None = None) -> Conversion:
    """Make a Sweep of an Experiment.

    Args:
        experiment: its manifest, as written or as a cluster has it.
        name: of the Sweep; default: the Experiment's.

    Raises:
        FileError: it says something that a Sweep can't.
    """
    notes: list[str] = []
    written = part(experiment, "spec", "the Experiment")
    if written.get("nasConfig"):
        raise FileError(f"spec.nasConfig: has nothing like it here: {_NOTHING_LIKE['enas']}")
    spec: dict[str, Any] = {"method": METHODS[_algorithm(written)]}
    grid = spec["method"] == "grid"
    if grid:
        spec["shuffle"] = True  # Katib goes through a grid in random order
    names, space = parameters(written, notes, grid=grid)
    spec |= _metric(written, notes)
    if pattern := log_pattern(written, notes):
        spec["logPattern"] = pattern
    spec["parameters"] = space
    spec |= _settings(written, names, space, notes)
    spec |= _counts(written, notes)
    if rule := _early_stopping(written, notes):
        if "earlyTerminate" in spec:
            raise FileError("spec.earlyStopping: a Sweep has one such rule, hyperband's: remove it")
        spec["earlyTerminate"] = rule
    trial = part(written, "trialTemplate", "spec")
    found = Trial(trial, names)
    template, retries = found.template(notes)
    if main := found.main_container(template):
        spec["mainContainer"] = main
    if retries:
        spec.setdefault("failurePolicy", {})["maxRetries"] = retries
        notes.append(f"the Job's backoffLimit is failurePolicy.maxRetries: {retries}")
    notes += _trial_notes(trial)
    if written.get("resumePolicy") in ("LongRunning", "FromVolume"):
        notes.append("resumePolicy isn't needed: a Finished Sweep goes on when runCap is raised")
    head = {"apiVersion": API_VERSION, "kind": "Sweep", "metadata": _metadata(experiment, name)}
    return Conversion(head | {"spec": {**spec, "template": template}}, sorted(notes))


def _metadata(experiment: Json, name: str | None) -> dict[str, Any]:
    told = part(experiment, "metadata", "the Experiment")
    found = name or told.get("name") or str(told.get("generateName") or "").rstrip("-")
    kept: dict[str, Any] = {"name": found or "experiment"}
    if namespace := told.get("namespace"):
        kept["namespace"] = namespace
    kept |= marks(experiment).get("metadata", {})
    return kept


def _algorithm(spec: Json) -> str:
    told = str(part(spec, "algorithm", "spec").get("algorithmName"))
    if told in _NOTHING_LIKE:
        raise FileError(f"spec.algorithm: {told} has nothing like it here: {_NOTHING_LIKE[told]}")
    if told not in METHODS:
        raise FileError(
            f"spec.algorithm: {told} isn't known here: write one of {', '.join(METHODS)}"
        )
    return told


def _metric(spec: Json, notes: list[str]) -> dict[str, Any]:
    objective = part(spec, "objective", "spec")
    name = str(objective.get("objectiveMetricName") or "")
    if not name:
        raise FileError("spec.objective: has no objectiveMetricName")
    metric: dict[str, Any] = {"name": name, "goal": str(objective.get("type") or "minimize")}
    if objective.get("goal") is not None:
        metric["target"] = objective["goal"]
    strategies = _named(objective, "metricStrategies")
    best = {"minimize": "min", "maximize": "max"}.get(metric["goal"])
    strategy = strategies.get(name, best)
    if strategy != "latest":
        notes.append(
            f"metric {name}: a run counts by the last value that it reports, and in Katib by the "
            f"{strategy} of all: have the program report that at its end if it is meant"
        )
    return {"metric": metric}


def _settings(
    spec: Json, names: Mapping[str, str], space: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    """What the algorithm is told beside its name."""
    algorithm = _algorithm(spec)
    told = _named(part(spec, "algorithm", "spec"))
    found: dict[str, Any] = {}
    if "random_state" in told:
        found["seed"] = _whole(told.pop("random_state"), "random_state")
        notes.append("seed is Katib's random_state: the same each time, but not Katib's runs")
    if algorithm == "hyperband":
        found |= _hyperband(told, names, space, notes)
    if algorithm == "cmaes":
        notes.append("cmaes has nothing like it here: bayes searches the same space")
    notes += [f"algorithm setting {each} is left out" for each in told]
    return found


def _hyperband(
    told: dict[str, str], names: Mapping[str, str], space: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    """Runs that have all of the resource, and end early: Katib trains anew for each bracket."""
    resource = str(told.pop("resource_name", ""))
    if resource not in names:
        raise FileError(f"spec.algorithm: resource_name {resource} is no parameter")
    whole = _whole(told.pop("r_l", None), "r_l")
    eta = _whole(told.pop("eta", _ETA), "eta")
    space[names[resource]] = {"value": whole}
    brackets = 0
    while eta > 1 and whole >= eta ** (brackets + 1):
        brackets += 1
    if not brackets:
        raise FileError(f"spec.algorithm: hyperband with r_l {whole} and eta {eta} has no brackets")
    notes.append(
        f"hyperband is random search with earlyTerminate: each run begins with {resource} "
        f"{whole} and is stopped where it falls behind, once, instead of being trained anew; "
        f"{_ON_THE_WAY}, once for each of {resource}"
    )
    return {"earlyTerminate": {"type": "hyperband", "maxIter": whole, "s": brackets, "eta": eta}}


def _counts(spec: Json, notes: list[str]) -> dict[str, Any]:
    """How many runs, at a time and in all, and how many may fail."""
    found: dict[str, Any] = {}
    if spec.get("maxTrialCount") is not None:
        found["runCap"] = spec["maxTrialCount"]
    else:
        notes += endless(METHODS[_algorithm(spec)], "maxTrialCount")
    parallel = spec.get("parallelTrialCount")
    found["parallelism"] = PARALLEL if parallel is None else parallel
    failed = spec.get("maxFailedTrialCount")
    if failed is not None:
        # The first failure is looked at before it is counted: 0 and 1 are the same to Katib.
        found["failurePolicy"] = {"maxFailures": failed or 1}
        notes.append(
            "maxFailedTrialCount: a trial without the metric has failed in Katib; here it is "
            "Finished where its program exits with 0, and doesn't count"
        )
    return found


def _early_stopping(spec: Json, notes: list[str]) -> dict[str, Any] | None:
    rule = part(spec, "earlyStopping", "spec")
    if not rule:
        return None
    if rule.get("algorithmName") != "medianstop":
        raise FileError(
            f"spec.earlyStopping: {rule.get('algorithmName')} isn't known here: write medianstop"
        )
    told = _named(rule)
    found: dict[str, Any] = {"type": "median"}
    for setting, (field, default) in _MEDIAN.items():
        found[field] = _whole(told.pop(setting, default), setting)
    notes += [f"early stopping setting {each} is left out" for each in told]
    notes.append(f"earlyStopping: {_ON_THE_WAY}")
    return found


def _trial_notes(trial: Json) -> list[str]:
    notes = [
        f"trialTemplate.{field} is left out: a run is Finished when its program exits with 0"
        for field, default in _JOB_CONDITIONS.items()
        if trial.get(field) not in (None, "", default)
    ]
    if trial.get("retain"):
        notes.append(
            "trialTemplate.retain: a record stays as long as the Sweep, a Job and its log for "
            "finishedJobTTL, 10m if it isn't written"
        )
    if trial.get("primaryPodLabels"):
        notes.append("trialTemplate.primaryPodLabels is left out: a run is one pod")
    return notes


def _named(of: Json, key: str = "algorithmSettings") -> dict[str, Any]:
    """Values by their names, of a list of both."""
    return {str(each.get("name")): each.get("value") for each in parts(of, key, "spec")}


def _whole(told: Any, setting: str) -> int:
    try:
        return int(float(told))
    except (TypeError, ValueError, OverflowError):
        raise FileError(f"spec: the setting {setting} is no number: {told}") from None
