"""What can be asked of a swarm and of its engines, and what engines report.

Objects are named by their id, or by their name where they have one. ``version`` is the object's, as whoever asks saw it
(``Meta.version``): a command with another than the object's own is refused; None asks for no check. ``node`` is the
machine whose engine was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshnet.model import (
    Availability,
    ContainerId,
    ContainerSpec,
    NetworkSpec,
    NodeRole,
    PortConfig,
    ServiceSpec,
    Stack,
    StoredSpec,
    SwarmSpec,
)


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes: whatever was waiting for now happens."""


@dataclass(frozen=True, slots=True)
class InitSwarm:
    """``docker swarm init`` on a machine."""

    node: str
    spec: SwarmSpec = field(default_factory=SwarmSpec)
    availability: Availability = Availability.ACTIVE
    pool: str = ""
    pool_prefix: int = 0


@dataclass(frozen=True, slots=True)
class JoinSwarm:
    """``docker swarm join --token TOKEN`` on a machine; the token says as what."""

    node: str
    token: str
    availability: Availability = Availability.ACTIVE


@dataclass(frozen=True, slots=True)
class LeaveSwarm:
    """``docker swarm leave`` on a machine; a manager has to say ``--force``."""

    node: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class UpdateSwarm:
    """``docker swarm update``, ``docker swarm join-token --rotate``."""

    spec: SwarmSpec
    version: int | None = None
    rotate_worker_token: bool = False
    rotate_manager_token: bool = False


@dataclass(frozen=True, slots=True)
class UpdateNode:
    """``docker node update``, ``promote`` and ``demote``."""

    node: str
    role: NodeRole
    availability: Availability
    labels: Mapping[str, str] = field(default_factory=dict)
    spec_name: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveNode:
    """``docker node rm``; one that is not down needs ``force``."""

    node: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class CreateNetwork:
    """``docker network create -d overlay``."""

    spec: NetworkSpec


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    """``docker network rm`` of an overlay network."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateBridge:
    """``docker network create -d bridge`` on a machine."""

    node: str
    spec: NetworkSpec


@dataclass(frozen=True, slots=True)
class RemoveBridge:
    """``docker network rm`` of a machine's own network."""

    node: str
    name: str


@dataclass(frozen=True, slots=True)
class CreateService:
    """``docker service create``."""

    spec: ServiceSpec


@dataclass(frozen=True, slots=True)
class UpdateService:
    """``docker service update``, ``docker service scale`` as the docker client does it."""

    name: str
    spec: ServiceSpec
    version: int | None = None


@dataclass(frozen=True, slots=True)
class RollbackService:
    """``docker service rollback``."""

    name: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ScaleService:
    """``docker service scale NAME=REPLICAS``, whatever else the service is."""

    name: str
    replicas: int


@dataclass(frozen=True, slots=True)
class RemoveService:
    """``docker service rm``."""

    name: str


@dataclass(frozen=True, slots=True)
class CreateStored:
    """``docker config create``, ``docker secret create``."""

    spec: StoredSpec


@dataclass(frozen=True, slots=True)
class UpdateStored:
    """A config's or a secret's labels; nothing else of it can change."""

    id: str
    labels: Mapping[str, str]
    version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveStored:
    """``docker config rm``, ``docker secret rm``."""

    id: str


@dataclass(frozen=True, slots=True)
class CreateContainer:
    """``docker create`` on a machine."""

    node: str
    spec: ContainerSpec


@dataclass(frozen=True, slots=True)
class StartContainer:
    """``docker start``: from now on it is wanted running."""

    container: ContainerId


@dataclass(frozen=True, slots=True)
class StopContainer:
    """It is not wanted running any more: no restart policy brings it back. Its end is reported like any other's."""

    container: ContainerId


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """``docker rm`` of a container that has ended, or was never started."""

    container: ContainerId


@dataclass(frozen=True, slots=True)
class ConnectNetwork:
    """``docker network connect``."""

    container: ContainerId
    network: str
    aliases: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class DisconnectNetwork:
    """``docker network disconnect``."""

    container: ContainerId
    network: str


@dataclass(frozen=True, slots=True)
class ContainerStarted:
    """An engine reports that a container runs, a task's or another: ``pid`` is its first process, 0 for one served by
    the lab itself."""

    container: ContainerId
    pid: int = 0
    ports: tuple[PortConfig, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerExited:
    """An engine reports that a container ended, by itself or because it was told to."""

    container: ContainerId
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class ContainerRefused:
    """An engine reports that a container can't be started at all, and why."""

    container: ContainerId
    error: str


Report = ContainerStarted | ContainerExited | ContainerRefused

Command = (
    Tick
    | InitSwarm
    | JoinSwarm
    | LeaveSwarm
    | UpdateSwarm
    | UpdateNode
    | RemoveNode
    | CreateNetwork
    | RemoveNetwork
    | CreateBridge
    | RemoveBridge
    | CreateService
    | UpdateService
    | RollbackService
    | ScaleService
    | RemoveService
    | CreateStored
    | UpdateStored
    | RemoveStored
    | CreateContainer
    | StartContainer
    | StopContainer
    | RemoveContainer
    | ConnectNetwork
    | DisconnectNetwork
    | Report
)


def deploy(stack: Stack) -> tuple[Command, ...]:
    """The commands that make a stack: what its services want of configs and secrets, its networks, then its services as
    they are written.

    Networks that ask for a subnet come first, or one that asks for none could be given it. External ones are not made.
    """
    made = [network for network in stack.networks if not network.external]
    made.sort(key=lambda network: network.subnet is None)
    return (*map(CreateStored, stack.files), *map(CreateNetwork, made), *map(CreateService, stack.services))
