"""The swarm itself in the Engine API's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def spec_from_json(body: Mapping[str, Any]) -> SwarmSpec:
    """What somebody asks of a swarm; what is not said is as Docker has it."""
    default = SwarmSpec()
    orchestration = body.get("Orchestration") or {}
    dispatcher = body.get("Dispatcher") or {}
    known = ("Name", "Labels", "Orchestration", "Dispatcher")
    history = orchestration.get("TaskHistoryRetentionLimit")
    return SwarmSpec(
        name=str(body.get("Name") or default.name),
        labels={str(key): str(value) for key, value in (body.get("Labels") or {}).items()},
        history=default.history if history is None else int(history),
        heartbeat=int(dispatcher.get("HeartbeatPeriod") or default.heartbeat),
        extras={key: value for key, value in body.items() if key not in known and value},
    )
