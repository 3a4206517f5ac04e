"""The swarm itself in the Engine API's form."""

from __future__ import annotations

from typing import Any

from meshnet.engine_api.answers import HttpError
from meshnet.engine_api.given import Given
from meshnet.engine_api.instants import written
from meshnet.model import Meta, Swarm, SwarmSpec
from meshnet.model.network import DATA_PATH_PORT

Json = dict[str, Any]

_RAFT = {
    "SnapshotInterval": 10000,
    "KeepOldSnapshots": 0,
    "LogEntriesForSlowFollowers": 500,
    "ElectionTick": 10,
    "HeartbeatTick": 1,
}
LOCKED = "a lab's swarm is never locked"
_CERTIFICATES = {"NodeCertExpiry": 7776000000000000}


def meta_json(meta: Meta) -> Json:
    """What every object of the swarm begins with, its id apart."""
    return {
        "Version": {"Index": meta.version},
        "CreatedAt": written(meta.created),
        "UpdatedAt": written(meta.updated),
    }


def cluster_json(swarm: Swarm) -> Json:
    """As ``docker info`` has it: without the tokens."""
    return {
        "ID": swarm.id,
        **meta_json(swarm.meta),
        "Spec": spec_json(swarm.spec),
        "TLSInfo": {},
        "RootRotationInProgress": False,
        "DefaultAddrPool": [str(swarm.pool)],
        "SubnetSize": swarm.pool_prefix,
        "DataPathPort": DATA_PATH_PORT,
    }


def swarm_json(swarm: Swarm) -> Json:
    """The body of ``GET /swarm``."""
    tokens = {"Worker": swarm.worker_token, "Manager": swarm.manager_token}
    return {**cluster_json(swarm), "JoinTokens": tokens}


def spec_json(spec: SwarmSpec) -> Json:
    return {
        "Raft": _RAFT,
        "CAConfig": _CERTIFICATES,
        "TaskDefaults": {},
        "EncryptionConfig": {"AutoLockManagers": False},
        **spec.extras,
        "Name": spec.name,
        "Labels": dict(spec.labels),
        "Orchestration": {"TaskHistoryRetentionLimit": spec.history},
        "Dispatcher": {"HeartbeatPeriod": spec.heartbeat},
    }


def swarm_spec(given: Given) -> SwarmSpec:
    """What somebody asks of a swarm; what is not said is as Docker has it. Raises ``HttpError``."""
    if given.within("EncryptionConfig").flag("AutoLockManagers"):
        raise HttpError(400, LOCKED)
    default = SwarmSpec()
    return SwarmSpec(
        name=given.text("Name") or default.name,
        labels=given.names("Labels"),
        history=given.within("Orchestration").number("TaskHistoryRetentionLimit", default.history, least=-1 << 63),
        heartbeat=given.within("Dispatcher").number("HeartbeatPeriod") or default.heartbeat,
        extras=given.rest(("Name", "Labels", "Orchestration", "Dispatcher")),
    )
