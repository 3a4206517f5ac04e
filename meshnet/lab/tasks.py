"""The workloads of a lab's running tasks: started where a task appeared, stopped where one went."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.workloads import Catalogue, Running, TaskContext
from meshnet.lab.workloads.task import Home
from meshnet.model import ClusterState, Task, TaskId
from meshnet.netstate import NamespaceRef

Namespaces = Mapping[NamespaceRef, NetNamespace]


class TaskRunner:
    """Runs in the event loop's thread what the cluster state says is running."""

    def __init__(self, catalogue: Catalogue, home_of: Callable[[str], Home]) -> None:
        self._catalogue = catalogue
        self._home_of = home_of
        self._running: dict[TaskId, Running] = {}

    def stop_gone(self, state: ClusterState) -> None:
        """End the workloads of tasks that no longer run: before their namespaces go."""
        wanted = {task.id for task in state.placed_tasks()}
        for task in [task for task in self._running if task not in wanted]:
            self._running.pop(task).stop()

    async def start_new(self, state: ClusterState, namespaces: Namespaces) -> None:
        """Start the workloads of tasks that are new: their namespaces are there and their rules in place."""
        new = [task for task in state.placed_tasks() if task.id not in self._running]
        started = await asyncio.gather(*(self._start(state, task, namespaces) for task in new))
        self._running.update({task.id: running for task, running in zip(new, started, strict=True)})

    async def _start(self, state: ClusterState, task: Task, namespaces: Namespaces) -> Running:
        assert task.node is not None
        node = state.nodes[task.node].name
        spec = state.services[task.service].spec
        context = TaskContext(
            image=task.image,
            task_id=task.id,
            task_name=task.name,
            container_id=task.container,
            node_name=node,
            namespace=namespaces[NamespaceRef(node, task.sandbox_file)],
            home=self._home_of(node),
            addresses=tuple(attachment.address for attachment in task.attachments),
            command=spec.command,
            args=spec.args,
            env=dict(variable.split("=", 1) for variable in spec.env if "=" in variable),
        )
        return await self._catalogue.workload(task.image).start(context)
