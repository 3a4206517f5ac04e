"""``LabSpec`` to plain values and back. Each class is written out: what reads this shall start fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, TypeVar

from meshnet.model.image import CatalogueEntry
from meshnet.model.lab import LabSpec, Machine
from meshnet.model.node import Generation, NodeRole
from meshnet.model.service import EndpointMode, PortConfig, Protocol, PublishMode, ServiceSpec
from meshnet.model.stack import NetworkSpec, Stack
from meshnet.model.story import NetworkStory, NodeStory, ServiceStory, Story, TaskStory

Plain = Mapping[str, Any]
Out = dict[str, Any]
T = TypeVar("T")


def lab_to_json(lab: LabSpec) -> Out:
    return {
        "name": lab.name,
        "topology": lab.topology,
        "parameters": dict(lab.parameters),
        "machines": [_machine_to_json(machine) for machine in lab.machines],
        "hosts": list(lab.hosts),
        "underlay": [str(subnet) for subnet in lab.underlay],
        "seed": lab.seed,
        "ingress": _text(lab.ingress),
        "needs_netem": lab.needs_netem,
        "stack": _stack_to_json(lab.stack),
        "story": _story_to_json(lab.story),
        "images": [asdict(image) for image in lab.images],
        "warnings": list(lab.warnings),
    }


def lab_from_json(value: Plain) -> LabSpec:
    return LabSpec(
        name=value["name"],
        topology=value["topology"],
        parameters=dict(value["parameters"]),
        machines=tuple(_machine_from_json(machine) for machine in value["machines"]),
        hosts=tuple(value["hosts"]),
        underlay=tuple(IPv4Network(subnet) for subnet in value["underlay"]),
        seed=value["seed"],
        ingress=_made(IPv4Network, value["ingress"]),
        needs_netem=value["needs_netem"],
        stack=_stack_from_json(value["stack"]),
        story=_story_from_json(value["story"]),
        images=tuple(CatalogueEntry(**{**image, "command": tuple(image["command"])}) for image in value["images"]),
        warnings=tuple(value["warnings"]),
    )


def _machine_to_json(machine: Machine) -> Out:
    return {
        "name": machine.name,
        "role": str(machine.role),
        "address": str(machine.address),
        "generation": str(machine.generation),
        "gwbridge": _text(machine.gwbridge),
        "labels": dict(machine.labels),
    }


def _machine_from_json(value: Plain) -> Machine:
    return Machine(
        name=value["name"],
        role=NodeRole(value["role"]),
        address=IPv4Interface(value["address"]),
        generation=Generation(value["generation"]),
        gwbridge=_made(IPv4Network, value["gwbridge"]),
        labels=dict(value["labels"]),
    )


def _stack_to_json(stack: Stack) -> Out:
    return {
        "name": stack.name,
        "networks": [_network_to_json(network) for network in stack.networks],
        "services": [_service_to_json(service) for service in stack.services],
        "warnings": list(stack.warnings),
    }


def _stack_from_json(value: Plain) -> Stack:
    return Stack(
        name=value["name"],
        networks=tuple(_network_from_json(network) for network in value["networks"]),
        services=tuple(_service_from_json(service) for service in value["services"]),
        warnings=tuple(value["warnings"]),
    )


def _network_to_json(network: NetworkSpec) -> Out:
    return {
        "name": network.name,
        "subnet": _text(network.subnet),
        "options": dict(network.options),
        "labels": dict(network.labels),
        "attachable": network.attachable,
        "internal": network.internal,
        "external": network.external,
    }


def _network_from_json(value: Plain) -> NetworkSpec:
    return NetworkSpec(
        name=value["name"],
        subnet=_made(IPv4Network, value["subnet"]),
        options=dict(value["options"]),
        labels=dict(value["labels"]),
        attachable=value["attachable"],
        internal=value["internal"],
        external=value["external"],
    )


def _service_to_json(service: ServiceSpec) -> Out:
    return {
        "name": service.name,
        "image": service.image,
        "command": list(service.command),
        "args": list(service.args),
        "env": list(service.env),
        "replicas": service.replicas,
        "networks": list(service.networks),
        "aliases": {network: list(names) for network, names in service.aliases.items()},
        "ports": [_port_to_json(port) for port in service.ports],
        "endpoint_mode": str(service.endpoint_mode),
        "constraints": list(service.constraints),
        "labels": dict(service.labels),
        "container_labels": dict(service.container_labels),
        "pins": [[slot, node] for slot, node in service.pins.items()],
    }


def _service_from_json(value: Plain) -> ServiceSpec:
    return ServiceSpec(
        name=value["name"],
        image=value["image"],
        command=tuple(value["command"]),
        args=tuple(value["args"]),
        env=tuple(value["env"]),
        replicas=value["replicas"],
        networks=tuple(value["networks"]),
        aliases={network: tuple(names) for network, names in value["aliases"].items()},
        ports=tuple(_port_from_json(port) for port in value["ports"]),
        endpoint_mode=EndpointMode(value["endpoint_mode"]),
        constraints=tuple(value["constraints"]),
        labels=dict(value["labels"]),
        container_labels=dict(value["container_labels"]),
        pins=dict(value["pins"]),
    )


def _port_to_json(port: PortConfig) -> Out:
    return {
        "target": port.target,
        "published": port.published,
        "protocol": str(port.protocol),
        "mode": str(port.mode),
    }


def _port_from_json(value: Plain) -> PortConfig:
    return PortConfig(
        target=value["target"],
        published=value["published"],
        protocol=Protocol(value["protocol"]),
        mode=PublishMode(value["mode"]),
    )


def _story_to_json(story: Story) -> Out:
    return {
        "nodes": {name: {"id": node.id, "ingress": _text(node.ingress)} for name, node in story.nodes.items()},
        "networks": {name: {"id": network.id, "vni": network.vni} for name, network in story.networks.items()},
        "services": {
            name: {
                "id": service.id,
                "vips": _texts(service.vips),
                "tasks": [[slot, _task_to_json(task)] for slot, task in service.tasks.items()],
            }
            for name, service in story.services.items()
        },
    }


def _story_from_json(value: Plain) -> Story:
    return Story(
        nodes={
            name: NodeStory(node["id"], _made(IPv4Address, node["ingress"])) for name, node in value["nodes"].items()
        },
        networks={name: NetworkStory(network["id"], network["vni"]) for name, network in value["networks"].items()},
        services={
            name: ServiceStory(
                id=service["id"],
                vips=_addresses(service["vips"]),
                tasks={slot: _task_from_json(task) for slot, task in service["tasks"]},
            )
            for name, service in value["services"].items()
        },
    )


def _task_to_json(task: TaskStory) -> Out:
    return {
        "id": task.id,
        "container": task.container,
        "sandbox": task.sandbox,
        "addresses": _texts(task.addresses),
        "gateway": _text(task.gateway),
    }


def _task_from_json(value: Plain) -> TaskStory:
    return TaskStory(
        id=value["id"],
        container=value["container"],
        sandbox=value["sandbox"],
        addresses=_addresses(value["addresses"]),
        gateway=_made(IPv4Address, value["gateway"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(values: Mapping[str, IPv4Address]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _addresses(values: Mapping[str, str]) -> dict[str, IPv4Address]:
    return {name: IPv4Address(value) for name, value in values.items()}


def _made(kind: Callable[[str], T], value: str | None) -> T | None:
    return None if value is None else kind(value)
