"""Times as Kubernetes writes them and as seconds since the epoch. Must not know what time it is."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 (in UTC, as all that is written here)
_LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def timestamp(seconds: float) -> str:
    """Write seconds since the epoch as metav1.Time: 2026-01-31T12:00:00Z."""
    return _written(seconds, "seconds")


def micro_timestamp(seconds: float) -> str:
    """Write seconds since the epoch as metav1.MicroTime: 2026-01-31T12:00:00.000000Z."""
    return _written(seconds, "microseconds")


def seconds(text: str) -> float:
    """Read either as seconds since the epoch.

    Somebody may have put in by hand what a CRD admits and no clock shows, the 60th second or the
    year 0: it is the nearest time that can be written, or the epoch.
    """
    try:
        found = datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        return 0.0
    return min(max(found, 0.0), _LATEST)


def _written(seconds: float, to: str) -> str:
    # strftime takes half as long again, and each pass writes the time.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec=to) + "Z"
