"""The namespaces of end-to-end tests are named for them."""

import re

import pytest
from tests.e2e.kube import namespace_for


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("test_a_run_goes_on", "test-a-run-goes-on"),
        ("test_a_quota[count/jobs.batch]", "test-a-quota-count-jobs-batch"),
        ("test_ways[x-1e-05-Ünder_]", "test-ways-x-1e-05-nder"),
        ("test_" + "long_" * 9 + "[up]", "test-long-long-long-long-long-long-long"),
    ],
)
def test_a_namespace_has_a_name_that_kubernetes_takes(test: str, name: str) -> None:
    assert namespace_for(test) == name
    assert re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(f"{name}-0000") <= 63
