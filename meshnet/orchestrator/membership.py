"""Who is in the swarm: it is made, joined, left and changed as a whole.

docker-swarm-facts sections 5.1 and 5.3; moby daemon/cluster/swarm.go, swarmkit manager/controlapi/cluster.go. A lab
holds one swarm. When its last manager leaves it is gone, and the workers with it: in real life they would go on asking
for a manager that nobody is, here they are outside at once. Losing the quorum but not the last manager does no harm.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from meshnet.errors import Refusal, RefusedError
from meshnet.model import EngineState, Membership, Node, NodeId, NodeRole, NodeStatus, Story, Swarm
from meshnet.model.ids import swarm_id
from meshnet.orchestrator import addresses, balancers, networks, nodes, subnets
from meshnet.orchestrator.commands import InitSwarm, JoinSwarm, LeaveSwarm, RemoveNode, UpdateSwarm
from meshnet.orchestrator.draft import Draft

_ALREADY_IN = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
_LEAVING = "You are attempting to leave the swarm on a node that is participating as a manager. "
_LAST = "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message."
_QUORUM = "Removing this node leaves {} managers out of {}. Without a Raft quorum your swarm will be inaccessible. "
_CONSENSUS = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. "
    "Use `--force` to suppress this message."
)


def init(draft: Draft, command: InitSwarm, *, ingress_subnet: IPv4Network | None = None) -> str:
    """Make the swarm on a machine, with its ingress network. Raises ``RefusedError`` or ``AllocationError``."""
    node = _outsider(draft, command.node)
    if draft.swarm is not None:
        raise RefusedError(
            f"one lab holds one swarm, and {draft.leader.name} leads it: join that one with docker swarm join",
            Refusal.FAILED_PRECONDITION,
        )
    pool, prefix = subnets.parse_pool(command.pool, command.pool_prefix)
    name = swarm_id(f"swarm of {node.id}", 1)
    draft.swarm = Swarm(
        id=name,
        spec=command.spec,
        worker_token=_token(name, _secret(f"{name} worker")),
        manager_token=_token(name, _secret(f"{name} manager")),
        pool=pool,
        pool_prefix=prefix,
    )
    draft.next_vni, draft.last_subnet, draft.last_port = networks.FIRST_VNI, None, {}
    _enrol(draft, replace(node, role=NodeRole.MANAGER, availability=command.availability))
    networks.create_ingress(draft, ingress_subnet)
    return f"{node.name} formed a swarm"


def invitation(draft: Draft, name: str, role: NodeRole) -> JoinSwarm:
    """What a machine says to join in a role. Raises ``RefusedError`` when there is no swarm."""
    swarm = demanded(draft)
    return JoinSwarm(name, swarm.manager_token if role is NodeRole.MANAGER else swarm.worker_token)


def join(draft: Draft, command: JoinSwarm) -> str:
    """Let a machine in, as what its token says. Raises ``RefusedError``."""
    node = _outsider(draft, command.node)
    if draft.swarm is None:
        raise RefusedError(f"{node.name} finds no swarm to join: none has been made yet", Refusal.UNAVAILABLE)
    roles = {draft.swarm.worker_token: NodeRole.WORKER, draft.swarm.manager_token: NodeRole.MANAGER}
    role = roles.get(command.token)
    if role is None:
        raise RefusedError("A valid join token is necessary to join this cluster")
    _enrol(draft, replace(node, role=role, availability=command.availability))
    balancers.appear(draft, node.id)
    return f"{node.name} joined the swarm as a {role}"


def leave(draft: Draft, command: LeaveSwarm) -> str:
    """Let a machine go; the last manager takes the swarm with it. Raises ``RefusedError``."""
    node = nodes.machine(draft, command.node)
    if not node.member:
        raise RefusedError("This node is not part of a swarm", Refusal.UNAVAILABLE)
    managers = sum(other.manages for other in draft.nodes.values())
    if node.manages and not command.force:
        raise RefusedError(_LEAVING + _warning(managers), Refusal.UNAVAILABLE)
    if node.manages and managers == 1:
        _dissolve(draft)
        return f"{node.name} left the swarm, which is gone with its last manager"
    depart(draft, node)
    return f"{node.name} left the swarm"


def depart(draft: Draft, node: Node) -> None:
    """Turn a member into the record of one that left; its machine goes on outside, under a new id.

    The managers hear no more of its tasks, which stay in their list as on any node that is down.
    """
    _unplug(draft, node)
    balancers.vanish(draft, node.id)
    left = draft.nodes[node.id]
    _outside(draft, left)
    bare = EngineState(node.engine.docker0, node.engine.gwbridge, gwbridge_made=node.engine.gwbridge_made)
    draft.nodes[node.id] = replace(left, membership=Membership.LEFT, status=NodeStatus.DOWN, engine=bare)


def remove(draft: Draft, command: RemoveNode) -> str:
    """Strike a node from the list; one that is still a member is thrown out. Raises ``RefusedError``."""
    node = nodes.removable(draft, command)
    if node.member:
        depart(draft, node)
    nodes.forget(draft, node)
    return f"node {node.name} removed"


def update(draft: Draft, command: UpdateSwarm) -> str:
    """Change the swarm's settings, or its tokens. Raises ``RefusedError``."""
    swarm = demanded(draft)
    if command.version is not None and command.version != swarm.meta.version:
        raise RefusedError("update out of sequence", Refusal.UNKNOWN)
    worker, manager = swarm.worker_token, swarm.manager_token
    draft.swarm = replace(
        swarm,
        spec=command.spec,
        worker_token=_token(swarm.id, _secret(worker)) if command.rotate_worker_token else worker,
        manager_token=_token(swarm.id, _secret(manager)) if command.rotate_manager_token else manager,
    )
    return "swarm updated"


def demanded(draft: Draft) -> Swarm:
    """The swarm. Raises ``RefusedError`` in Docker's words where there is none."""
    if draft.swarm is None:
        raise RefusedError(networks.NO_SWARM, Refusal.UNAVAILABLE)
    return draft.swarm


def _outsider(draft: Draft, name: str) -> Node:
    node = nodes.machine(draft, name)
    if node.member:
        raise RefusedError(_ALREADY_IN, Refusal.UNAVAILABLE)
    return node


def _enrol(draft: Draft, node: Node) -> None:
    """Put it last among the nodes: the swarm's order is that of joining."""
    del draft.nodes[node.id]
    draft.nodes[node.id] = replace(node, membership=Membership.MEMBER, status=NodeStatus.READY)


def _warning(managers: int) -> str:
    """What Docker says to a manager that leaves, all managers being reachable."""
    if managers == 1:
        return _LAST
    quorum_lost = (managers - 1) * 2 <= managers
    return (_QUORUM.format(managers - 1, managers) if quorum_lost else "") + _CONSENSUS


def _dissolve(draft: Draft) -> None:
    for table in (draft.services, draft.tasks, draft.networks, draft.stored):
        table.clear()
    for memory in (draft.taken, draft.last_address, draft.balancers):
        memory.clear()
    for node in list(draft.nodes.values()):
        if node.member:
            _unplug(draft, node)
            _outside(draft, node)
        elif node.membership is Membership.LEFT:
            del draft.nodes[node.id]
    draft.swarm, draft.story = None, Story()


def _unplug(draft: Draft, node: Node) -> None:
    """Take the machine's own containers off overlay networks; they run on without them."""
    for container in list(draft.containers.values()):
        if container.node != node.id or not container.attachments:
            continue
        for attachment in container.attachments:
            network = draft.networks.get(attachment.network)
            if network is not None:
                addresses.release(draft, network, attachment.address.ip)
        draft.containers[container.id] = replace(container, attachments=())


def _outside(draft: Draft, node: Node) -> None:
    """Let a record that is outside take a member's place, with its engine and what is that engine's own."""
    outside = Node(
        id=NodeId(draft.new_swarm_id()),
        name=node.name,
        role=NodeRole.WORKER,
        generation=node.generation,
        address=node.address,
        engine=node.engine,
        membership=Membership.OUTSIDE,
    )
    del draft.nodes[node.id]
    draft.nodes[outside.id] = outside
    for container in list(draft.containers.values()):
        if container.node == node.id:
            draft.containers[container.id] = replace(container, node=outside.id)
    for bridge in list(draft.bridges.values()):
        if bridge.node == node.id:
            draft.bridges[bridge.id] = replace(bridge, node=outside.id)


def _token(swarm: str, secret: str) -> str:
    """The first part is the same for all of a swarm's tokens: Docker's is a digest of its certificate."""
    return f"SWMTKN-1-{swarm_id(swarm, 1)}{swarm_id(swarm, 2)}-{secret}"


def _secret(before: str) -> str:
    """25 base-36 characters that follow from ``before``: the next token's secret from the last token."""
    return swarm_id(before, 1)
