"""Nodes as the managers keep them: changed and removed.

docker-swarm-facts section 5.4; swarmkit manager/controlapi/node.go. What a change means for tasks is the services'.
"""

from __future__ import annotations

from dataclasses import replace

from meshnet.errors import Refusal, RefusedError
from meshnet.model import Membership, Node, NodeRole, NodeStatus
from meshnet.orchestrator import tasks
from meshnet.orchestrator.commands import RemoveNode, UpdateNode
from meshnet.orchestrator.draft import Draft


def machine(draft: Draft, name: str) -> Node:
    """The machine of that name or id, whether it is in the swarm or not. Raises ``RefusedError``."""
    for node in draft.nodes.values():
        if name in (node.name, node.id) and node.membership is not Membership.LEFT:
            return node
    raise RefusedError(f"no machine is called {name}", Refusal.NOT_FOUND)


def find(draft: Draft, name: str) -> Node:
    """The node of the managers' list with that id, that name or an id that begins so. Raises ``RefusedError``."""
    listed = [node for node in draft.nodes.values() if node.membership is not Membership.OUTSIDE]
    for found in (
        [node for node in listed if node.id == name],
        [node for node in listed if name and name in (node.name, node.spec_name)],
        [node for node in listed if name and node.id.startswith(name)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise RefusedError(f"node {name} is ambiguous ({len(found)} matches found)", Refusal.UNKNOWN)
    raise RefusedError(f"node {name} not found", Refusal.NOT_FOUND)


def update(draft: Draft, command: UpdateNode) -> str:
    """Change a node's role, availability, labels or name. Raises ``RefusedError``."""
    node = find(draft, command.node)
    if command.version is not None and command.version != node.meta.version:
        raise RefusedError("update out of sequence", Refusal.UNKNOWN)
    if command.role is NodeRole.WORKER and node.manages and sum(each.manages for each in draft.nodes.values()) == 1:
        raise RefusedError("attempting to demote the last manager of the swarm", Refusal.FAILED_PRECONDITION)
    draft.nodes[node.id] = replace(
        node,
        role=command.role,
        availability=command.availability,
        labels=command.labels,
        spec_name=command.spec_name,
    )
    return f"node {node.name} updated: {', '.join(_changes(node, command)) or 'nothing changed'}"


def _changes(node: Node, command: UpdateNode) -> list[str]:
    changes = []
    if command.role is not node.role:
        changes.append(f"a {command.role}")
    if command.availability is not node.availability:
        changes.append(f"availability {command.availability}")
    if command.labels != node.labels:
        changes.append("other labels")
    return changes


def removable(draft: Draft, command: RemoveNode) -> Node:
    """The node to remove, if it can be. Raises ``RefusedError``; a manager is first to be demoted, ``force`` or not."""
    node = find(draft, command.node)
    if node.role is NodeRole.MANAGER:
        raise RefusedError(
            f"node {node.id} is a cluster manager and is a member of the raft cluster. "
            "It must be demoted to worker before removal",
            Refusal.FAILED_PRECONDITION,
        )
    if node.status is NodeStatus.READY and not command.force:
        raise RefusedError(f"node {node.id} is not down and can't be removed", Refusal.FAILED_PRECONDITION)
    return node


def forget(draft: Draft, node: Node) -> None:
    """Strike a record that left, with the tasks it had: what they held is free."""
    for task in list(draft.tasks.values()):
        if task.node == node.id:
            tasks.release(draft, task.attachments)
            del draft.tasks[task.id]
    del draft.nodes[node.id]
