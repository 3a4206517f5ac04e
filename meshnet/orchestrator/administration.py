"""Commands that are about something else than services: which function does each."""

from __future__ import annotations

from meshnet.errors import Refusal, RefusedError
from meshnet.orchestrator import attaching, bridges, containers, membership, networks, nodes, stored
from meshnet.orchestrator import commands as asked
from meshnet.orchestrator.draft import Draft


def carry_out(draft: Draft, command: asked.Command) -> str:
    """Do what a command asks and say what was done. Raises ``InputError`` or ``AllocationError``."""
    match command:
        case asked.InitSwarm():
            return membership.init(draft, command)
        case asked.JoinSwarm():
            return membership.join(draft, command)
        case asked.LeaveSwarm():
            return membership.leave(draft, command)
        case asked.UpdateSwarm():
            return membership.update(draft, command)
        case asked.UpdateNode():
            return nodes.update(draft, command)
        case asked.RemoveNode():
            return membership.remove(draft, command)
        case asked.CreateNetwork(spec):
            network = networks.create(draft, spec)
            return f"network {network.name} created with {network.subnet}"
        case asked.RemoveNetwork(name):
            return f"network {networks.remove(draft, name).name} removed"
        case asked.CreateStored():
            return stored.create(draft, command)
        case asked.UpdateStored():
            return stored.update(draft, command)
        case asked.RemoveStored():
            return stored.remove(draft, command)
        case _:
            return _on_one_machine(draft, command)


def _on_one_machine(draft: Draft, command: asked.Command) -> str:
    match command:
        case asked.CreateBridge():
            return bridges.create(draft, command)
        case asked.RemoveBridge():
            return bridges.remove(draft, command)
        case asked.CreateContainer():
            return containers.create(draft, command)
        case asked.StartContainer(id):
            return containers.start(draft, id)
        case asked.StopContainer(id):
            return containers.stop(draft, id)
        case asked.RemoveContainer(id):
            return containers.remove(draft, id)
        case asked.ConnectNetwork():
            return attaching.connect(draft, command)
        case asked.DisconnectNetwork():
            return attaching.disconnect(draft, command)
        case asked.ContainerStarted(id) if id in draft.containers:
            return containers.started(draft, command)
        case asked.ContainerExited(id) if id in draft.containers:
            return containers.exited(draft, command)
        case asked.ContainerRefused(id) if id in draft.containers:
            return containers.refused(draft, command)
        case _:
            raise RefusedError(f"the swarm here does not take {type(command).__name__}", Refusal.UNIMPLEMENTED)
