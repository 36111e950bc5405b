"""Which proxy is used, by the environment's variables as kubectl reads them."""

import pytest

from sweep_operator.client.proxy import proxy_of


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        ("https://cluster.example.com:6443", "http://proxy:1"),
        ("http://cluster.example.com", "http://proxy:2"),
        ("https://a.corp.example", None),
        ("https://corp.example", None),
        ("https://notcorp.example", "http://proxy:1"),
        ("https://lab.test", None),
        ("https://10.1.2.3:6443", None),
        ("https://11.1.2.3:6443", "http://proxy:1"),
        ("https://[fd00::1]:6443", None),
        ("https://127.0.0.1:6443", None),
        ("https://localhost:6443", None),
    ],
)
def test_hosts_domains_and_networks_of_no_proxy_are_talked_to_directly(
    host: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    monkeypatch.setenv("http_proxy", "http://proxy:2")
    monkeypatch.setenv("no_proxy", " .corp.example, *.lab.test,lab.test,10.0.0.0/8,fd00::/8,")
    assert proxy_of(host) == proxy


def test_a_star_is_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:1")
    monkeypatch.setenv("no_proxy", "*")
    assert proxy_of("https://cluster.example.com") is None


def test_without_the_variables_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert proxy_of("https://cluster.example.com") is None
