"""A lab's state as plain values, for ``meshnet status --json`` and for people."""

from __future__ import annotations

from collections.abc import Sequence

from meshnet.lab.control.wire import Json
from meshnet.model import ClusterState, NetworkId, Node, NodeRole, Service, Task
from meshnet.model.lab import LabSpec
from meshnet.netstate import NamespaceRef


def status_of(
    spec: LabSpec, state: ClusterState, addresses: dict[str, str], namespaces: Sequence[NamespaceRef]
) -> Json:
    """``nodes``, ``services`` and ``tasks`` with their addresses (CIDR text by network name), the ``first_manager``,
    the state's ``version`` and ``hints``: command lines worth trying. ``addresses`` are the hosts' on the underlay."""
    return {
        "name": spec.name,
        "version": state.version,
        "first_manager": next(machine.name for machine in spec.machines if machine.role is NodeRole.MANAGER),
        "nodes": [_node(name, address, state.node_named(name), namespaces) for name, address in addresses.items()],
        "services": [_service(state, service) for service in state.services.values()],
        "tasks": [_task(state, task) for task in state.tasks.values()],
        "hints": _hints(spec, state, addresses),
    }


def _node(name: str, address: str, node: Node | None, namespaces: Sequence[NamespaceRef]) -> Json:
    return {
        "name": name,
        "address": address,
        "role": node.role.value if node else "client",
        "engine": node.generation.value if node else None,
        "id": node.id if node else None,
        "gwbridge": str(node.engine.gwbridge) if node else None,
        "namespaces": [ref.file for ref in namespaces if ref.node == name and ref.file],
    }


def _service(state: ClusterState, service: Service) -> Json:
    return {
        "id": service.id,
        "name": service.spec.name,
        "image": service.spec.image,
        "replicas": service.spec.replicas,
        "running": sum(1 for _ in state.placed_tasks(service=service.id)),
        "ports": [str(port) for port in service.ports],
        "vips": {_name(state, network): str(vip) for network, vip in service.vips.items()},
    }


def _task(state: ClusterState, task: Task) -> Json:
    return {
        "id": task.id,
        "name": task.name,
        "node": state.nodes[task.node].name if task.node else None,
        "image": task.image,
        "container": task.container,
        "hostname": task.hostname,
        "sandbox": task.sandbox_file,
        "state": task.state.name.lower(),
        "message": task.error,
        "addresses": {_name(state, attachment.network): str(attachment.address) for attachment in task.attachments},
    }


def _name(state: ClusterState, network: NetworkId) -> str:
    return state.networks[network].name


def _hints(spec: LabSpec, state: ClusterState, addresses: dict[str, str]) -> list[str]:
    """Commands for the prompt that show the mesh at work in this very lab."""
    node = max(state.nodes.values(), key=lambda node: node.role is NodeRole.WORKER)
    hints = []
    for service in state.services.values():
        for port in service.ingress_ports[:1]:
            busy = {task.node for task in state.placed_tasks(service=service.id)}
            node = next((candidate for candidate in state.nodes.values() if candidate.id not in busy), node)
            outside = next((name for name in spec.hosts if state.node_named(name) is None), None)
            hints.append(f"{node.name} curl -s 127.0.0.1:{port.published}")
            if outside is not None:
                hints.append(f"{outside} curl -s {addresses[node.name].split('/')[0]}:{port.published}")
    return [
        *hints[:2],
        f"{node.name} sudo iptables -nL -t nat",
        f"{node.name} sudo nsenter --net=/var/run/docker/netns/ingress_sbox ipvsadm -ln",
        f"{node.name} bash",
    ]
