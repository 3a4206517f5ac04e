"""A lab travels as JSON, and nothing is lost on the way."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from meshnet.model import (
    MINUTE,
    SECOND,
    EndpointMode,
    FailureAction,
    Generation,
    NetworkSpec,
    NetworkStory,
    NodeRole,
    NodeStory,
    PortConfig,
    Protocol,
    PublishMode,
    RestartCondition,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    ServiceStory,
    Stack,
    StoredFile,
    StoredKind,
    StoredSpec,
    Story,
    TaskStory,
    UpdateConfig,
    UpdateOrder,
)
from meshnet.model.image import CatalogueEntry
from meshnet.model.lab import LabSpec, Machine

WHOLE = LabSpec(
    name="whole",
    topology="swarm",
    parameters={"workers": 2, "loss": 0.5, "subnet": "10.20.0.0/24"},
    machines=(
        Machine(
            "a",
            NodeRole.MANAGER,
            IPv4Interface("10.20.0.10/24"),
            Generation.G18_06,
            IPv4Network("172.19.0.0/16"),
            {"rack": "1"},
        ),
    ),
    hosts=("a", "client"),
    underlay=(IPv4Network("10.20.0.0/24"),),
    seed="7",
    forms_swarm=False,
    ingress=IPv4Network("10.11.0.0/16"),
    needs_netem=True,
    stack=Stack(
        name="shop",
        networks=(
            NetworkSpec(
                "front",
                IPv4Network("10.0.2.0/24"),
                {"o": "v"},
                {"l": "v"},
                attachable=True,
                internal=True,
                external=True,
                gateway=IPv4Address("10.0.2.9"),
                ingress=True,
            ),
        ),
        files=(StoredSpec(StoredKind.SECRET, "key", b"\x00\xff", {"l": "v"}),),
        services=(
            ServiceSpec(
                name="web",
                image="nginx",
                command=("run",),
                args=("it",),
                env=("A=1",),
                replicas=3,
                networks=("front",),
                aliases={"front": ("www",)},
                ports=(PortConfig(80, 8080, Protocol.UDP, PublishMode.HOST),),
                endpoint_mode=EndpointMode.DNSRR,
                constraints=("node.role == worker",),
                hostname="web",
                mode=ServiceMode.GLOBAL,
                preferences=("node.labels.rack",),
                max_replicas=2,
                files=(StoredFile(StoredKind.SECRET, "key", "/run/key", "1", "2", 0o400),),
                stop_signal="SIGINT",
                stop_grace=5 * SECOND,
                restart=RestartPolicy(RestartCondition.NONE, SECOND, 3, MINUTE),
                update=UpdateConfig(2, SECOND, FailureAction.ROLLBACK, MINUTE, 0.5, UpdateOrder.START_FIRST),
                rollback=UpdateConfig(3, SECOND, FailureAction.CONTINUE, MINUTE, 0.25, UpdateOrder.START_FIRST),
                force_update=4,
                container_extras={"Dir": "/srv", "Hosts": ["10.0.0.1 a"]},
                task_extras={"Runtime": "container"},
                labels={"a": "b"},
                container_labels={"c": "d"},
                pins={3: "a", 1: "a"},
            ),
        ),
        warnings=("mind this",),
    ),
    story=Story(
        nodes={"a": NodeStory("ab", IPv4Address("10.11.0.2"))},
        networks={"front": NetworkStory("cd", 5000)},
        services={
            "web": ServiceStory(
                "ef",
                {"front": IPv4Address("10.0.2.5")},
                {3: TaskStory("12", "34", "56", {"front": IPv4Address("10.0.2.7")}, IPv4Address("172.19.0.3"))},
            )
        },
    ),
    images=(CatalogueEntry("example/echo", "http", 7000, "{request}", ("run",), "PORT"),),
    warnings=("and this",),
)


def values(value: Any) -> list[Any]:
    """Every dataclass inside ``value``, itself included."""
    if is_dataclass(value):
        return [value, *(found for field in fields(value) for found in values(getattr(value, field.name)))]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [found for item in inner for found in values(item)]


def test_whole_lab_comes_back() -> None:
    text = json.dumps(WHOLE.to_json())
    assert LabSpec.from_json(json.loads(text)) == WHOLE


def test_order_of_pins_comes_back() -> None:
    back = LabSpec.from_json(json.loads(json.dumps(WHOLE.to_json())))
    assert list(back.stack.services[0].pins) == [3, 1]


def test_types_come_back() -> None:
    back = LabSpec.from_json(json.loads(json.dumps(WHOLE.to_json())))
    for sent, received in zip(values(WHOLE), values(back), strict=True):
        for field in fields(sent):
            there, here = getattr(sent, field.name), getattr(received, field.name)
            assert type(there) is type(here), f"{type(sent).__name__}.{field.name}"
            assert isinstance(there, Enum) == isinstance(here, Enum)


def test_no_field_of_the_whole_lab_has_its_default() -> None:
    """Or a field that nobody sends would go unnoticed above."""
    for value in values(WHOLE):
        for field in fields(value):
            default = field.default if field.default_factory is MISSING else field.default_factory()
            assert getattr(value, field.name) != default, f"{type(value).__name__}.{field.name} has its default"
