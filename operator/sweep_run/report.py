"""One report, as it is made and as it goes over the wire."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweep_run.metrics import as_text


@dataclass(frozen=True)
class Report:
    """What a program tells of its run at one moment."""

    number: int
    """The order in which reports were made; it has nothing to do with the one they are sent in."""
    metrics: Mapping[str, float]
    step: int | None = None
    final: bool = False
    preempting: bool = False

    @property
    def special(self) -> bool:
        """Whether it says more than numbers, so that none may be left out."""
        return self.final or self.preempting

    def to_json(self, stream: str, sequence: int) -> str:
        """The text that is sent, with its number among those of this process, from 1."""
        fields: dict[str, Any] = {"stream": stream, "sequence": sequence}
        if self.metrics:
            fields["metrics"] = {
                name: value if math.isfinite(value) else as_text(value)
                for name, value in self.metrics.items()
            }
        if self.step is not None:
            fields["step"] = self.step
        if self.final:
            fields["final"] = True
        if self.preempting:
            fields["preempting"] = True
        return json.dumps(fields, separators=(",", ":"))
