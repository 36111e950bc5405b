"""Times as Kubernetes writes them and as seconds since the epoch. Must not know what time it is."""

from datetime import UTC, datetime


def timestamp(seconds: float) -> str:
    """Write seconds since the epoch as metav1.Time: 2026-01-31T12:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(seconds: float) -> str:
    """Write seconds since the epoch as metav1.MicroTime: 2026-01-31T12:00:00.000000Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: str) -> float:
    """Read either as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()
