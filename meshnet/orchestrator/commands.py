"""What can be asked of a swarm."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.model import NetworkSpec, ServiceSpec, Stack


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    """``docker network create -d overlay``."""

    spec: NetworkSpec


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """``docker network rm``."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateService:
    """``docker service create``."""

    spec: ServiceSpec


@dataclass(frozen=True, slots=True)
class ScaleService:
    """``docker service scale NAME=REPLICAS``."""

    name: str
    replicas: int


@dataclass(frozen=True, slots=True)
class RemoveService:
    """``docker service rm``."""

    name: str


Command = CreateNetwork | RemoveNetwork | CreateService | ScaleService | RemoveService


def deploy(stack: Stack) -> tuple[Command, ...]:
    """The commands that make a stack: its networks, then its services as they are written.

    Networks that ask for a subnet come first, or one that asks for none could be given it. External ones are not made.
    """
    made = [network for network in stack.networks if not network.external]
    made.sort(key=lambda network: network.subnet is None)
    return (*map(CreateNetwork, made), *map(CreateService, stack.services))
