"""Nodes in the Engine API's form."""

from __future__ import annotations

import os
from typing import Any

from meshnet.engine_api.engine_version import of_generation
from meshnet.engine_api.swarm_json import meta_json
from meshnet.model import ClusterState, Node, NodeStatus

Json = dict[str, Any]

_NANOCPUS = 1_000_000_000
_PLUGINS = tuple({"Type": "Network", "Name": name} for name in ("bridge", "host", "null", "overlay"))


def node_json(state: ClusterState, node: Node) -> Json:
    """A node as its managers know it."""
    shown: Json = {
        "ID": node.id,
        **meta_json(node.meta),
        "Spec": {
            **({"Name": node.spec_name} if node.spec_name else {}),
            "Labels": dict(node.labels),
            "Role": node.role,
            "Availability": node.availability,
        },
        "Description": {
            "Hostname": node.name,
            "Platform": {"Architecture": "x86_64", "OS": "linux"},
            "Resources": {
                "NanoCPUs": (os.cpu_count() or 1) * _NANOCPUS,
                "MemoryBytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            },
            "Engine": {"EngineVersion": of_generation(node.generation), "Plugins": list(_PLUGINS)},
            "TLSInfo": {},
        },
        "Status": {"State": node.status, "Addr": str(node.address.ip)},
    }
    if node.status is NodeStatus.DOWN:
        shown["Status"]["Message"] = "heartbeat failure"
    if node.manages:
        shown["ManagerStatus"] = {
            **({"Leader": True} if node.id == state.leader.id else {}),
            "Reachability": "reachable",
            "Addr": f"{node.address.ip}:2377",
        }
    return shown
