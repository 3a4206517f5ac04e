"""A swarm with a clock and engines, for tests of what services do over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from meshnet.model import SECOND, Availability, ClusterState, Node, NodeId, NodeStatus, Service, Task, TaskState
from meshnet.orchestrator import Command, Tick, next_deadline, step
from meshnet.orchestrator.commands import (
    ContainerExited,
    ContainerRefused,
    ContainerStarted,
    Report,
    RollbackService,
    UpdateNode,
    UpdateService,
)
from tests.orchestrator.swarms import swarm

Outcome = int | str | None
"""How a container fares: its exit code once it runs, why it can't be started, or None for one that runs on."""


@dataclass
class Clocked:
    """``fares`` says how a task's container fares, ``stop_time`` how many seconds one takes that is asked to stop."""

    state: ClusterState = field(default_factory=swarm)
    now: int = 0
    fares: Callable[[Task], Outcome] = lambda task: None
    stop_time: float = 0
    asked_to_stop: dict[str, int] = field(default_factory=dict)
    most_serving: int = 0
    fewest_running: int = 1 << 30

    def ask(self, *commands: Command) -> None:
        """Carry commands out, and let happen what needs no time."""
        for command in commands:
            self.state = step(self.state, command, self.now)
            self.obey()

    def obey(self) -> None:
        """Let the engines report until they have nothing more to say."""
        while (told := next(self._reports(), None)) is not None:
            self.state = step(self.state, told, self.now)
            self._watch()
        self._watch()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + int(seconds * SECOND)
        while (due := min(self._due(), default=None)) is not None and due <= until:
            self.now = max(self.now, due)
            self.state = step(self.state, Tick(), self.now)
            self.obey()
        self.now = until

    def exits(self, task: Task, code: int = 1) -> None:
        self.ask(ContainerExited(task.container, code))

    def service(self, name: str = "web") -> Service:
        found = self.state.service_named(name)
        assert found is not None
        return found

    def update(self, name: str = "web", **changes: Any) -> None:
        service = self.service(name)
        self.ask(UpdateService(name, replace(service.spec, **changes), service.meta.version))

    def roll_back(self, name: str = "web") -> None:
        self.ask(RollbackService(name, self.service(name).meta.version))

    def node(self, name: str) -> Node:
        found = self.state.node_named(name)
        assert found is not None
        return found

    def node_update(self, name: str, **changes: Any) -> None:
        node = self.node(name)
        fields: dict[str, Any] = {"role": node.role, "availability": node.availability, "labels": node.labels}
        self.ask(UpdateNode(node.id, **{**fields, **changes}))

    def drain(self, name: str) -> None:
        self.node_update(name, availability=Availability.DRAIN)

    def lose(self, name: str, status: NodeStatus = NodeStatus.DOWN) -> None:
        """Have the managers hear no more of a node, or again."""
        node = self.node(name)
        self.state = replace(self.state, nodes={**self.state.nodes, node.id: replace(node, status=status)})
        self.ask(Tick())

    def tasks(self, name: str = "web", **having: object) -> list[Task]:
        """All of a service's tasks, history included, those with these attributes."""
        return [
            task
            for task in self.state.tasks.values()
            if task.service_name == name and all(getattr(task, key) == value for key, value in having.items())
        ]

    def running(self, name: str = "web") -> list[Task]:
        """Those that run and are to go on."""
        return [task for task in self.tasks(name, state=TaskState.RUNNING) if task.wanted and self._up(task.node)]

    def story(self, name: str = "web") -> list[tuple[int, str, str]]:
        """Slot, state and desired state of all of a service's tasks, in lower-case words."""
        return [(task.slot, task.state.name.lower(), task.desired.name.lower()) for task in self.tasks(name)]

    def _up(self, node: NodeId | None) -> bool:
        return node is not None and self.state.nodes[node].up

    def _watch(self) -> None:
        self.most_serving = max(self.most_serving, sum(task.serves for task in self.state.placed_tasks()))
        self.fewest_running = min(self.fewest_running, len(self.running()))

    def _due(self) -> Iterator[int]:
        deadline = next_deadline(self.state)
        if deadline is not None:
            yield deadline
        yield from self.asked_to_stop.values()

    def _reports(self) -> Iterator[Report]:
        placed = {task.id: task for task in self.state.placed_tasks()}
        self.asked_to_stop = {id: due for id, due in self.asked_to_stop.items() if id in placed}
        for task in placed.values():
            fate = self.fares(task)
            if task.stopping:
                due = self.asked_to_stop.setdefault(task.id, self.now + int(self.stop_time * SECOND))
                if due <= self.now:
                    yield ContainerExited(task.container)
            elif task.state is TaskState.STARTING:
                yield (
                    ContainerRefused(task.container, fate)
                    if isinstance(fate, str)
                    else ContainerStarted(task.container, pid=7)
                )
            elif isinstance(fate, int) and task.wanted:
                yield ContainerExited(task.container, fate)
