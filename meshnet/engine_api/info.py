"""What ``docker info`` shows of an engine, its part in the swarm included."""

from __future__ import annotations

import os
from typing import Any

from meshnet.engine_api import images
from meshnet.engine_api.context import Context
from meshnet.engine_api.engine_version import of_generation
from meshnet.engine_api.instants import written
from meshnet.engine_api.swarm_json import cluster_json
from meshnet.model import Container, ContainerState, Node, Task

Json = dict[str, Any]


_BRIDGED_THROUGH_FILTER = (1, 50)
"""Since this version, engines don't say any more whether bridges pass through the packet filter."""


def of(context: Context, version: tuple[int, int]) -> Json:
    """The body of ``GET /info`` for a client of that API version."""
    state, node = context.state, context.node
    tasks = [task for task in state.tasks.values() if task.node == node.id]
    others = [container for container in state.containers.values() if container.node == node.id]
    running = sum(map(_runs, tasks)) + sum(map(_runs, others))
    total = sum(1 for task in tasks if task.placed or task.ended) + len(others)
    return {
        "ID": node.id.upper(),
        "Containers": total,
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": total - running,
        "Images": len(images.listed(state, context.engines.catalogue)),
        "Driver": "none",
        "DriverStatus": [],
        "Plugins": {
            "Volume": [],
            "Network": ["bridge", "host", "null", "overlay"],
            "Authorization": None,
            "Log": ["json-file"],
        },
        "MemoryLimit": False,
        "SwapLimit": False,
        "CpuCfsPeriod": False,
        "CpuCfsQuota": False,
        "CPUShares": False,
        "CPUSet": False,
        "PidsLimit": False,
        "OomKillDisable": False,
        "IPv4Forwarding": True,
        **({"BridgeNfIptables": True, "BridgeNfIp6tables": True} if version < _BRIDGED_THROUGH_FILTER else {}),
        "Debug": False,
        "NFd": 0,
        "NGoroutines": 0,
        "SystemTime": written(context.engines.now()),
        "LoggingDriver": "json-file",
        "CgroupDriver": "none",
        "CgroupVersion": "1",
        "NEventsListener": 0,
        "KernelVersion": os.uname().release,
        "OperatingSystem": "meshnet",
        "OSVersion": "",
        "OSType": "linux",
        "Architecture": "x86_64",
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": None,
        "NCPU": os.cpu_count() or 1,
        "MemTotal": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "GenericResources": None,
        "DockerRootDir": "/var/lib/docker",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": node.name,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": of_generation(node.generation),
        "Runtimes": {"runc": {"path": "runc"}},
        "DefaultRuntime": "runc",
        "Swarm": _swarm(context, node),
        "LiveRestoreEnabled": False,
        "Isolation": "",
        "InitBinary": "",
        "ContainerdCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""},
        "SecurityOptions": [],
        "Warnings": None,
    }


def _runs(each: Task | Container) -> bool:
    return each.placed if isinstance(each, Task) else each.state is ContainerState.RUNNING


def _swarm(context: Context, node: Node) -> Json:
    state = context.state
    if not node.member:
        return {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        }
    managers = [each for each in state.nodes.values() if each.manages]
    shown: Json = {
        "NodeID": node.id,
        "NodeAddr": str(node.address.ip),
        "LocalNodeState": "active",
        "ControlAvailable": node.manages,
        "Error": "",
        "RemoteManagers": [{"NodeID": each.id, "Addr": f"{each.address.ip}:2377"} for each in managers],
    }
    if node.manages and state.swarm is not None:
        shown["Nodes"] = sum(1 for each in state.nodes.values() if each.member)
        shown["Managers"] = len(managers)
        shown["Cluster"] = cluster_json(state.swarm)
    return shown
