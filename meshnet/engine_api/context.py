"""Which lab and which of its nodes a request is for."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from meshnet.engine_api.containers.programs import Execs
from meshnet.engine_api.notices import Hub
from meshnet.errors import Refusal, RefusedError
from meshnet.lab.engines import Engines
from meshnet.model import ClusterState, Node

NOT_IN_A_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
NOT_A_MANAGER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this "
    "command on a manager node or promote the current node to a manager."
)


@dataclass(frozen=True)
class Context:
    """A node's engine: ``node`` is the machine's name, ``hub`` the lab's events, ``execs`` the programs
    started in its containers."""

    engines: Engines
    machine: str
    hub: Hub
    execs: Execs = field(default_factory=Execs)

    @property
    def state(self) -> ClusterState:
        return self.engines.state

    @property
    def node(self) -> Node:
        """The machine's record of now."""
        node = self.state.node_named(self.machine)
        assert node is not None, f"every machine of a lab has a record, and {self.machine} has none"
        return node

    def manager(self) -> Node:
        """The node, if it manages the swarm. Raises ``RefusedError`` in Docker's words otherwise."""
        node = self.node
        if not node.manages:
            raise RefusedError(NOT_A_MANAGER if node.member else NOT_IN_A_SWARM, Refusal.UNAVAILABLE)
        return node


CONTEXT: web.AppKey[Context] = web.AppKey("context", Context)


def context_of(request: web.Request) -> Context:
    return request.app[CONTEXT]
