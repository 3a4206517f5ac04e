"""Topologies by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from meshnet.errors import InputError
from topo import SwarmTopo, registry, topos


def test_the_built_in_ones_are_found_by_name() -> None:
    assert {name: registry.find(name) for name in topos} == topos


def test_pyproject_offers_the_same_ones_to_others() -> None:
    assert {name: load() for name, load in registry._offered().items()} == topos


def test_an_unknown_one_is_refused_with_the_known_ones_and_the_users_place() -> None:
    with pytest.raises(InputError, match=r"^--topo: there is no topology 'star'; known are leafspine, swarm, twosite"):
        registry.find("star", where="--topo")


def test_another_packages_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = EntryPoint("star", "topo:SwarmTopo", registry.GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [offer])
    assert registry.find("star") is SwarmTopo


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("swarm", "swarm", {}),
        ("swarm,workers=3,subnet=10.1.0.0/24", "swarm", {"workers": 3, "subnet": "10.1.0.0/24"}),
        ("twosite,loss=0.5,delay=40ms", "twosite", {"loss": 0.5, "delay": "40ms"}),
    ],
)
def test_a_topology_is_written_as_mn_writes_it(text: str, name: str, parameters: dict[str, Any]) -> None:
    assert registry.parse(text) == (name, parameters)


@pytest.mark.parametrize("text", ["swarm,3", "swarm,=3", "swarm,"])
def test_a_setting_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--topo: .* is not key=value"):
        registry.parse(text, where="--topo")


def test_a_parameter_the_topology_refuses_is_refused_at_the_users_place() -> None:
    with pytest.raises(InputError, match=r"^lab\.yaml:3: SwarmTopo has no parameter 'leaves'"):
        registry.build("swarm", {"leaves": 2}, where="lab.yaml:3")
