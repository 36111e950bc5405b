"""Which proxy a request goes through, by the environment, as kubectl reads it."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies_environment


def proxy_of(host: str) -> str | None:
    """The proxy for a server's address, by HTTPS_PROXY, HTTP_PROXY and NO_PROXY; None for none."""
    url, known = urlsplit(host), getproxies_environment()
    if url.scheme not in known or passed_by(url.hostname or "", known.get("no", "").split(",")):
        return None
    return known[url.scheme]


def passed_by(name: str, entries: Iterable[str]) -> bool:
    """Whether a host is talked to directly: its name, its domain or its network is listed."""
    try:
        address = ip_address(name)
    except ValueError:
        address = None
    if name == "localhost" or (address and address.is_loopback):
        return True
    for entry in (each.strip().lower() for each in entries):
        domain = entry.lstrip("*.")
        if entry == "*" or (domain and (name == domain or name.endswith(f".{domain}"))):
            return True
        try:
            if address and entry and address in ip_network(entry, strict=False):
                return True
        except ValueError:  # a name
            continue
    return False
