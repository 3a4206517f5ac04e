"""A lab as asked for: what a folder and the command line come to, before anything is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network
from typing import Any

from meshnet.model.image import CatalogueEntry
from meshnet.model.node import Generation, NodeRole
from meshnet.model.stack import Stack
from meshnet.model.story import Story


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that joins the swarm: where it stands in the underlay, and which engine it has.

    ``gwbridge`` is the subnet its ``docker_gwbridge`` shall have, or None for the first that is free.
    """

    name: str
    role: NodeRole
    address: IPv4Interface
    generation: Generation
    gwbridge: IPv4Network | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A lab. It travels to the process that builds it as JSON.

    ``topology`` and ``parameters`` say what Mininet builds; ``hosts`` are all of its hosts, ``machines`` those of them
    that join the swarm, in that order, and ``underlay`` the subnets they stand in. ``warnings`` are sentences for the
    user. ``images`` are the lab's own, looked at before the catalogue's.
    Without ``forms_swarm`` the machines wait for somebody's ``docker swarm init``, and there is no stack.
    ``ingress`` is the subnet asked for the ingress network, or None for the engine's own choice.
    """

    name: str
    topology: str
    parameters: Mapping[str, int | float | str]
    machines: tuple[Machine, ...]
    hosts: tuple[str, ...]
    underlay: tuple[IPv4Network, ...]
    seed: str
    ingress: IPv4Network | None = None
    needs_netem: bool = False
    forms_swarm: bool = True
    stack: Stack = field(default_factory=Stack)
    story: Story = field(default_factory=Story)
    images: tuple[CatalogueEntry, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values that ``json`` takes."""
        from meshnet.model.lab_json import lab_to_json

        return lab_to_json(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LabSpec:
        """The inverse of ``to_json``."""
        from meshnet.model.lab_json import lab_from_json

        return lab_from_json(value)
