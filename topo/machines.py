"""The machines of a swarm: their names, roles and addresses, before anyone cables them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from meshnet.errors import InputError

UNDERLAY = "192.168.56.0/24"
"""The network that the reference swarm's machines stand on."""

FIRST_NODE = 10
"""A LAN's managers and workers have its tenth address and those after it."""

FIRST_CLIENT = 100
"""Its clients have the hundredth and on; or those after the last worker, where there is no such room."""


@dataclass(frozen=True, slots=True)
class Place:
    """A machine that has a name but no address yet; ``role`` is ``manager``, ``worker`` or ``client``."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine on a LAN."""

    name: str
    role: str
    address: IPv4Interface


def mac_of(address: IPv4Address) -> str:
    """A locally administered MAC that follows from the address: ``02:00`` and its four bytes."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x00, *address.packed))


def places(managers: int, workers: int, clients: int) -> tuple[Place, ...]:
    """Names and roles in the order of the swarm: managers, workers, clients. A role of one has no number, except that a
    worker always does. Raises ``InputError`` for numbers that make no swarm."""
    check_count("managers", managers, least=1)
    check_count("workers", workers, least=0)
    check_count("clients", clients, least=0)
    return (
        *(Place(f"swarm-manager{number}", "manager") for number in _numbers(managers)),
        *(Place(f"swarm-worker{number}", "worker") for number in range(1, workers + 1)),
        *(Place(f"client{number}", "client") for number in _numbers(clients)),
    )


def on_lan(group: Sequence[Place], subnet: IPv4Network) -> tuple[Machine, ...]:
    """Give each of ``group`` an address of ``subnet``. Raises ``InputError`` when it hasn't as many."""
    nodes = [place for place in group if place.role != "client"]
    clients = [place for place in group if place.role == "client"]
    last = subnet.num_addresses - 2
    after_nodes = FIRST_NODE + len(nodes)
    first_client = max(FIRST_CLIENT, after_nodes)
    if first_client + len(clients) - 1 > last:
        first_client = after_nodes
    if first_client + len(clients) - 1 > last:
        room = max(0, last - FIRST_NODE + 1)
        raise InputError(
            f"the subnet {subnet} has room for {room} machines from its address number {FIRST_NODE} on, "
            f"and the topology has {len(group)} there"
        )
    numbered = [*enumerate(nodes, FIRST_NODE), *enumerate(clients, first_client)]
    return tuple(
        Machine(place.name, place.role, IPv4Interface((subnet[offset], subnet.prefixlen))) for offset, place in numbered
    )


def deal(group: Sequence[Place], hands: int) -> tuple[tuple[Place, ...], ...]:
    """Deal the machines one after another to ``hands`` LANs, beginning with the first."""
    return tuple(tuple(group[hand::hands]) for hand in range(hands))


def parse_subnet(text: str, what: str = "subnet") -> IPv4Network:
    """An IPv4 network from ``192.168.56.0/24``. Raises ``InputError``; ``what`` is the parameter's name."""
    try:
        subnet = IPv4Network(str(text))
    except ValueError as error:
        raise InputError(f"{what} must be an IPv4 network such as {UNDERLAY}, not {text!r}: {error}") from error
    if subnet[-1] < subnet[0] + FIRST_NODE + 1:
        raise InputError(f"{what} must hold a machine with address number {FIRST_NODE}, which {subnet} doesn't")
    return subnet


def check_count(name: str, value: object, least: int) -> int:
    """``value``, if it's a whole number of at least ``least``; ``InputError`` naming the parameter if not."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be a whole number, {least} or more, not {value!r}")
    return value


def _numbers(count: int) -> list[str]:
    return [""] if count == 1 else [str(number) for number in range(1, count + 1)]
