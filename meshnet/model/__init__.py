"""Docker Swarm's own vocabulary as frozen values: what there is, never how it is done."""

from meshnet.model.bridge import BridgeNetwork
from meshnet.model.clock import MILLISECOND, MINUTE, SECOND
from meshnet.model.cluster import ClusterState, Counters, Event
from meshnet.model.constraint import Constraint
from meshnet.model.container import Container, ContainerSpec, ContainerState, NetworkMode
from meshnet.model.ids import ContainerId, NetworkId, NodeId, ServiceId, TaskId, short_id
from meshnet.model.meta import Meta
from meshnet.model.network import DATA_PATH_PORT, OVERLAY_MTU, Network
from meshnet.model.node import Availability, EngineState, Generation, Membership, Node, NodeRole, NodeStatus
from meshnet.model.policy import (
    FailureAction,
    RestartCondition,
    RestartPolicy,
    Rollout,
    UpdateConfig,
    UpdateOrder,
    UpdateState,
    UpdateStatus,
)
from meshnet.model.service import EndpointMode, PortConfig, Protocol, PublishMode, Service, ServiceMode, ServiceSpec
from meshnet.model.stack import NetworkSpec, Stack, StoredSpec
from meshnet.model.stored import Stored, StoredFile, StoredId, StoredKind
from meshnet.model.story import NetworkStory, NodeStory, ServiceStory, Story, TaskStory
from meshnet.model.swarm import Swarm, SwarmSpec
from meshnet.model.task import Attachment, Task, TaskState

__all__ = [
    "DATA_PATH_PORT",
    "MILLISECOND",
    "MINUTE",
    "OVERLAY_MTU",
    "SECOND",
    "Attachment",
    "Availability",
    "BridgeNetwork",
    "ClusterState",
    "Constraint",
    "Container",
    "ContainerId",
    "ContainerSpec",
    "ContainerState",
    "Counters",
    "EndpointMode",
    "EngineState",
    "Event",
    "FailureAction",
    "Generation",
    "Membership",
    "Meta",
    "Network",
    "NetworkId",
    "NetworkMode",
    "NetworkSpec",
    "NetworkStory",
    "Node",
    "NodeId",
    "NodeRole",
    "NodeStatus",
    "NodeStory",
    "PortConfig",
    "Protocol",
    "PublishMode",
    "RestartCondition",
    "RestartPolicy",
    "Rollout",
    "Service",
    "ServiceId",
    "ServiceMode",
    "ServiceSpec",
    "ServiceStory",
    "Stack",
    "Stored",
    "StoredFile",
    "StoredId",
    "StoredKind",
    "StoredSpec",
    "Story",
    "Swarm",
    "SwarmSpec",
    "Task",
    "TaskId",
    "TaskState",
    "TaskStory",
    "UpdateConfig",
    "UpdateOrder",
    "UpdateState",
    "UpdateStatus",
    "short_id",
]
