"""What a refusal means: for now, or for a person to mend."""

import pytest

from sweep_operator.planning.refusal import stall_of, stall_of_foreigner

QUOTA = 'jobs.batch "a-1-1" is forbidden: exceeded quota: small, requested: count/jobs.batch=1'
TERMINATING = "unable to create new content in namespace lab because it is being terminated"
RBAC = 'jobs.batch is forbidden: User "x" cannot create resource "jobs"'


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        (403, QUOTA, "QuotaExceeded"),
        (403, TERMINATING, "NamespaceTerminating"),
        (0, "connection reset", "APIServerUnavailable"),
        (408, "", "APIServerUnavailable"),
        (409, "the object has been modified", "APIServerUnavailable"),
        (429, "too many requests", "APIServerUnavailable"),
        (500, "etcdserver: leader changed", "APIServerUnavailable"),
        (503, "", "APIServerUnavailable"),
        (504, "", "APIServerUnavailable"),
    ],
)
def test_what_passes_by_itself_is_no_crash(code: int, message: str, reason: str) -> None:
    stall = stall_of("Job", "a-1-1", code, message)
    assert stall.reason == reason
    assert not stall.for_good
    assert message in stall.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, "unknown field"),
        (403, RBAC),
        (403, 'admission webhook "policy" denied the request'),
        (404, "the server could not find the requested resource"),
        (413, "request entity too large"),
        (422, 'Job.batch "a-1-1" is invalid: spec.template.spec.containers[0].image: Required'),
    ],
)
def test_what_only_a_person_can_mend_is_for_good_and_says_so(code: int, message: str) -> None:
    stall = stall_of("Job", "a-1-1", code, message)
    assert stall.for_good
    assert stall.reason == "JobRefused"
    assert "a-1-1" in stall.message
    assert message in stall.message


def test_a_name_that_is_taken_says_by_what_and_how_to_remove_it() -> None:
    stall = stall_of_foreigner("SweepRun", "a-1")
    assert stall.reason == "WaitingForCleanup"
    assert not stall.for_good
    assert "kubectl delete sweeprun a-1" in stall.message
