"""A length of time as Kubernetes' resources write it: 90s, 10m, 1h30m."""

import re
from functools import cached_property
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, RootModel

PATTERN: Final = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"
"""The Gateway API's (GEP-2257): no fractions, no signs and no days, which not all parsers know."""

MAX_LENGTH: Final = 32

_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Duration(RootModel[Annotated[str, Field(pattern=PATTERN, max_length=MAX_LENGTH)]]):
    """Hours, minutes, seconds and milliseconds; written back as it was read."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"format": "duration"})

    @cached_property
    def seconds(self) -> float:
        """Its length in seconds."""
        parts = re.findall(r"([0-9]+)(ms|[hms])", self.root)
        return sum(int(count) * _SECONDS[unit] for count, unit in parts)

    def __str__(self) -> str:
        return self.root


def at_least(least: float) -> AfterValidator:
    """Refuse a duration below `least` seconds."""

    def check(duration: Duration) -> Duration:
        if duration.seconds < least:
            raise ValueError(f"must be at least {least:g}s, not {duration}")
        return duration

    return AfterValidator(check)
