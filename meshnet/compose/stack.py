"""The stack that checked Compose files come to: names in full, networks that are used, ports that don't collide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshnet.compose.document import Document, Place, dotted
from meshnet.compose.files import StoredEntry, uses
from meshnet.compose.schema import NetworkFile, PortFile, ServiceFile, StackFile
from meshnet.errors import InputError
from meshnet.model import (
    EndpointMode,
    NetworkSpec,
    PortConfig,
    PublishMode,
    ServiceMode,
    ServiceSpec,
    Stack,
    StoredFile,
    StoredKind,
    StoredSpec,
)
from meshnet.model.image import tagged
from meshnet.model.names import check_name
from meshnet.model.network import INGRESS

DEFAULT_NETWORK = "default"
NAMESPACE_LABEL = "com.docker.stack.namespace"
IMAGE_LABEL = "com.docker.stack.image"
"""The image as the file has it: what the client sends instead may be more exact."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a stack comes from: its files, and the variables that services may take over from outside."""

    documents: tuple[Document, ...]
    variables: Mapping[str, str]

    def where(self, place: Place) -> str | None:
        """The file and line of a place: in the last file that has it."""
        for document in reversed(self.documents):
            if place in document.lines:
                return document.where(place)
        return str(self.documents[-1].path) if self.documents else None

    def folder(self, place: Place) -> Path:
        """The folder of the last file that has a place: where paths in it begin."""
        return next((document.path.parent for document in reversed(self.documents) if place in document.lines), Path())


def build(file: StackFile, origin: Origin) -> Stack:
    """Raises ``InputError`` for what is wrong only once everything is seen together."""
    if file.name:
        check_name(file.name, "stack", where=origin.where(("name",)))
    used = {key: None for service in file.services.values() for key in joined_networks(service)}
    networks = {key: _network(file, key, origin) for key in used}
    services = tuple(_service(file, key, networks, origin) for key in file.services)
    _check_ports(file, origin)
    stored = tuple(spec for kind in StoredKind for spec in _stored(file, kind, origin))
    return Stack(file.name, tuple(networks.values()), services, stored, tuple(_unused(file, used, origin)))


def full_name(file: StackFile, key: str) -> str:
    """As ``docker stack deploy`` calls a stack's own things."""
    return f"{file.name}_{key}" if file.name else key


def _labels(file: StackFile, labels: Mapping[str, str | None]) -> dict[str, str]:
    own = {name: value or "" for name, value in labels.items()}
    return {**own, NAMESPACE_LABEL: file.name} if file.name else own


def joined_networks(service: ServiceFile) -> tuple[str, ...]:
    """The keys of the networks a service is on: those it names, or the stack's default."""
    return tuple(service.networks) or (DEFAULT_NETWORK,)


def _network(file: StackFile, key: str, origin: Origin) -> NetworkSpec:
    place = ("networks", key)
    told = file.networks.get(key)
    if told is None and key != DEFAULT_NETWORK:
        users = [(name, service) for name, service in file.services.items() if key in service.networks]
        raise InputError(
            f"services.{users[0][0]}.networks: {key!r} is not defined under networks",
            where=origin.where(("services", users[0][0], "networks")),
        )
    told = told or NetworkFile()
    external = told.external
    name = told.name or (external.name if external else "") or (key if external else full_name(file, key))
    check_name(name, "network", where=origin.where(place))
    if name == INGRESS:
        raise InputError(
            f"networks.{key}: the swarm itself makes the network {INGRESS!r}; a service joins it by publishing a port",
            where=origin.where(place),
        )
    return NetworkSpec(
        name=name,
        subnet=told.ipam.config[0].subnet if told.ipam.config else None,
        options={option: value or "" for option, value in told.driver_opts.items()},
        labels=_labels(file, told.labels),
        attachable=told.attachable,
        internal=told.internal,
        external=external is not None,
    )


def _service(file: StackFile, key: str, networks: Mapping[str, NetworkSpec], origin: Origin) -> ServiceSpec:
    told, place = file.services[key], ("services", key)
    if not told.image:
        raise InputError(f"services.{key}: an image is wanted", where=origin.where(place))
    name = check_name(full_name(file, key), "service", where=origin.where(place))
    joined = {networks[network].name: _aliases(file, key, told, network) for network in joined_networks(told)}
    ports = tuple(port for entry in told.ports for port in entry.configs())
    labels = _labels(file, told.deploy.labels)
    image = told.image
    if file.name:  # what the docker client does to a service of a stack; the order of these means nothing
        joined = dict(sorted(joined.items()))
        ports = tuple(sorted(ports, key=lambda port: port.published))
        labels = {**labels, IMAGE_LABEL: image}
        image = tagged(image)
    return ServiceSpec(
        name=name,
        image=image,
        command=tuple(told.entrypoint),
        args=tuple(told.command),
        env=tuple(_environment(told, origin)),
        hostname=told.hostname,
        mode=ServiceMode(told.deploy.mode),
        replicas=1 if told.deploy.replicas is None else told.deploy.replicas,
        networks=tuple(joined),
        aliases={network: aliases for network, aliases in joined.items() if aliases},
        ports=ports,
        endpoint_mode=told.endpoint_mode,
        constraints=tuple(told.deploy.placement.constraints),
        preferences=tuple(preference.spread for preference in told.deploy.placement.preferences),
        max_replicas=told.deploy.placement.max_replicas_per_node,
        files=tuple(one for kind in StoredKind for one in _files(file, key, kind, origin)),
        stop_signal=told.stop_signal,
        stop_grace=told.stop_grace_period,
        restart=told.deploy.restart_policy.policy() if told.deploy.restart_policy else None,
        update=told.deploy.update_config.config() if told.deploy.update_config else None,
        rollback=told.deploy.rollback_config.config() if told.deploy.rollback_config else None,
        labels=labels,
        container_labels=_labels(file, told.labels),
    )


def _entries(file: StackFile, kind: StoredKind) -> Mapping[str, StoredEntry]:
    return file.configs if kind is StoredKind.CONFIG else file.secrets


def _stored(file: StackFile, kind: StoredKind, origin: Origin) -> Iterator[StoredSpec]:
    """What the stack makes of its own; external ones are there."""
    for key, entry in _entries(file, kind).items():
        if entry.external:
            continue
        place = (f"{kind}s", key)
        try:
            data = entry.data(origin.folder(place), origin.variables)
        except InputError as error:
            raise InputError(f"{dotted(place)}: {error}", where=origin.where(place)) from error
        yield StoredSpec(kind, entry.name or full_name(file, key), data, _labels(file, entry.labels))


def _files(file: StackFile, key: str, kind: StoredKind, origin: Origin) -> list[StoredFile]:
    entries = _entries(file, kind)
    names = {name: entry.name or (name if entry.external else full_name(file, name)) for name, entry in entries.items()}
    service = file.services[key]
    place = ("services", key, f"{kind}s")
    try:
        return list(uses(kind, service.configs if kind is StoredKind.CONFIG else service.secrets, names))
    except InputError as error:
        raise InputError(f"{dotted(place)}: {error}", where=origin.where(place)) from error


def _aliases(file: StackFile, key: str, service: ServiceFile, network: str) -> tuple[str, ...]:
    """Those given; in a stack with a name also what the service is called without it."""
    given = service.networks[network].aliases if network in service.networks else []
    return tuple(dict.fromkeys((*given, key) if file.name else given))


def _environment(service: ServiceFile, origin: Origin) -> Iterator[str]:
    """``NAME=value``; a name alone takes its value from outside, if it has one there."""
    for name, value in service.environment.items():
        if value is None:
            value = origin.variables.get(name)
        if value is not None:
            yield f"{name}={value}"


def _unused(file: StackFile, used: Mapping[str, None], origin: Origin) -> Iterator[str]:
    for key in file.networks:
        if key not in used:
            yield f"{origin.where(('networks', key))}: networks.{key} is not made: no service is on it"


def _check_ports(file: StackFile, origin: Origin) -> None:
    """Raise ``InputError`` for a port that two ask for, or one published in a way that its service rules out."""
    seen: dict[tuple[str, int], list[tuple[str, PortConfig, str]]] = {}
    for name, service in file.services.items():
        for entry in service.ports:
            _check_mode(name, service, entry)
            for port in entry.configs():
                if not port.published:
                    continue
                others = seen.setdefault((port.protocol, port.published), [])
                for other_name, other, where in others:
                    if name == other_name or PublishMode.INGRESS in (port.mode, other.mode):
                        raise InputError(_twice(port, name, other_name, where), where=entry._where)
                others.append((name, port, entry._where))


def _check_mode(name: str, service: ServiceFile, entry: PortFile) -> None:
    if service.endpoint_mode is EndpointMode.DNSRR and PublishMode(entry.mode) is PublishMode.INGRESS:
        raise InputError(
            f"services.{name}.ports: endpoint_mode dnsrr gives no VIP to publish a port by; say mode: host",
            where=entry._where,
        )


def _twice(port: PortConfig, name: str, other: str, where: str) -> str:
    by = f"by {name} twice" if name == other else f"by {other} ({where}) and by {name}"
    return f"services.{name}.ports: port {port.published}/{port.protocol} is published {by}"
