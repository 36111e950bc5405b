"""Names and addresses of local clusters."""

from itertools import combinations
from pathlib import Path

import pytest

from local_cluster.errors import ClusterError
from local_cluster.layout import (
    CLUSTERS,
    Addresses,
    Cache,
    ClusterLayout,
    check_name,
    free_index,
)


def test_no_two_clusters_share_an_address() -> None:
    blocks = [Addresses(index).block for index in range(CLUSTERS)]
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))


@pytest.mark.parametrize("index", [0, 1, CLUSTERS - 1])
def test_the_networks_of_a_cluster_lie_in_its_block_and_apart(index: int) -> None:
    addresses = Addresses(index)
    networks = [addresses.machines, addresses.pods, addresses.services]
    assert all(network.subnet_of(addresses.block) for network in networks)
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


def test_each_node_has_pods_of_its_own_within_the_pods_of_all() -> None:
    addresses = Addresses(3)
    first, second = addresses.pods_of(1), addresses.pods_of(2)
    assert not first.overlaps(second)
    assert first.subnet_of(addresses.pods)
    assert second.subnet_of(addresses.pods)


def test_a_link_name_fits_into_the_kernels_fifteen_characters() -> None:
    assert max(len(Addresses(CLUSTERS - 1).link(n)) for n in range(3)) <= 15


def test_the_first_block_without_a_bridge_is_free() -> None:
    taken = {"lo", "eth0", Addresses(0).bridge, Addresses(2).bridge}
    assert free_index(taken) == 1


def test_no_free_block_says_what_to_do() -> None:
    with pytest.raises(ClusterError, match="delete a cluster"):
        free_index({Addresses(index).bridge for index in range(CLUSTERS)})


@pytest.mark.parametrize("name", ["dev", "a", "pytest-kind", "x" * 49])
def test_names_that_are_dns_labels_pass(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "Dev", "a.b", "../up", "x" * 50])
def test_other_names_do_not(name: str) -> None:
    with pytest.raises(ClusterError, match="not a valid cluster name"):
        check_name(name)


def test_machines_are_called_as_kind_calls_them() -> None:
    layout = ClusterLayout("dev", Path("/clusters/dev"), Addresses(0))
    names = [machine.name for machine in layout.machines]
    assert names == ["dev-control-plane", "dev-worker", "dev-worker2"]
    assert layout.nodes[1].folder == Path("/clusters/dev/machines/dev-worker2")


def test_the_cache_follows_xdg(tmp_path: Path) -> None:
    assert Cache.of({"HOME": str(tmp_path)}).root == tmp_path / ".cache/sweep-operator"
    assert Cache.of({"XDG_CACHE_HOME": str(tmp_path)}).root == tmp_path / "sweep-operator"


def test_an_images_archive_is_named_after_the_image() -> None:
    archive = Cache(Path("/cache")).image_archive("example.com/team/operator:dev")
    assert archive == Path("/cache/images/example.com_team_operator_dev.tar")
