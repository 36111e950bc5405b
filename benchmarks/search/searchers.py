"""Those that take part: this operator's methods, W&B's own search, and Optuna as it comes.

Each is asked for the next run's parameters, given the runs that ended and those under way.
"""

import json
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import optuna
from benchmarks.search.problems import Parameters, Problem
from benchmarks.search.wandb_python import wandb_python

from sweep_operator.api.parameters import Parameter
from sweep_operator.search import METHODS, Space
from sweep_operator.search.method import Observation, Pending

Ended = Sequence[tuple[Parameters, float]]
"""Parameters and loss of each run that ended, the first first."""


class Searcher(ABC):
    """One search, from its first run to its last."""

    @abstractmethod
    def ask(self, ended: Ended, waiting: Sequence[Parameters]) -> Parameters:
        """The next run's parameters."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what it holds."""


class Ours(Searcher):
    """A method of this operator. It has no memory, so each question tells everything."""

    def __init__(self, method: str, problem: Problem, seed: int) -> None:
        self._method = METHODS[method]
        self._seed = seed
        self._space = space_of(problem)

    def ask(self, ended: Ended, waiting: Sequence[Parameters]) -> Parameters:
        known = [Observation(n, each, loss) for n, (each, loss) in enumerate(ended, start=1)]
        pending = [Pending(n, each) for n, each in enumerate(waiting, start=len(known) + 1)]
        number = len(known) + len(pending) + 1
        found = self._method.suggest(self._space, self._seed, number, known, pending)
        if found is None:
            raise RuntimeError("these spaces have more points than runs")
        return found


class Wandb(Searcher):
    """W&B's bayes, in a process and an environment of its own."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._config = {
            "method": "bayes",
            "metric": {"name": "loss", "goal": "minimize"},
            "parameters": problem.parameters,
        }
        script = Path(__file__).with_name("wandb_sweeps.py")
        self._process = subprocess.Popen(  # noqa: S603 - its own script
            [wandb_python(), "-W", "ignore", script, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, ended: Ended, waiting: Sequence[Parameters]) -> Parameters:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("started without pipes")
        runs = [*ended, *((each, None) for each in waiting)]
        self._process.stdin.write(json.dumps({"config": self._config, "runs": runs}) + "\n")
        return cast("Parameters", json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


class Optuna(Searcher):
    """Optuna's default sampler, by its own ask and tell: it remembers what is under way."""

    def __init__(self, problem: Problem, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._problem = problem
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        self._trials: list[optuna.Trial] = []
        self._told = 0

    def ask(self, ended: Ended, waiting: Sequence[Parameters]) -> Parameters:  # noqa: ARG002
        for trial, (_, loss) in zip(self._trials[self._told :], ended[self._told :], strict=False):
            self._study.tell(trial, loss)
        self._told = len(ended)
        trial = self._study.ask()
        self._trials.append(trial)
        return {
            name: _suggested(trial, name, each) for name, each in self._problem.parameters.items()
        }


def space_of(problem: Problem) -> Space:
    """A problem's parameters as the operator's methods take them."""
    return Space.of(
        {name: Parameter.model_validate(each) for name, each in problem.parameters.items()}
    )


def _suggested(trial: optuna.Trial, name: str, written: Mapping[str, Any]) -> Any:
    """A parameter drawn by Optuna's own distribution of the same meaning."""
    if "values" in written:
        return trial.suggest_categorical(name, written["values"])
    low, high = written["min"], written["max"]
    match written["distribution"]:
        case "int_uniform":
            return trial.suggest_int(name, low, high)
        case "q_uniform":
            return trial.suggest_float(name, low, high, step=written["q"])
        case distribution:
            return trial.suggest_float(name, low, high, log=distribution == "log_uniform_values")


Start = Callable[[Problem, int], Searcher]

SEARCHERS: Final[Mapping[str, Start]] = {
    "W&B bayes": Wandb,
    "Optuna": Optuna,
    "random": lambda problem, seed: Ours("random", problem, seed),
    "sobol": lambda problem, seed: Ours("sobol", problem, seed),
    "tpe": lambda problem, seed: Ours("tpe", problem, seed),
    "bayes": lambda problem, seed: Ours("bayes", problem, seed),
}
