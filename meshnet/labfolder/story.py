"""A lab's story: what ``lab.yaml`` settles of ids, addresses and places, and whether it can come true.

A story belongs to its folder's own stack, topology and engines. Where the command line asks for others, what no longer
fits is left out with a note; otherwise it is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network

from meshnet.compose.document import Document, Place
from meshnet.labfolder.nodes import no_such_node
from meshnet.labfolder.overrides import Overrides
from meshnet.labfolder.schema import LabFile, ServiceStoryFile, TaskStoryFile
from meshnet.model import (
    ClusterState,
    NetworkStory,
    NodeStory,
    PublishMode,
    ServiceSpec,
    ServiceStory,
    Story,
    TaskStory,
)
from meshnet.model.lab import LabSpec
from meshnet.model.network import INGRESS


@dataclass(frozen=True, slots=True)
class Source:
    """``lab.yaml``, and what the command line says over it."""

    file: LabFile
    document: Document
    overrides: Overrides

    @property
    def services(self) -> Mapping[str, ServiceStoryFile]:
        return {} if self.overrides.stacks else self.file.story.services

    @property
    def may_not_fit(self) -> bool:
        """Whether addresses and nodes may be other than the story's author had."""
        return self.overrides.topology is not None or bool(self.overrides.engines)


def settle(bare: LabSpec, source: Source) -> tuple[LabSpec, tuple[str, ...]]:
    """``bare`` with the story's subnets and places, and a sentence for each place that is no more. Raises
    ``InputError``."""
    _check_names(bare, source)
    warnings: list[str] = []
    return _with_places(_with_subnets(bare, source), source, warnings), tuple(warnings)


def tell(settled: LabSpec, source: Source, networks: ClusterState) -> tuple[LabSpec, tuple[str, ...]]:
    """The lab with its story, and sentences for addresses that no longer fit. ``networks`` is the swarm with the lab's
    networks. Raises ``InputError`` for addresses that never did."""
    fitting = _Fitting(settled, source, networks)
    return replace(settled, story=fitting.story()), tuple(fitting.warnings())


def _check_names(bare: LabSpec, source: Source) -> None:
    """Every service and network the story tells of is in the stack."""
    if source.overrides.stacks:
        return
    services = [service.name for service in bare.stack.services]
    networks = [INGRESS, *(network.name for network in bare.stack.networks)]
    for kind, known, names in (
        ("services", services, source.file.story.services),
        ("networks", networks, source.file.story.networks),
    ):
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}"
                raise source.document.error(("story", kind, name), f"the stack has none of that name; {hint}")


def _with_subnets(bare: LabSpec, source: Source) -> LabSpec:
    """Networks with the subnets that the story settles, the ingress network's among them."""
    stories = source.file.story.networks
    ingress = stories[INGRESS].subnet if INGRESS in stories else None
    if source.overrides.stacks:
        return replace(bare, ingress=ingress)
    networks = []
    for network in bare.stack.networks:
        subnet = stories[network.name].subnet if network.name in stories else None
        if subnet is not None and network.subnet not in (None, subnet):
            place = ("story", "networks", network.name, "subnet")
            raise source.document.error(place, f"the stack gives the network {network.subnet}, not {subnet}")
        networks.append(replace(network, subnet=network.subnet or subnet))
    return replace(bare, ingress=ingress, stack=replace(bare.stack, networks=tuple(networks)))


def _with_places(bare: LabSpec, source: Source, warnings: list[str]) -> LabSpec:
    """Services whose slots are pinned to the story's nodes, in the order in which it tells of them."""
    names = [machine.name for machine in bare.machines]
    services = []
    for service in bare.stack.services:
        told = source.services.get(service.name, ServiceStoryFile())
        pins = {}
        for slot, task in told.tasks.items():
            place = ("story", "services", service.name, "tasks", str(slot), "node")
            if task.node in names:
                pins[slot] = task.node
            elif task.node and source.overrides.topology is None:
                raise source.document.error(place, no_such_node(task.node, names))
            elif task.node:
                warnings.append(
                    f"{source.document.where(place)}: the topology asked for has no {task.node}; "
                    f"{service.name}.{slot} runs where there is room"
                )
        services.append(replace(service, pins=pins))
    return replace(bare, stack=replace(bare.stack, services=tuple(services)))


class _Fitting:
    """Goes through the story's addresses, and keeps those that the lab's networks and bridges have."""

    def __init__(self, spec: LabSpec, source: Source, state: ClusterState) -> None:
        self._spec = spec
        self._source = source
        self._networks = {network.name: network.subnet for network in state.networks.values()}
        self._bridges = {node.name: node.engine.gwbridge for node in state.nodes.values()}
        self._used: dict[tuple[str, IPv4Address], Place] = {
            (network.name, network.gateway): () for network in state.networks.values()
        }
        self._left_out: dict[str, list[IPv4Address]] = {}

    def story(self) -> Story:
        file = self._source.file
        return Story(
            nodes={
                name: NodeStory(node.id, self._ingress(name, node.ingress))
                for name, node in file.nodes.items()
                if name in self._bridges
            },
            networks={
                name: NetworkStory(network.id, network.vni)
                for name, network in file.story.networks.items()
                if name in self._networks
            },
            services={
                service.name: self._service(service, self._source.services[service.name])
                for service in self._spec.stack.services
                if service.name in self._source.services
            },
        )

    def warnings(self) -> Iterator[str]:
        for where, addresses in self._left_out.items():
            listed = ", ".join(map(str, addresses))
            yield f"{self._source.document.path}: the story's {listed} lie outside {where} now; others are given"

    def _ingress(self, node: str, address: IPv4Address | None) -> IPv4Address | None:
        if address is None:
            return None
        return self._fits(address, INGRESS, ("nodes", node, "ingress"))

    def _service(self, service: ServiceSpec, told: ServiceStoryFile) -> ServiceStory:
        place = ("story", "services", service.name)
        return ServiceStory(
            id=told.id,
            vips=self._addresses(service, told.vips, (*place, "vips")),
            tasks={slot: self._task(service, slot, task, (*place, "tasks")) for slot, task in told.tasks.items()},
        )

    def _task(self, service: ServiceSpec, slot: int, told: TaskStoryFile, place: Place) -> TaskStory:
        place = (*place, str(slot))
        return TaskStory(
            id=told.id,
            container=told.container,
            sandbox=told.sandbox,
            addresses=self._addresses(service, told.addresses, (*place, "addresses")),
            gateway=self._gateway(told, service.pins.get(slot), (*place, "gwbridge")),
        )

    def _addresses(self, service: ServiceSpec, told: Mapping[str, IPv4Address], place: Place) -> dict[str, IPv4Address]:
        published = any(port.mode is PublishMode.INGRESS for port in service.ports)
        joined = [*service.networks, *([INGRESS] if published else [])]
        fitting = {}
        for network, address in told.items():
            if network not in joined:
                raise self._source.document.error(
                    (*place, network), f"{service.name} is on {', '.join(joined)}, not on {network}"
                )
            kept = self._fits(address, network, (*place, network))
            if kept is not None:
                fitting[network] = kept
        return fitting

    def _fits(self, address: IPv4Address, network: str, place: Place) -> IPv4Address | None:
        subnet = self._networks[network]
        if not _is_host(address, subnet):
            self._unfit(address, f"the network {network} ({subnet})", place)
            return None
        if (network, address) in self._used:
            other = self._used[network, address]
            what = f"settled on line {self._source.document.lines[other]}" if other else "the network's gateway"
            raise self._source.document.error(place, f"{address} is already {what}")
        self._used[network, address] = place
        return address

    def _gateway(self, told: TaskStoryFile, node: str | None, place: Place) -> IPv4Address | None:
        if told.gwbridge is None:
            return None
        if node is None:
            if self._source.may_not_fit:
                return None
            raise self._source.document.error(place, "an address on a node's bridge wants the task's node, too")
        bridge = self._bridges[node]
        if not _is_host(told.gwbridge, bridge):
            self._unfit(told.gwbridge, f"{node}'s bridge ({bridge})", place)
            return None
        return told.gwbridge

    def _unfit(self, address: IPv4Address, where: str, place: Place) -> None:
        if not self._source.may_not_fit:
            raise self._source.document.error(place, f"{address} is not an address of {where}")
        self._left_out.setdefault(where, []).append(address)


def _is_host(address: IPv4Address, subnet: IPv4Network) -> bool:
    return address in subnet and address not in (subnet.network_address, subnet.broadcast_address)
