"""Which node a task goes to.

docker-swarm-facts section 4.4; swarmkit manager/scheduler. Docker breaks a tie at random, here the nodes' order does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from meshnet.model import Availability, Constraint, Node, PublishMode, Service, Task, TaskState
from meshnet.orchestrator import balancers
from meshnet.orchestrator.draft import Draft

Filter = Callable[[Node], bool]


@dataclass(frozen=True, slots=True)
class Hurdle:
    """A filter that nodes must pass, and what ``docker service ps`` says when they don't; ``{}`` is how many didn't."""

    passes: Filter
    explanation: str


def schedule(draft: Draft) -> None:
    """Give every task that waits for one a node, in the order they were made; a task that fits nowhere goes on waiting
    and says why."""
    for task in list(draft.tasks.values()):
        if task.state is TaskState.PENDING:
            _place(draft, task)


def _place(draft: Draft, task: Task) -> None:
    service = draft.services[task.service]
    hurdles = _hurdles(draft, task, service)
    failures: Counter[int] = Counter()
    fit: list[Node] = []
    for node in draft.nodes.values():
        failed = next((place for place, hurdle in enumerate(hurdles) if not hurdle.passes(node)), None)
        if failed is None:
            fit.append(node)
        else:
            failures[failed] += 1
    if not fit:
        draft.tasks[task.id] = replace(task, error=_explain(hurdles, failures))
        return
    node = _best(draft, task, service, fit)
    draft.tasks[task.id] = replace(task, node=node.id, state=TaskState.RUNNING, message="started", error="")
    balancers.join(draft, node.id, [attachment.network for attachment in task.attachments])


def _best(draft: Draft, task: Task, service: Service, fit: list[Node]) -> Node:
    """Where it is pinned to, if it fits there; else the node with fewest tasks of the service, then fewest in all."""
    pinned = next((node for node in fit if node.name == service.spec.pins.get(task.slot)), None)
    if pinned is not None:
        return pinned
    held = [other for other in draft.tasks.values() if other.placed]
    of_service = Counter(other.node for other in held if other.service == service.id)
    in_all = Counter(other.node for other in held)
    return min(fit, key=lambda node: (of_service[node.id], in_all[node.id]))


def _hurdles(draft: Draft, task: Task, service: Service) -> list[Hurdle]:
    constraints = [Constraint.parse(text) for text in service.spec.constraints]
    networks = [attachment.network for attachment in task.attachments]
    return [
        Hurdle(lambda node: node.availability is Availability.ACTIVE, "{} not available for new tasks"),
        Hurdle(
            lambda node: all(constraint.holds(node) for constraint in constraints),
            "scheduling constraints not satisfied on {}",
        ),
        Hurdle(lambda node: _host_ports_free(draft, node, service), "host-mode port already in use on {}"),
        # Docker's scheduler lets it go there, and the engine then refuses in these words
        Hurdle(
            lambda node: balancers.can_join(draft, node, networks),
            "{} missing network attachments, ip addresses may be exhausted",
        ),
    ]


def _host_ports_free(draft: Draft, node: Node, service: Service) -> bool:
    wanted = _host_ports(service)
    return not wanted or not any(wanted & _host_ports(draft.services[task.service]) for task in draft.tasks_on(node.id))


def _host_ports(service: Service) -> set[tuple[str, int]]:
    return {
        (port.protocol, port.published) for port in service.ports if port.mode is PublishMode.HOST and port.published
    }


def _explain(hurdles: list[Hurdle], failures: Counter[int]) -> str:
    """Docker's sentence: what kept most nodes out comes first."""
    reasons = "; ".join(
        hurdles[place].explanation.format("1 node" if count == 1 else f"{count} nodes")
        for place, count in failures.most_common()
    )
    return f"no suitable node ({reasons})"
