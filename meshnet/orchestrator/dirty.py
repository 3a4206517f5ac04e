"""Which tasks an update replaces.

swarmkit manager/orchestrator/task.go IsTaskDirty: those made from another task template or endpoint than the service
has now. How many there are to be, labels, and how it is updated are no part of either.
"""

from __future__ import annotations

from dataclasses import replace

from meshnet.model import Constraint, Node, Service, ServiceMode, ServiceSpec, Task


def is_dirty(service: Service, task: Task, node: Node | None = None) -> bool:
    """Whether ``task`` is not what ``service`` would make now. With its ``node`` given, one that only has other
    constraints is as good as new where the node meets them."""
    if task.spec_version == service.spec_version:
        return False
    wanted, there = _template(service.spec), _template(task.spec)
    if wanted == there:
        return False
    constraints = service.spec.constraints
    if node is not None and wanted == replace(there, constraints=constraints):
        return not all(Constraint.parse(text).holds(node) for text in constraints)
    return True


def _template(spec: ServiceSpec) -> ServiceSpec:
    """What a task is made from: ``spec`` without the rest."""
    about_tasks = replace(spec, update=None, rollback=None, labels={}, pins={})
    return replace(about_tasks, name="", mode=ServiceMode.REPLICATED, replicas=0)
