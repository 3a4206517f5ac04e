from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from meshnet.errors import InputError
from meshnet.lab.observing.naming import Naming
from meshnet.mesh import render
from meshnet.netstate import NamespaceRef
from tests.mesh.article import CLUSTERS, WHOAMI_3, article

STATE = article(*CLUSTERS["20.10"])
HOSTS = {
    "client": IPv4Address("192.168.56.100"),
    **{node.name: node.address.ip for node in STATE.nodes.values()},
}
NAMING = Naming(STATE, HOSTS, [*render(STATE), NamespaceRef("client"), NamespaceRef("lab")])
TASK = NamespaceRef("swarm-worker2", WHOAMI_3.sandbox_file)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("client", "client"),
        ("swarm-worker1", "swarm-worker1"),
        ("swarm-worker1/ingress_sbox", "swarm-worker1/ingress_sbox"),
        ("swarm-worker1/ingress", "swarm-worker1/ingress_sbox"),
        ("swarm-worker2/1-uz*", "swarm-worker2/1-uz1kgf9j6m"),
        ("whoami.3", str(TASK)),
        (WHOAMI_3.name, str(TASK)),
        ("f47e05019fd9", str(TASK)),
        ("f47e", str(TASK)),
        (str(TASK), str(TASK)),
    ],
)
def test_places_have_names(text: str, place: str) -> None:
    assert str(NAMING.place(text)) == place


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("nowhere", "expected a machine, NODE/NAMESPACE, a task or a container, found 'nowhere'; there are client, "),
        ("swarm-worker1/nothing", "expected a namespace, found 'swarm-worker1/nothing'; there are swarm-worker1, "),
        ("swarm-worker2/1-*", "'swarm-worker2/1-*' may be swarm-worker2/1-cojus8blvk or swarm-worker2/1-uz1kgf9j6m"),
        ("f47", "found 'f47'"),
    ],
)
def test_a_place_that_is_not_one_place_is_a_sentence(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as raised:
        NAMING.place(text)
    assert complaint in str(raised.value)


@pytest.mark.parametrize(
    ("text", "source", "address"),
    [
        ("10.1.2.3", "client", "10.1.2.3"),
        ("localhost", "client", "127.0.0.1"),
        ("swarm-worker1", "client", "192.168.56.11"),
        ("whoami", "client", "10.255.0.168"),
        ("whoami", "client.1", "10.0.2.5"),
        ("whoami.3", "client.1", "10.0.2.13"),
        ("whoami.3", "swarm-worker1", "10.255.0.7"),
    ],
)
def test_an_address_is_that_of_a_network_the_source_is_on(text: str, source: str, address: str) -> None:
    assert str(NAMING.address(text, NAMING.place(source))) == address


def test_an_address_that_nobody_has_is_a_sentence() -> None:
    with pytest.raises(InputError, match="expected an address, a machine, a service or a task, found 'nobody'"):
        NAMING.address("nobody", NamespaceRef("client"))


def test_a_place_has_an_occupant_if_it_is_a_containers() -> None:
    assert NAMING.occupant(TASK) == WHOAMI_3
    assert NAMING.occupant(NamespaceRef("swarm-worker1")) is None
