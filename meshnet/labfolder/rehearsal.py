"""A lab on paper: the swarm is formed and the stack deployed as the lab will do it, so that what cannot be is said
before anything is started, and with the line that is to blame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meshnet.compose.load import Located
from meshnet.errors import AllocationError, InputError
from meshnet.model import ClusterState
from meshnet.model.lab import LabSpec
from meshnet.orchestrator import Command, CreateNetwork, CreateService, deploy, form_lab, settled, step


class Rehearsal:
    """Knows which line stands for what; ``topology`` is that of the machines and their subnets."""

    def __init__(self, topology: str, located: Located) -> None:
        self._topology = topology
        self._located = located

    def networks(self, spec: LabSpec) -> ClusterState:
        """The swarm with the lab's networks, before any service. Raises ``InputError``."""
        return self._play(spec, (command for command in deploy(spec.stack) if isinstance(command, CreateNetwork)))

    def play(self, spec: LabSpec) -> tuple[str, ...]:
        """Deploy all of it. Returns a sentence for each task that finds no node; raises ``InputError``."""
        state = self._play(spec, iter(deploy(spec.stack)))
        return tuple(
            f"{self._located.services[task.service_name]}: {task.service_name}.{task.slot} waits: {task.error}"
            for task in state.tasks.values()
            if task.node is None
        )

    def _play(self, spec: LabSpec, commands: Iterator[Command]) -> ClusterState:
        with _blaming(self._topology):
            state = form_lab(spec)
        for command in commands:
            with _blaming(self._line(command)):
                state = settled(step(state, command))
        return state

    def _line(self, command: Command) -> str | None:
        if isinstance(command, CreateNetwork):
            return self._located.networks.get(command.spec.name)
        if isinstance(command, CreateService):
            return self._located.services.get(command.spec.name)
        return None


@contextmanager
def _blaming(where: str | None) -> Iterator[None]:
    try:
        yield
    except (InputError, AllocationError) as error:
        raise InputError(str(error), where=where) from error
