"""Containers as ``docker ps`` and ``docker inspect`` get them (API 1.41 to 1.50)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface
from typing import Any

from meshnet.engine_api import images
from meshnet.engine_api.containers.durations import human
from meshnet.engine_api.containers.residents import RESTARTING, Resident
from meshnet.engine_api.instants import written
from meshnet.engine_api.networks import endpoints
from meshnet.engine_api.networks.endpoints import Endpoint
from meshnet.mesh.names import mac_of
from meshnet.model import SECOND, ClusterState, PortConfig

Json = dict[str, Any]

_FOLDER = "/var/lib/docker/containers"


def status_text(resident: Resident, now: int) -> str:
    """The STATUS column."""
    if resident.running:
        return f"Up {human(now - resident.started)}"
    if resident.status == RESTARTING:
        return f"Restarting ({resident.exit_code}) {human(now - resident.finished)} ago"
    if resident.status == "exited":
        return f"Exited ({resident.exit_code}) {human(now - resident.finished)} ago"
    return "Created"


def summary(state: ClusterState, resident: Resident, now: int, *, size: bool = False) -> Json:
    """A row of ``docker ps``."""
    places = endpoints.of_resident(state, resident)
    sizes = {"SizeRw": 0, "SizeRootFs": images.SIZE} if size else {}
    return {
        "Id": resident.id,
        "Names": [f"/{resident.name}"],
        "Image": resident.image.partition("@")[0],
        "ImageID": images.image_id(resident.image),
        "Command": _command_line(resident.argv),
        "Created": resident.created // SECOND,
        "Ports": _port_rows(resident),
        **sizes,
        "Labels": dict(resident.labels),
        "State": resident.status,
        "Status": status_text(resident, now),
        "HostConfig": {"NetworkMode": _network_mode(resident)},
        "NetworkSettings": {"Networks": {place.network: _endpoint(resident, place) for place in places}},
        "Mounts": [],
    }


def details(state: ClusterState, resident: Resident, execs: Sequence[str] = (), *, size: bool = False) -> Json:
    """What ``docker inspect`` shows."""
    folder = f"{_FOLDER}/{resident.id}"
    argv = resident.argv
    sizes = {"SizeRw": 0, "SizeRootFs": images.SIZE} if size else {}
    return {
        "Id": resident.id,
        "Created": written(resident.created),
        "Path": argv[0] if argv else "",
        "Args": list(argv[1:]),
        "State": _state(resident),
        "Image": images.image_id(resident.image),
        "ResolvConfPath": f"{folder}/resolv.conf",
        "HostnamePath": f"{folder}/hostname",
        "HostsPath": f"{folder}/hosts",
        "LogPath": f"{folder}/{resident.id}-json.log",
        "Name": f"/{resident.name}",
        "RestartCount": resident.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(execs) or None,
        "HostConfig": _host_config(resident),
        "GraphDriver": {"Data": None, "Name": "overlay2"},
        **sizes,
        "Mounts": [],
        "Config": _config(resident),
        "NetworkSettings": _network_settings(state, resident),
    }


def exposed(resident: Resident) -> list[str]:
    """The ports its image and whoever made it say it listens on, as ``80/tcp``."""
    asked = _extra(resident, "Config").get("ExposedPorts") or {}
    published = [f"{port.target}/{port.protocol}" for port in resident.ports]
    return list(dict.fromkeys([*resident.made.ports, *asked, *published]))


def _extra(resident: Resident, part: str) -> Mapping[str, Any]:
    found = resident.extras.get(part)
    return found if isinstance(found, Mapping) else {}


def _command_line(argv: Sequence[str]) -> str:
    if not argv:
        return ""
    return " ".join([argv[0], *(f"'{word}'" if " " in word else word for word in argv[1:])])


def _port_rows(resident: Resident) -> list[Json]:
    if not resident.running or resident.on_host:
        return []
    rows: list[Json] = []
    for text in sorted(exposed(resident), key=lambda port: (int(port.partition("/")[0]), port)):
        number, _, protocol = text.partition("/")
        published = _published(resident, text)
        if not published:
            rows.append({"PrivatePort": int(number), "Type": protocol or "tcp"})
        for port in published:
            for address in ("0.0.0.0", "::"):
                rows.append(
                    {"IP": address, "PrivatePort": port.target, "PublicPort": port.published, "Type": port.protocol}
                )
    return rows


def _published(resident: Resident, text: str) -> list[PortConfig]:
    return [port for port in resident.ports if f"{port.target}/{port.protocol}" == text and port.published]


def _state(resident: Resident) -> Json:
    return {
        "Status": resident.status,
        "Running": resident.status in ("running", RESTARTING),
        "Paused": False,
        "Restarting": resident.status == RESTARTING,
        "OOMKilled": False,
        "Dead": False,
        "Pid": resident.pid,
        "ExitCode": resident.exit_code,
        "Error": resident.error,
        "StartedAt": written(resident.started),
        "FinishedAt": written(resident.finished),
    }


def _network_mode(resident: Resident) -> str:
    if resident.is_task:
        return "default"
    return resident.networks[0] if resident.networks else "bridge"


def _host_config(resident: Resident) -> Json:
    bindings: dict[str, list[Json]] = {}
    for port in resident.ports:
        if not resident.is_task:
            bound = bindings.setdefault(f"{port.target}/{port.protocol}", [])
            bound.append({"HostIp": "", "HostPort": str(port.published or "")})
    return {
        "Binds": None,
        "ContainerIDFile": "",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "VolumeDriver": "",
        "VolumesFrom": None,
        "ConsoleSize": [0, 0],
        "CapAdd": None,
        "CapDrop": None,
        "CgroupnsMode": "private",
        "Dns": None,
        "DnsOptions": None,
        "DnsSearch": None,
        "ExtraHosts": None,
        "GroupAdd": None,
        "IpcMode": "private",
        "Cgroup": "",
        "Links": None,
        "OomScoreAdj": 0,
        "PidMode": "",
        "Privileged": False,
        "PublishAllPorts": False,
        "ReadonlyRootfs": False,
        "SecurityOpt": None,
        "UTSMode": "",
        "UsernsMode": "",
        "ShmSize": 67108864,
        "Runtime": "runc",
        "Isolation": "",
        "CpuShares": 0,
        "Memory": 0,
        "NanoCpus": 0,
        "CgroupParent": "",
        "BlkioWeight": 0,
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpusetCpus": "",
        "CpusetMems": "",
        "Devices": [],
        "DeviceCgroupRules": None,
        "DeviceRequests": None,
        "MemoryReservation": 0,
        "MemorySwap": 0,
        "MemorySwappiness": None,
        "OomKillDisable": None,
        "PidsLimit": None,
        "Ulimits": [],
        **_extra(resident, "HostConfig"),
        "NetworkMode": _network_mode(resident),
        "PortBindings": bindings or _extra(resident, "HostConfig").get("PortBindings") or {},
        "RestartPolicy": {"Name": resident.restart, "MaximumRetryCount": resident.max_attempts},
        "AutoRemove": resident.auto_remove,
    }


def _config(resident: Resident) -> Json:
    made = resident.made
    config: Json = {
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "StdinOnce": False,
        "Volumes": None,
        "WorkingDir": "",
        "OnBuild": None,
        **_extra(resident, "Config"),
        "Hostname": resident.hostname,
        "Tty": resident.terminal,
        "OpenStdin": resident.open_stdin,
        "Env": list(resident.env),
        "Cmd": list(resident.args or (() if resident.command else made.command)) or None,
        "Image": resident.image,
        "Entrypoint": list(resident.command or made.entrypoint) or None,
        "Labels": dict(resident.labels),
        "ExposedPorts": {port: {} for port in exposed(resident)},
    }
    if resident.stop_signal:
        config["StopSignal"] = resident.stop_signal
    return config


def _network_settings(state: ClusterState, resident: Resident) -> Json:
    places = endpoints.of_resident(state, resident)
    default = next((place for place in places if place.network == "bridge"), None)
    placed = resident.running
    return {
        "Bridge": "",
        "SandboxID": resident.sandbox if placed else "",
        "SandboxKey": _sandbox_key(resident) if placed else "",
        "Ports": _port_map(resident) if placed else {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **_addresses(default or Endpoint("", "")),
        "Networks": {place.network: _endpoint(resident, place) for place in places},
    }


def _sandbox_key(resident: Resident) -> str:
    return f"/var/run/docker/netns/{'default' if resident.on_host else resident.sandbox[:12]}"


def _port_map(resident: Resident) -> Json:
    if resident.on_host:
        return {}
    return {
        text: [
            {"HostIp": address, "HostPort": str(port.published)}
            for port in _published(resident, text)
            for address in ("0.0.0.0", "::")
        ]
        or None
        for text in exposed(resident)
    }


def _addresses(place: Endpoint) -> Json:
    """The part of an endpoint that the default bridge's container shows of itself, too."""
    address: IPv4Interface | None = place.address
    return {
        "EndpointID": place.id,
        "Gateway": str(place.gateway or ""),
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": str(address.ip) if address else "",
        "IPPrefixLen": address.network.prefixlen if address else 0,
        "IPv6Gateway": "",
        "MacAddress": mac_of(address.ip) if address else "",
    }


def _endpoint(resident: Resident, place: Endpoint) -> Json:
    wished = resident.addresses.get(place.network)
    if resident.is_task and place.address is not None and place.network != "bridge":
        wished = str(place.address.ip)
    aliases = list(resident.aliases.get(place.network, ()))
    named = place.network not in ("bridge", "host", "none")
    names = list(dict.fromkeys([resident.name, *aliases, resident.short])) if named else None
    return {
        "IPAMConfig": {"IPv4Address": wished} if wished else None,
        "Links": None,
        "Aliases": ([*aliases, resident.short] if resident.is_task else aliases) or None,
        "DriverOpts": None,
        "GwPriority": 0,
        "NetworkID": place.network_id,
        **_addresses(place),
        "DNSNames": names,
    }
