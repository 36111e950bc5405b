"""What the operator counts, and how it is called: docs/metrics.md has the table of it.

Each thing is counted where it has succeeded, so that a pass that is repeated counts nothing twice.
No label has a value that people choose, but for namespaces in the gauges: docs/adr/0018.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from typing_extensions import override

from sweep_operator.api.run import RunPhase
from sweep_operator.search import METHODS


class Family(NamedTuple):
    """A metric as it is named and explained; its type follows from its name and its buckets."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def type(self) -> str:
        """In Prometheus' words."""
        if self.buckets:
            return "histogram"
        return "counter" if self.name.endswith("_total") else "gauge"


# Gauges, read from what the operator knows whenever they are asked for (effects/gauges.py)

LEADER = Family("sweep_operator_leader", "Whether this process leads (1) or stands by (0).")
SWEEPS = Family(
    "sweep_operator_sweeps",
    "Sweeps by phase, Unknown before the first pass; told by the leader alone.",
    ("namespace", "phase"),
)
RUNS = Family(
    "sweep_operator_runs",
    "Runs on record by status; told by the leader alone.",
    ("namespace", "status"),
)
QUEUE_DEPTH = Family("sweep_operator_queue_depth", "Sweeps that wait for a pass.")
WATCH_SILENCE = Family(
    "sweep_operator_watch_silence_seconds",
    "Seconds since the API server last said anything but an error on this watch.",
    ("resource",),
)
TASKS = Family(
    "sweep_operator_tasks",
    "asyncio tasks that haven't ended: a number that rises for ever is a leak.",
)

# Counters and histograms

ATTEMPTS_STARTED = Family(
    "sweep_operator_attempts_started_total", "Attempts of runs whose Job was made."
)
ATTEMPTS_ENDED = Family(
    "sweep_operator_attempts_ended_total",
    "Attempts whose outcome was put on record; Pending: withdrawn by a pause before the start.",
    ("outcome",),
)
PREEMPTIONS = Family(
    "sweep_operator_preemptions_total",
    "Attempts that the cluster took away (outcome Crashed), by why: Other for rare reasons.",
    ("reason",),
)
QUEUE_WAIT = Family(
    "sweep_operator_queue_wait_seconds",
    "Time for which a Sweep waited for a pass.",
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
)
RECONCILE_DURATION = Family(
    "sweep_operator_reconcile_duration_seconds",
    "Time that a pass over one Sweep took.",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60),
)
RECONCILE_ERRORS = Family(
    "sweep_operator_reconcile_errors_total",
    "Passes that failed: a request to the API server did (api), or the operator is wrong (defect).",
    ("kind",),
)
API_REQUESTS = Family(
    "sweep_operator_api_requests_total",
    "Requests to the API server by the answer's code, none for no answer.",
    ("verb", "resource", "code"),
)
API_DURATION = Family(
    "sweep_operator_api_request_duration_seconds",
    "Time that a request to the API server took; watches aren't timed.",
    ("verb", "resource"),
    (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 20),
)
SUGGESTION_DURATION = Family(
    "sweep_operator_suggestion_duration_seconds",
    "Time that the search took for one run's parameters, its wait for a process included.",
    ("method",),
    (0.001, 0.01, 0.1, 0.5, 1, 2, 5, 10, 30, 60),
)
REPORTS = Family(
    "sweep_operator_reports_total",
    "Requests with reports of programs, by the answer's code; forwarded ones count at the leader.",
    ("code",),
)
REPORT_DELAY = Family(
    "sweep_operator_report_delay_seconds",
    "Time from a report's coming to its being on record.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 6, 8, 10, 30, 60),
)
WATCHES = Family(
    "sweep_operator_watches_total",
    "Watches opened; the API server ends each within five minutes.",
    ("resource",),
)
LISTS = Family(
    "sweep_operator_watch_lists_total",
    "Whole lists read, at the start and whenever a watch was lost.",
    ("resource",),
)
EVENTS_LOST = Family(
    "sweep_operator_events_lost_total", "Events on Sweeps that could not be written."
)

FAMILIES = (
    LEADER,
    SWEEPS,
    RUNS,
    ATTEMPTS_STARTED,
    ATTEMPTS_ENDED,
    PREEMPTIONS,
    QUEUE_DEPTH,
    QUEUE_WAIT,
    RECONCILE_DURATION,
    RECONCILE_ERRORS,
    API_REQUESTS,
    API_DURATION,
    WATCH_SILENCE,
    WATCHES,
    LISTS,
    SUGGESTION_DURATION,
    REPORTS,
    REPORT_DELAY,
    EVENTS_LOST,
    TASKS,
)
"""All of the operator's own, in the order of the page."""

OUTCOMES = tuple(phase for phase in RunPhase if phase is not RunPhase.RUNNING)

OTHER = "Other"
REASONS = (
    "DeletionByPodGC",
    "DeletionByTaintManager",
    "Disrupted",
    "EvictionByEvictionAPI",
    "JobDeleted",
    "NodeLost",
    "NodeUnreachable",
    "PodDeleted",
    "PodLost",
    "Preempting",
    "PreemptionByScheduler",
    "ResultLost",
    "StoppedEarly",
    "TerminationByKubelet",
    OTHER,
)
"""Why attempts are taken away; what pods tell beyond these could be anything."""

DISCOVERY = "discovery"
"""In place of a resource, where a request is for none."""

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


class Registry(CollectorRegistry):
    """One without the times at which series began: twice as many series, which nobody asks for."""

    @override
    def collect(self) -> Iterable[Metric]:
        for metric in super().collect():
            metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
            yield metric


class Metrics:
    """Counts what happens.

    Args:
        registry: what it registers all with; an own one by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or Registry()

        def counter(family: Family, values: Iterable[str] = ()) -> Counter:
            made = Counter(family.name, family.help, family.labels, registry=self.registry)
            for value in values:  # so that their rate is known from the first one on
                made.labels(value)
            return made

        def histogram(family: Family) -> Histogram:
            return Histogram(
                family.name,
                family.help,
                family.labels,
                buckets=family.buckets,
                registry=self.registry,
            )

        self._started = counter(ATTEMPTS_STARTED)
        ended = counter(ATTEMPTS_ENDED, OUTCOMES)
        self._preemptions = counter(PREEMPTIONS, REASONS)
        self._pass_failures = counter(RECONCILE_ERRORS, ("api", "defect"))
        self._requests = counter(API_REQUESTS)
        self._reports = counter(REPORTS, ("200",))
        self._watches = counter(WATCHES)
        self._lists = counter(LISTS)
        self._events_lost = counter(EVENTS_LOST)
        self._request_times = histogram(API_DURATION)
        suggestion_times = histogram(SUGGESTION_DURATION)
        for method in METHODS:
            suggestion_times.labels(method)
        # To look labels up costs as much as to count, so what each run does is looked up once.
        self._counter_of = cache(self._new_counter_of)
        self._end_with = cache(lambda outcome: ended.labels(outcome).inc)
        self._suggestion_by = cache(lambda method: suggestion_times.labels(method).observe)

        self.waited = histogram(QUEUE_WAIT).observe
        """Take in for how many seconds a Sweep waited for a pass."""
        self.pass_took = histogram(RECONCILE_DURATION).observe
        """Take in how many seconds a pass took."""
        self.report_stored = histogram(REPORT_DELAY).observe
        """Take in how many seconds after its coming a report was on record."""

    def watch_process(self) -> None:
        """Tell of the process itself too: memory, processor, open files, Python's garbage."""
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def text(self, accept: str) -> tuple[bytes, str]:
        """All of it in the format that is asked for, and the format's name."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def attempt_started(self) -> None:
        """Count an attempt whose Job was made."""
        self._started.inc()

    def attempt_ended(self, outcome: RunPhase, reason: str) -> None:
        """Count an attempt whose outcome is on record."""
        self._end_with(outcome.value)()
        if outcome is RunPhase.CRASHED:
            self._preemptions.labels(reason if reason in REASONS else OTHER).inc()

    def pass_failed(self, *, defect: bool) -> None:
        """Count a pass that failed."""
        self._pass_failures.labels("defect" if defect else "api").inc()

    def answered(self, method: str, path: str, code: int, seconds: float) -> None:
        """Count a request; code 0 for one without an answer."""
        verb, resource = request_of(method, path)
        self._counter_of(verb, resource, code)(seconds)

    def _new_counter_of(self, verb: str, resource: str, code: int) -> Callable[[float], None]:
        requests = self._requests.labels(verb, resource, str(code) if code else "none")
        times = None if verb == "watch" else self._request_times.labels(verb, resource)

        def count(seconds: float) -> None:
            requests.inc()
            if times is not None:
                times.observe(seconds)

        return count

    def suggested(self, method: str, seconds: float) -> None:
        """Take in how long the search took for one run."""
        self._suggestion_by(method)(seconds)

    def report_answered(self, code: int) -> None:
        """Count a request with reports."""
        self._reports.labels(str(code)).inc()

    def watch_opened(self, resource: str) -> None:
        """Count a watch that is opened."""
        self._watches.labels(resource).inc()

    def listed(self, resource: str) -> None:
        """Count a whole list that was read."""
        self._lists.labels(resource).inc()

    def event_lost(self) -> None:
        """Count an Event that nobody will read."""
        self._events_lost.inc()


def request_of(method: str, path: str) -> tuple[str, str]:
    """The verb and the resource of a request, in the words of roles: patch, sweeps/status."""
    parts = path.split("/")  # "", api, v1, ... or "", apis, group, version, ...
    at = 3 if parts[1] == "api" else 4
    if len(parts) <= at:  # what there is on the server: /apis, /apis/group/version
        return "get", DISCOVERY
    if parts[at] == "namespaces" and len(parts) > at + 2:
        at += 2
    named = len(parts) > at + 1
    resource = f"{parts[at]}/{parts[at + 2]}" if len(parts) > at + 2 else parts[at]
    if method == "GET":
        return ("get" if named else "list"), resource
    if method == "DELETE":
        return ("delete" if named else "deletecollection"), resource
    return VERBS.get(method, method.lower()), resource
