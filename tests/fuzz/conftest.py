"""How long the fuzzing lasts: `make test` takes a little of it, the same each time.

For longer: `--hypothesis-profile=long`, with FUZZ_EXAMPLES examples of each property.
"""

import os

from hypothesis import HealthCheck, Phase, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
"""What hypothesis minds of strategies for whole specs: they are large."""

PHASES = (Phase.explicit, Phase.generate, Phase.shrink)

settings.register_profile(
    "short",
    max_examples=25,
    phases=PHASES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=SLOW,
)
settings.register_profile(
    "long",
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "5000")),
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=SLOW,
    phases=PHASES,
)
settings.load_profile("short")
