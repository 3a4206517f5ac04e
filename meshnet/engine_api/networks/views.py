"""Networks as ``docker network ls`` and ``docker network inspect`` get them (API 1.41 to 1.50)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Interface
from typing import Any

from meshnet.engine_api.containers import residents
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.instants import written
from meshnet.engine_api.networks import endpoints
from meshnet.engine_api.networks.endpoints import endpoint_id
from meshnet.engine_api.networks.seen import SWARM, Seen
from meshnet.mesh.names import mac_of
from meshnet.model import ClusterState, Network, Node, Task, short_id
from meshnet.model.bridge import GWBRIDGE
from meshnet.model.ids import derived_id
from meshnet.model.node import INGRESS_SBOX

Json = dict[str, Any]


def summary(state: ClusterState, node: Node, network: Seen) -> Json:
    """A network as the list has it: who is on it is asked of each one."""
    there = network.scope != SWARM or (network.overlay is not None and network.overlay.id in node.attachments)
    peers = {"Peers": _peers(state, network.overlay)} if there and network.overlay is not None else {}
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": written(network.created or _made(state)),
        "Scope": network.scope,
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": _pools(network)},
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": network.ingress,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": dict(network.options),
        "Labels": dict(network.labels),
        **peers,
    }


def details(state: ClusterState, node: Node, network: Seen, *, verbose: bool = False) -> Json:
    """A network with what is on it at this node, and, if ``verbose``, the services that its peers tell of."""
    shown = summary(state, node, network)
    shown["Containers"] = dict(_containers(state, node, network))
    if verbose and network.overlay is not None and network.overlay.id in node.attachments:
        shown["Services"] = _services(state, node, network.overlay)
    return shown


def in_use(state: ClusterState, node: Node, network: Seen) -> bool:
    """Whether anything is on it, as ``dangling`` and ``network prune`` ask."""
    if network.overlay is not None:
        used = any(network.id in service.networks for service in state.services.values())
        places = [place for task in state.tasks.values() for place in task.attachments]
        places += [place for container in state.containers.values() for place in container.attachments]
        return used or any(place.network == network.id for place in places)
    return any(True for _ in _containers(state, node, network))


def peer_name(node: Node) -> str:
    """A node's name in gossip: its first 12 hexadecimal digits."""
    return short_id(derived_id("gossip", node.id))


def _made(state: ClusterState) -> int:
    """An engine makes its own networks when it starts; of that, no instant is known but the swarm's first."""
    return state.swarm.meta.created if state.swarm is not None else 0


def _pools(network: Seen) -> list[Json]:
    if network.subnet is None:
        return []
    return [{"Subnet": str(network.subnet), **({"Gateway": str(network.gateway)} if network.gateway else {})}]


def _peers(state: ClusterState, network: Network | None) -> list[Json]:
    return [
        {"Name": peer_name(node), "IP": str(node.address.ip)}
        for node in state.nodes.values()
        if network is not None and node.member and network.id in node.attachments
    ]


def _containers(state: ClusterState, node: Node, network: Seen) -> Iterator[tuple[str, Json]]:
    there = [*_residents(state, node)]
    if network.name == GWBRIDGE and network.predefined:
        yield from _gateways(node, there)
        return
    for resident in there:
        for place in endpoints.of_resident(state, resident):
            if place.network_id == network.id and place.id:
                yield resident.id, _container(resident.name, place.id, place.address)
    overlay = network.overlay
    if overlay is not None and (address := node.attachments.get(overlay.id)) is not None:
        key, name = endpoints.balancer_name(overlay)
        yield key, _container(name, endpoint_id(node.id, overlay.id), address)


def _residents(state: ClusterState, node: Node) -> Iterator[Resident]:
    for task in state.tasks.values():
        if task.node == node.id and (resident := residents.of_task(state, task)) is not None:
            yield resident
    for container in state.containers.values():
        if container.node == node.id:
            yield residents.of_container(node, container)


def _gateways(node: Node, there: Iterable[Resident]) -> Iterator[tuple[str, Json]]:
    """Everybody's way out: ``gateway_<sandbox>``, and the ingress sandbox's."""
    sandboxes: dict[str, str] = {resident.id: short_id(resident.sandbox) for resident in there}
    sandboxes[INGRESS_SBOX] = INGRESS_SBOX
    for owner, sandbox in sandboxes.items():
        address = node.gateway(owner)
        if address is not None and address.ip in node.engine.gwbridge:
            yield owner, _container(f"gateway_{sandbox}", endpoint_id(owner, f"{node.name}/{GWBRIDGE}"), address)


def _container(name: str, endpoint: str, address: IPv4Interface | None) -> Json:
    return {
        "Name": name,
        "EndpointID": endpoint,
        "MacAddress": mac_of(address.ip) if address else "",
        "IPv4Address": str(address) if address else "",
        "IPv6Address": "",
    }


def _services(state: ClusterState, node: Node, network: Network) -> Json:
    """What gossip says of a network: its services by name, and without a name the ingress network's balancers."""
    found: Json = {}
    if network.ingress:
        found[""] = {"VIP": "<nil>", "Ports": [], "LocalLBIndex": 0, "Tasks": _balancers(state, network)}
    for service in sorted(state.services.values(), key=lambda service: service.spec.name):
        tasks = [task for task in state.placed_tasks(service=service.id) if task.serves and task.address_on(network.id)]
        if not tasks:
            continue
        vip = service.vips.get(network.id)
        ports = [f"Target: {port.target}, Publish: {port.published}" for port in service.ingress_ports]
        found[service.spec.name] = {
            "VIP": str(vip.ip) if vip else "<nil>",
            "Ports": ports if network.ingress else [],
            "LocalLBIndex": node.engine.marks.get((service.id, network.id), 0),
            "Tasks": [_task(state, task, network) for task in tasks],
        }
    return found


def _task(state: ClusterState, task: Task, network: Network) -> Json:
    address = task.address_on(network.id)
    return _backend(
        task.name,
        endpoint_id(task.container, network.id),
        str(address.ip) if address else "",
        state.nodes[task.node] if task.node else None,
    )


def _balancers(state: ClusterState, network: Network) -> list[Json]:
    _, name = endpoints.balancer_name(network)
    return [
        _backend(name, endpoint_id(node.id, network.id), str(address.ip), node)
        for node in state.nodes.values()
        if node.member and (address := node.attachments.get(network.id)) is not None
    ]


def _backend(name: str, endpoint: str, address: str, node: Node | None) -> Json:
    host = str(node.address.ip) if node else ""
    return {"Name": name, "EndpointID": endpoint, "EndpointIP": address, "Info": {"Host IP": host}}
