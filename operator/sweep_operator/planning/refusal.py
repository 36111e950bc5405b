"""What a refusal by the API server means: to be tried again, or for a person to mend.

Knows HTTP codes and Kubernetes' reasons, not how a request is sent.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stall:
    """Why a sweep can't do what its spec says."""

    reason: str
    """CamelCase, for a condition."""
    message: str
    for_good: bool
    """Nothing will change until a person changes something: the sweep is Crashed."""


RETRIED_CODES = frozenset({408, 409, 429})


def stall_of(kind: str, name: str, code: int, message: str) -> Stall:
    """Say what a refused creation means.

    Args:
        kind: of the object that was to be made.
        name: its name.
        code: HTTP status, 0 where no answer came.
        message: the API server's own words.
    """
    text = f"The API server refuses {kind} {name}: {message}"
    if code == 403 and "exceeded quota" in message:
        return Stall("QuotaExceeded", f"{text}. It is tried again by itself.", for_good=False)
    if code == 403 and "being terminated" in message:
        return Stall("NamespaceTerminating", text, for_good=False)
    if code == 0 or code >= 500 or code in RETRIED_CODES:
        return Stall("APIServerUnavailable", f"{text}. It is tried again by itself.", False)
    return Stall(
        f"{kind}Refused", f"{text}. It is tried again now and then: mend the cause.", for_good=True
    )


def stall_of_foreigner(kind: str, name: str) -> Stall:
    """Say that an object of another Sweep, or of somebody else, has the name of a child."""
    return Stall(
        "WaitingForCleanup",
        f"{kind} {name} belongs to something else: an earlier Sweep of this name whose objects are"
        f" still being removed, or a stranger. It is left alone; if it stays, remove it:"
        f" kubectl delete {kind.lower()} {name}",
        for_good=False,
    )
