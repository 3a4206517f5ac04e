"""Which keys of a Compose file are taken, which are passed over with a note, and which are refused, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from meshnet.compose.document import Document, Place, dotted

EXTENSION = "x-"
"""Keys that begin so are anybody's own, at every level."""


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one kind of mapping: those that are ``taken``, and for the others the reason."""

    taken: tuple[str, ...]
    ignored: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


_DISKS = "a lab has no disks"
_LIMITS = "a lab sets a task no limits"
_RIGHTS = "a lab gives every task the same rights"
_STREAMS = "tasks have no terminal"
_RESOLVER = "the lab's resolver answers every task alike"
_STATIC = "a swarm gives the addresses; a lab's story can settle them in lab.yaml"

TOP = Section(
    taken=("version", "name", "services", "networks", "configs", "secrets"),
    ignored={"volumes": _DISKS},
    refused={"include": "name the files one after another with --stack"},
)

SERVICE = Section(
    taken=(
        *("image", "command", "entrypoint", "environment", "labels", "networks", "ports", "deploy"),
        *("hostname", "stop_signal", "stop_grace_period", "configs", "secrets"),
    ),
    ignored={
        **dict.fromkeys(("volumes", "volumes_from", "tmpfs", "read_only", "storage_opt", "working_dir"), _DISKS),
        **dict.fromkeys(
            ("cpus", "cpuset", "mem_limit", "mem_reservation", "pids_limit", "shm_size", "ulimits", "oom_score_adj"),
            _LIMITS,
        ),
        **dict.fromkeys(
            ("cap_add", "cap_drop", "cgroup_parent", "devices", "group_add", "ipc", "isolation", "pid", "privileged"),
            _RIGHTS,
        ),
        **dict.fromkeys(("runtime", "security_opt", "sysctls", "user", "userns_mode"), _RIGHTS),
        **dict.fromkeys(("stdin_open", "tty", "attach"), _STREAMS),
        **dict.fromkeys(("dns", "dns_opt", "dns_search", "domainname", "extra_hosts"), _RESOLVER),
        "credential_spec": _RIGHTS,
        "container_name": "the swarm names containers, as Docker says, too",
        "depends_on": "a swarm starts services in no order, as Docker says, too",
        "expose": "on an overlay network every port is open",
        "healthcheck": "a task counts as healthy as soon as it runs",
        "init": "a task's first process is its command",
        "logging": "logs are kept in memory, whatever the driver",
        "mac_address": "an endpoint's MAC follows from its address",
        "platform": "all nodes are alike",
        "profiles": "a swarm starts every service, as Docker says, too",
        "pull_policy": "images are not pulled",
        "restart": "a swarm restarts by deploy.restart_policy, as Docker says, too",
    },
    refused={
        "build": "images are not built here; name one of the catalogue with image",
        "env_file": "write the variables under environment",
        "extends": "write the service out",
        "external_links": "put both services on one network",
        "links": "put both services on one network",
        "network_mode": "a swarm's service joins the networks it lists",
        "scale": "write deploy.replicas",
    },
)

DEPLOY = Section(
    taken=(
        *("mode", "replicas", "endpoint_mode", "placement", "labels"),
        *("restart_policy", "update_config", "rollback_config"),
    ),
    ignored={"resources": _LIMITS},
)

RESTART_POLICY = Section(taken=("condition", "delay", "max_attempts", "window"))

UPDATE_CONFIG = Section(
    taken=("parallelism", "delay", "failure_action", "monitor", "max_failure_ratio", "order"),
)

PLACEMENT = Section(
    taken=("constraints", "preferences", "max_replicas_per_node"),
)

STORED = Section(
    taken=("name", "file", "content", "environment", "external", "labels"),
    refused={
        "driver": "they are kept by the swarm itself",
        "driver_opts": "they are kept by the swarm itself",
        "template_driver": "they are given as they are",
    },
)

STORED_USE = Section(taken=("source", "target", "uid", "gid", "mode"))

PORT = Section(
    taken=("target", "published", "protocol", "mode"),
    ignored={"name": "it is for people", "app_protocol": "the mesh does not look into what it carries"},
    refused={"host_ip": "a swarm's port is published on every address of a node"},
)

SERVICE_NETWORK = Section(
    taken=("aliases",),
    ignored={"priority": "a swarm joins networks in the order of their ids"},
    refused={
        "driver_opts": "endpoints here take no options of a driver",
        "ipv4_address": _STATIC,
        "ipv6_address": _STATIC,
        "link_local_ips": _STATIC,
        "mac_address": "an endpoint's MAC follows from its address",
    },
)

NETWORK = Section(
    taken=("name", "driver", "driver_opts", "ipam", "attachable", "internal", "external", "labels", "enable_ipv6"),
)

IPAM = Section(taken=("driver", "config"), refused={"options": "addresses are given by Docker's own driver"})

IPAM_CONFIG = Section(
    taken=("subnet",),
    refused={
        "aux_addresses": "the gateway is all that is set apart",
        "gateway": "it is the subnet's first address",
        "ip_range": "addresses are given from all of the subnet",
    },
)

SECTIONS: tuple[tuple[Place, Section], ...] = (
    ((), TOP),
    (("services", "*"), SERVICE),
    (("services", "*", "deploy"), DEPLOY),
    (("services", "*", "deploy", "placement"), PLACEMENT),
    (("services", "*", "deploy", "placement", "preferences", "*"), Section(taken=("spread",))),
    (("services", "*", "deploy", "restart_policy"), RESTART_POLICY),
    (("services", "*", "deploy", "update_config"), UPDATE_CONFIG),
    (("services", "*", "deploy", "rollback_config"), UPDATE_CONFIG),
    *((("services", "*", kind, "*"), STORED_USE) for kind in ("configs", "secrets")),
    *(((kind, "*"), STORED) for kind in ("configs", "secrets")),
    (("services", "*", "ports", "*"), PORT),
    (("services", "*", "networks", "*"), SERVICE_NETWORK),
    (("networks", "*"), NETWORK),
    (("networks", "*", "ipam"), IPAM),
    (("networks", "*", "ipam", "config", "*"), IPAM_CONFIG),
)
"""Where the sections stand; ``*`` is any key or index."""


def screen(document: Document) -> tuple[Any, tuple[str, ...]]:
    """The document's values without keys that are passed over, and a sentence for each of those.

    Raises ``InputError`` for a key that is refused, with the reason, and for one that nobody knows, with the nearest
    that somebody does.
    """
    warnings: list[str] = []
    return _screened(document, document.data, (), warnings), tuple(warnings)


def unknown_key(key: str, section: Section) -> str:
    """What is wrong with a key that is in none of a section's lists."""
    known = (*section.taken, *section.ignored, *section.refused)
    near = get_close_matches(key, known, n=1)
    if near:
        return f"unknown key; did you mean {near[0]!r}?"
    return f"unknown key; the keys here are {', '.join(section.taken)}"


def _screened(document: Document, value: Any, place: Place, warnings: list[str]) -> Any:
    if isinstance(value, list):
        return [_screened(document, item, (*place, index), warnings) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    section = _section(place)
    kept = {}
    for key, item in value.items():
        inner = (*place, key)
        if section is not None and key not in section.taken:
            if key.startswith(EXTENSION):
                continue
            if key in section.refused:
                raise document.error(inner, f"not supported: {section.refused[key]}")
            if key not in section.ignored:
                raise document.error(inner, unknown_key(key, section))
            warnings.append(f"{document.where(inner)}: {dotted(inner)} is ignored: {section.ignored[key]}")
            continue
        kept[key] = _screened(document, item, inner, warnings)
    return kept


def _section(place: Place) -> Section | None:
    for pattern, section in SECTIONS:
        if len(pattern) == len(place) and all(part in ("*", here) for part, here in zip(pattern, place, strict=True)):
            return section
    return None
