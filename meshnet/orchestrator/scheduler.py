"""Which node a task goes to.

docker-swarm-facts section 4.4; swarmkit manager/scheduler. Docker breaks a tie at random, here the nodes' order does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from meshnet.model import MINUTE, Availability, Constraint, Membership, Node, NodeId, Service, Task, TaskState
from meshnet.orchestrator import balancers, tasks
from meshnet.orchestrator.draft import Draft

Filter = Callable[[Node], bool]

MAX_FAILURES = 5
FAILURES_WITHIN = 5 * MINUTE
"""A node on which a service failed so often in such a time comes last."""

_SPREAD_OVER = "node.labels."


@dataclass(frozen=True, slots=True)
class Hurdle:
    """A filter that nodes must pass, and what ``docker service ps`` says when they don't; ``{}`` is how many didn't."""

    passes: Filter
    explanation: str


def schedule(draft: Draft) -> None:
    """Give every task that waits for one a node, in the order they were made; a task that fits nowhere goes on waiting
    and says why. A global service's tasks have their nodes already, and wait for those."""
    for task in list(draft.tasks.values()):
        if task.state is TaskState.PENDING and task.wanted:
            _place(draft, task)


def _place(draft: Draft, task: Task) -> None:
    service = draft.services[task.service]
    hurdles = _hurdles(draft, task)
    failures: Counter[int] = Counter()
    fit: list[Node] = []
    for node in _eligible(draft, task):
        failed = next((place for place, hurdle in enumerate(hurdles) if not hurdle.passes(node)), None)
        if failed is None:
            fit.append(node)
        else:
            failures[failed] += 1
    if not fit:
        draft.tasks[task.id] = replace(task, error=_explain(hurdles, failures))
        return
    node = _best(draft, task, service, fit)
    draft.tasks[task.id] = replace(
        task,
        node=node.id,
        state=TaskState.ASSIGNED,
        since=draft.now,
        message="scheduler assigned task to node",
        error="",
    )
    balancers.join(draft, node.id, [attachment.network for attachment in task.attachments])


def _eligible(draft: Draft, task: Task) -> list[Node]:
    return [
        node
        for node in draft.nodes.values()
        if node.membership is not Membership.OUTSIDE and task.node in (None, node.id)
    ]


def _best(draft: Draft, task: Task, service: Service, fit: list[Node]) -> Node:
    """Where it is pinned to, if it fits there; else in the part of the swarm with fewest tasks of the service, part by
    part as preferred, the node with fewest of them, then fewest in all. One where the service fails comes last."""
    pinned = next((node for node in fit if node.name == task.spec.pins.get(task.slot)), None)
    if pinned is not None:
        return pinned
    held = [other for other in draft.tasks.values() if other.wanted and other.state >= TaskState.ASSIGNED]
    of_service = Counter(other.node for other in held if other.service == service.id)
    in_all = Counter(other.node for other in held)
    for preference in task.spec.preferences:
        if preference.startswith(_SPREAD_OVER):
            fit = _least_used(fit, preference.removeprefix(_SPREAD_OVER), of_service)
    return min(fit, key=lambda node: (_fails(service, node.id, draft.now), of_service[node.id], in_all[node.id]))


def _least_used(fit: list[Node], label: str, of_service: Counter[NodeId | None]) -> list[Node]:
    """Those nodes of one value of ``label`` (none is one more) that together have fewest tasks of the service."""
    parts: dict[str, list[Node]] = {}
    for node in fit:
        parts.setdefault(node.labels.get(label, ""), []).append(node)
    return min(parts.values(), key=lambda part: sum(of_service[node.id] for node in part))


def _fails(service: Service, node: NodeId, now: int) -> bool:
    recent = [instant for instant in service.failures.get(node, ()) if instant > now - FAILURES_WITHIN]
    return len(recent) >= MAX_FAILURES


def _hurdles(draft: Draft, task: Task) -> list[Hurdle]:
    constraints = [Constraint.parse(text) for text in task.spec.constraints]
    networks = [attachment.network for attachment in task.attachments]
    return [
        Hurdle(lambda node: node.up and node.availability is Availability.ACTIVE, "{} not available for new tasks"),
        Hurdle(
            lambda node: all(constraint.holds(node) for constraint in constraints),
            "scheduling constraints not satisfied on {}",
        ),
        Hurdle(lambda node: _host_ports_free(draft, node, task), "host-mode port already in use on {}"),
        Hurdle(lambda node: _has_room(draft, node, task), "max replicas per node limit exceed"),
        # Docker's scheduler lets it go there, and the engine then refuses in these words
        Hurdle(
            lambda node: balancers.can_join(draft, node, networks),
            "{} missing network attachments, ip addresses may be exhausted",
        ),
    ]


def _host_ports_free(draft: Draft, node: Node, task: Task) -> bool:
    wanted = tasks.host_ports(task)
    return not wanted or not any(wanted & tasks.host_ports(other) for other in draft.assigned_to(node.id))


def _has_room(draft: Draft, node: Node, task: Task) -> bool:
    there = sum(other.service == task.service and other.wanted for other in draft.assigned_to(node.id))
    return not task.spec.max_replicas or there < task.spec.max_replicas


def _explain(hurdles: list[Hurdle], failures: Counter[int]) -> str:
    """Docker's sentence: what kept most nodes out comes first."""
    reasons = "; ".join(
        hurdles[place].explanation.format("1 node" if count == 1 else f"{count} nodes")
        for place, count in failures.most_common()
    )
    return f"no suitable node ({reasons})"
