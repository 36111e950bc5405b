"""What the tests of planning share."""

import re
from collections.abc import Callable, Mapping

import pytest

Kubelet = Callable[[str, Mapping[str, str]], str]


@pytest.fixture
def kubelet() -> Kubelet:
    """What the kubelet makes of a command's element or a variable's value, by its documented rule.

    `$(NAME)` becomes a variable that there is, else it stays; `$$` becomes `$`; all else stays.
    """

    def expand(text: str, variables: Mapping[str, str]) -> str:
        def token(found: re.Match[str]) -> str:
            if found[0] == "$$":
                return "$"
            return variables.get(found["name"], found[0])

        return re.sub(r"\$\$|\$\((?P<name>[^)]*)\)", token, text)

    return expand
