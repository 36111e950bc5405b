"""A Sweep as the operator means to run it: its spec checked, its space built, its limits known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from sweep_operator.api.model import problems
from sweep_operator.api.policy import FailurePolicy
from sweep_operator.api.run import RunPhase
from sweep_operator.api.sweep import SweepSpec
from sweep_operator.planning.environment import ParametersTooLargeError, parameters_text
from sweep_operator.planning.json_text import to_json
from sweep_operator.planning.ledger import Ledger
from sweep_operator.planning.macros import MacroError, expand_args, expand_command, refuse_optional
from sweep_operator.planning.refusal import Stall
from sweep_operator.planning.regime import Regime
from sweep_operator.search import METHODS, SearchMethod, Space, SpaceError, check, seed_of


class InvalidSweepError(Exception):
    """The spec can't be run; the message says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a person wants of a sweep, ready for decisions."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: SweepSpec
    template: Mapping[str, Any]
    """The Job template as written: what the models don't know passes through."""
    space: Space
    method_name: str
    """Among METHODS."""
    seed: int
    limit: int | None
    """How many runs there can be: the cap, or the grid and its repeats; None for no end."""

    @classmethod
    def of(cls, sweep: Mapping[str, Any]) -> "Intent":
        """Read a Sweep as it comes from the API server.

        Raises:
            InvalidSweepError: where schema and CEL of the CRD couldn't see a mistake.
        """
        metadata = sweep["metadata"]
        try:
            spec = SweepSpec.model_validate(sweep["spec"])
        except ValidationError as error:
            sentences = "; ".join(f"spec.{problem}" for problem in problems(error)[:5])
            raise InvalidSweepError(sentences) from error
        try:
            space = Space.of(spec.parameters, spec.constraints)
            check(space)
            method = "shuffled-grid" if spec.shuffle else spec.method.value
            size = METHODS[method].size(space)
        except SpaceError as error:
            raise InvalidSweepError(str(error)) from error
        size = None if size is None else size * spec.repeats
        limits = [limit for limit in (spec.run_cap, size) if limit is not None]
        intent = cls(
            name=metadata["name"],
            namespace=metadata["namespace"],
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            spec=spec,
            template=sweep["spec"]["template"],
            space=space,
            method_name=method,
            seed=seed_of(metadata["uid"]) if spec.seed is None else spec.seed,
            limit=min(limits, default=None),
        )
        intent._check_first_run()
        return intent

    @property
    def method(self) -> SearchMethod:
        """How parameters are chosen."""
        return METHODS[self.method_name]

    def regime(self, ledger: Ledger) -> Regime:
        """What holds for the runs at the moment."""
        policy = self.spec.failure_policy or FailurePolicy()
        most = policy.max_failures
        timeout = self.spec.pending_timeout
        metric, plateau = self.spec.metric, self.spec.plateau
        return Regime(
            self.spec.state,
            reached=ledger.end(
                metric.target if metric else None, plateau.runs if plateau else None
            ),
            spent=most is not None and ledger.counts[RunPhase.FAILED] >= most,
            pending_timeout=timeout.seconds if timeout else None,
            measured=metric is not None,
            max_retries=policy.max_retries,
            max_preemptions=self.spec.preemption.max_preemptions,
            unreachable_after=self.spec.preemption.unreachable_after.seconds,
            rerun_failed=self.spec.rerun_failed,
        )

    def suggest(self, number: int) -> dict[str, Any] | None:
        """Parameters of a point by its number, from 1; None where the space is exhausted."""
        found = self.method.suggest(self.space, self.seed, number, (), ())
        return None if found is None else dict(found)

    def _check_first_run(self) -> None:
        """Find out before anything runs what would fail each run in the same way.

        Where runs have different parameters, a run that has them all is looked at: what the first
        one happens to have must not decide.
        """
        try:
            parameters = self.suggest(1)
        except SpaceError as error:
            raise InvalidSweepError(str(error)) from error
        if parameters is None:
            raise InvalidSweepError("spec.parameters: the grid has no points")
        if self.space.conditional:
            values = (dimension.domain.quantile(0.5) for dimension in self.space.dimensions)
            parameters = self.space.nest_all(values)
        try:
            parameters_text(parameters)
        except ParametersTooLargeError as error:
            raise InvalidSweepError(f"spec.parameters: {error}") from error
        if self.spec.command is not None:
            try:
                expand_command(self.spec.command, parameters)
                refuse_optional(self.spec.command, self.space.optional)
            except MacroError as error:
                raise InvalidSweepError(f"spec.command: {error}") from error
        container = self.main_container
        for field in ("command", "args"):
            at = f"spec.template: container {container['name']}: {field}"
            try:
                words = _words(at, container.get(field))
                expand_args(words, parameters)
                refuse_optional(words, self.space.optional)
            except MacroError as error:
                raise InvalidSweepError(f"{at}: {error}") from error

    @property
    def main_container(self) -> Mapping[str, Any]:
        """The container whose exit code and termination message count."""
        containers = self.template["spec"]["template"]["spec"]["containers"]
        for container in containers:
            if container["name"] == self.spec.main_container:
                return dict(container)
        return dict(containers[0])


def _words(at: str, written: object) -> list[str]:
    """A container's command or args, of which neither schema nor CEL knows the type."""
    if written is None:
        return []
    if not isinstance(written, list):
        raise InvalidSweepError(f"{at} is no list of strings: put it in brackets, [...]")
    for word in written:
        if not isinstance(word, str):
            raise InvalidSweepError(
                f"{at} has {to_json(word)}, which is no string: put it in quotes"
            )
    return written


def stall_of_invalid(error: InvalidSweepError) -> Stall:
    """A spec that can't be run stalls its sweep until it is edited."""
    return Stall("InvalidSpec", str(error), for_good=True)
