"""What neither schema nor CEL can see, the operator says: with the policy off nobody else would."""

import pytest
from tests.bad_input.cases import ACCEPTED, BAD_SWEEPS, Case, Json, sweep

from sweep_operator.planning.sweep import Intent, InvalidSweepError

JUDGED = [
    case
    for case in BAD_SWEEPS
    if case.refuser in {"policy", "operator"} and case.reason == "InvalidSpec"
]


def stored(manifest: Json) -> Json:
    """A Sweep as the API server hands it out."""
    return manifest | {"metadata": manifest["metadata"] | {"namespace": "ml", "uid": "u-1"}}


@pytest.mark.parametrize("case", JUDGED, ids=str)
def test_says_what_is_wrong(case: Case) -> None:
    with pytest.raises(InvalidSweepError) as caught:
        Intent.of(stored(case.sweep()))
    assert case.said_by_operator in str(caught.value)


@pytest.mark.parametrize("name", ACCEPTED)
def test_takes_what_is_right(name: str) -> None:
    Intent.of(stored(sweep(**ACCEPTED[name])))
