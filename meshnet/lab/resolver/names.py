"""What the embedded resolver knows: the names of every network, and what it answers with them.

docker-swarm-facts section 2.3; libnetwork service_common.go (which names there are), sandbox.go and network.go
ResolveName (how they are looked up), resolver.go (what is said).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from meshnet.mesh import resolver
from meshnet.model import ClusterState, Container, NetworkId, Task, short_id
from meshnet.netstate import NamespaceRef

_REVERSE = ".in-addr.arpa"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a name that is known: its addresses, or the name of an address (``pointer``, without its last
    dot). With neither there is nothing of the kind that was asked for, and nobody else is asked."""

    addresses: tuple[IPv4Address, ...] = ()
    pointer: str = ""


NOTHING = Answer()


class _Network:
    """The names of one network, in lower case, and the names of its addresses."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.addresses: dict[str, dict[IPv4Address, None]] = defaultdict(dict)
        self.pointers: dict[IPv4Address | None, str] = {}

    def add(self, name: str, address: IPv4Address) -> None:
        self.addresses[name.lower()][address] = None


class Names:
    """All names of one state of the swarm. Made once a state, asked by every sandbox."""

    def __init__(self, state: ClusterState) -> None:
        self.sandboxes: Mapping[NamespaceRef, tuple[NetworkId, ...]] = resolver.sandboxes(state)
        self._networks = {id: _Network(bridge.name) for id, bridge in state.bridges.items()}
        self._networks |= {id: _Network(network.name) for id, network in state.networks.items() if not network.ingress}
        for task in state.placed_tasks():
            for attachment in task.attachments:
                if attachment.network in self._networks:
                    self._add_task(state, task, attachment.network, attachment.address.ip)
        for container in state.containers.values():
            if container.placed:
                self._add_container(state, container)

    def answer(self, sandbox: NamespaceRef, name: str, kind: str) -> Answer | None:
        """What a sandbox's resolver says to a question of a ``kind`` (``A``, ``PTR``, ...), or None where it asks its
        upstream servers. ``name`` is without its last dot. Addresses are shuffled anew each time."""
        networks = [self._networks[id] for id in self.sandboxes.get(sandbox, ()) if id in self._networks]
        match kind:
            case "A":
                found = _addresses(networks, name)
                return Answer(tuple(random.sample(found, len(found)))) if found else None
            case "AAAA" | "MX":  # of a name that it knows, nobody else is asked
                return NOTHING if _addresses(networks, name) else None
            case "PTR":
                return _pointer(networks, name)
            case _:  # SRV, too: libnetwork answers it out of a table that nothing is ever put in
                return None

    def _add_task(self, state: ClusterState, task: Task, network_id: NetworkId, address: IPv4Address) -> None:
        """A service's VIP keeps its names while a backend is left, even one that gets no more connections; a task's own
        address and names go as soon as it is to end."""
        network = self._networks[network_id]
        service = state.services.get(task.service)
        aliases = task.spec.aliases.get(network.name, ())
        names = (task.service_name, *aliases)
        if task.serves:
            self._add_own(network, task.name, (short_id(task.container), task.hostname), address)
            for name in names:
                network.add(f"tasks.{name}", address)
        vip = service.vips.get(network_id) if service is not None else None
        if (vip is not None and task.balanced) or (vip is None and task.serves):
            for name in names:
                network.add(name, address if vip is None else vip.ip)

    def _add_container(self, state: ClusterState, container: Container) -> None:
        node = state.nodes.get(container.node)
        places = {id: interface.ip for id, interface in container.bridges.items()}
        if node is not None and node.up:  # others hear of it through the swarm
            places |= {attachment.network: attachment.address.ip for attachment in container.attachments}
        for id, address in places.items():
            network = self._networks.get(id)
            if network is not None:
                aliases = container.spec.aliases.get(network.name, ())
                further = (*aliases, short_id(container.id), container.hostname)
                self._add_own(network, container.name, further, address)

    def _add_own(self, network: _Network, name: str, further: Sequence[str], address: IPv4Address) -> None:
        """A container's names; only the first is also the name of its address."""
        for each in (name, *further):
            network.add(each, address)
        network.pointers[address] = name


def _addresses(networks: Sequence[_Network], name: str) -> tuple[IPv4Address, ...]:
    """The name whole on any network, then split at each of its dots, from the last, into a name and its network's."""
    for at in (len(name), *(at for at in range(len(name) - 1, -1, -1) if name[at] == ".")):
        wanted, of_network = name[:at].lower(), name[at + 1 :]
        for network in networks:
            if (not of_network or of_network == network.name) and wanted in network.addresses:
                return tuple(network.addresses[wanted])
    return ()


def _pointer(networks: Sequence[_Network], name: str) -> Answer | None:
    address = address_in_reverse(name)
    known = ((network, network.pointers[address]) for network in networks if address in network.pointers)
    return next((Answer(pointer=f"{pointer}.{network.name}") for network, pointer in known), None)


def address_in_reverse(name: str) -> IPv4Address | None:
    """The address that ``11.0.0.127.in-addr.arpa`` asks for; None for another name."""
    if not name.lower().endswith(_REVERSE):
        return None
    try:
        return IPv4Address(".".join(reversed(name[: -len(_REVERSE)].split("."))))
    except AddressValueError:
        return None
