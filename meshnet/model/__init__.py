"""Docker Swarm's own vocabulary as frozen values: what there is, never how it is done."""

from meshnet.model.cluster import ClusterState, Counters, Event
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
from meshnet.model.task import Attachment, Task, TaskState

__all__ = [
    "DATA_PATH_PORT",
    "OVERLAY_MTU",
    "Attachment",
    "Availability",
    "ClusterState",
    "ContainerId",
    "Counters",
    "EndpointMode",
    "EngineState",
    "Event",
    "Generation",
    "Network",
    "NetworkId",
    "Node",
    "NodeId",
    "NodeRole",
    "PortConfig",
    "Protocol",
    "PublishMode",
    "Service",
    "ServiceId",
    "ServiceSpec",
    "Task",
    "TaskId",
    "TaskState",
    "short_id",
]
