"""A command travels as JSON, and nothing is lost on the way."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from typing import Any, get_args

import pytest

from meshnet.errors import InputError
from meshnet.model import Availability, NetworkSpec, NodeRole, PortConfig, Protocol, ServiceSpec
from meshnet.orchestrator import Command
from meshnet.orchestrator.command_json import command_from_json, command_to_json
from meshnet.orchestrator.commands import (
    CreateNetwork,
    CreateService,
    RemoveService,
    ScaleService,
    Tick,
    UpdateNode,
)

ECHO = ServiceSpec(
    "echo",
    "meshnet/echo",
    env=("PORT=7",),
    networks=("one", "two"),
    aliases={"one": ("e", "echoes")},
    ports=(PortConfig(7, 7007), PortConfig(7, 7007, Protocol.UDP)),
    container_extras={"Isolation": "default"},
    pins={2: "swarm-worker1"},
)


@pytest.mark.parametrize(
    "command",
    [
        Tick(),
        CreateService(ECHO),
        CreateNetwork(NetworkSpec("one", subnet=IPv4Network("10.0.7.0/24"))),
        ScaleService("echo", 3),
        RemoveService("echo"),
        UpdateNode("swarm-worker1", NodeRole.WORKER, Availability.DRAIN, {"rack": "1"}),
    ],
)
def test_a_command_comes_back_as_it_was(command: Command) -> None:
    assert command_from_json(json.loads(json.dumps(command_to_json(command)))) == command


def test_every_command_has_a_name_of_its_own() -> None:
    names = [each.__name__ for each in get_args(Command)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "expected a command of Tick, InitSwarm.*, found None"),
        ({"command": "Dance"}, "found 'Dance'"),
        ({"command": "ScaleService", "name": "echo"}, "expected the fields of ScaleService, found .*replicas"),
        ({"command": "ScaleService", "name": "echo", "copies": 3}, "expected the fields of ScaleService.*copies"),
        ({"command": "CreateService", "spec": 7}, "expected the fields of CreateService"),
        (
            {"command": "UpdateNode", "node": "a", "role": "king", "availability": "drain"},
            "fields of UpdateNode.*king",
        ),
    ],
)
def test_what_is_no_command_is_refused(value: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        command_from_json(value)
