"""Docker Swarm's own vocabulary as frozen values: what there is, never how it is done."""

from meshnet.model.cluster import ClusterState, Counters, Event
from meshnet.model.constraint import Constraint
from meshnet.model.ids import ContainerId, NetworkId, NodeId, ServiceId, TaskId, short_id
from meshnet.model.network import DATA_PATH_PORT, OVERLAY_MTU, Network
from meshnet.model.node import (
    Availability,
    EngineState,
    Generation,
    Node,
    NodeRole,
)
from meshnet.model.service import (
    EndpointMode,
    PortConfig,
    Protocol,
    PublishMode,
    Service,
    ServiceSpec,
)
from meshnet.model.stack import NetworkSpec, Stack
from meshnet.model.story import NetworkStory, NodeStory, ServiceStory, Story, TaskStory
from meshnet.model.task import Attachment, Task, TaskState

__all__ = [
    "DATA_PATH_PORT",
    "OVERLAY_MTU",
    "Attachment",
    "Availability",
    "ClusterState",
    "Constraint",
    "ContainerId",
    "Counters",
    "EndpointMode",
    "EngineState",
    "Event",
    "Generation",
    "Network",
    "NetworkId",
    "NetworkSpec",
    "NetworkStory",
    "Node",
    "NodeId",
    "NodeRole",
    "NodeStory",
    "PortConfig",
    "Protocol",
    "PublishMode",
    "Service",
    "ServiceId",
    "ServiceSpec",
    "ServiceStory",
    "Stack",
    "Story",
    "Task",
    "TaskId",
    "TaskState",
    "TaskStory",
    "short_id",
]
