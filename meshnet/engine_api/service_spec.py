"""Service specs between the Engine API's form and the model's.

What has no bearing on the mesh is kept as it came and given back, since clients send back the whole of what they got.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshnet.engine_api.answers import HttpError
from meshnet.engine_api.given import Given
from meshnet.engine_api.lookup import find
from meshnet.model import (
    ClusterState,
    EndpointMode,
    FailureAction,
    PortConfig,
    Protocol,
    PublishMode,
    RestartCondition,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    Stored,
    StoredFile,
    StoredKind,
    UpdateConfig,
    UpdateOrder,
)

_CONTAINER = (
    *("Image", "Labels", "Command", "Args", "Hostname", "Env", "StopSignal", "StopGracePeriod"),
    *("Configs", "Secrets", "Mounts", "Isolation"),
)
_TASK = ("ContainerSpec", "RestartPolicy", "Placement", "Networks", "ForceUpdate", "Runtime")
_LAST_PORT = 65535


def service_spec(state: ClusterState, body: Mapping[str, Any]) -> ServiceSpec:
    """The spec that a client asks for. Raises ``HttpError`` and ``RefusedError`` in Docker's words.

    The digest that clients pin an image to is left out: there is one image of each name here, and lists show names.
    """
    spec = Given(body, "ServiceSpec")
    task = spec.within("TaskTemplate")
    container = task.within("ContainerSpec")
    if not container.text("Image"):
        raise HttpError(400, "rpc error: code = InvalidArgument desc = ContainerSpec: image reference must be provided")
    _check_mounts(container)
    endpoint = spec.within("EndpointSpec")
    placement = task.within("Placement")
    networks = _networks(state, task if "Networks" in task else spec)
    mode, replicas = _mode(spec.within("Mode"))
    return ServiceSpec(
        name=spec.text("Name"),
        image=container.text("Image").partition("@")[0],
        command=container.words("Command"),
        args=container.words("Args"),
        env=container.words("Env"),
        hostname=container.text("Hostname"),
        mode=mode,
        replicas=replicas,
        networks=tuple(networks),
        aliases={name: aliases for name, aliases in networks.items() if aliases},
        ports=tuple(_port(port) for port in endpoint.each("Ports")),
        endpoint_mode=_choice(EndpointMode, endpoint.text("Mode"), "EndpointSpec: unknown mode"),
        constraints=placement.words("Constraints"),
        preferences=tuple(
            preference.within("Spread").text("SpreadDescriptor") for preference in placement.each("Preferences")
        ),
        max_replicas=placement.number("MaxReplicas"),
        labels=spec.names("Labels"),
        container_labels=container.names("Labels"),
        files=(*_files(state, container, StoredKind.CONFIG), *_files(state, container, StoredKind.SECRET)),
        stop_signal=container.text("StopSignal"),
        stop_grace=container.number("StopGracePeriod") if "StopGracePeriod" in container else None,
        restart=_restart(task.within("RestartPolicy")) if "RestartPolicy" in task else None,
        update=_update(spec.within("UpdateConfig")) if "UpdateConfig" in spec else None,
        rollback=_update(spec.within("RollbackConfig")) if "RollbackConfig" in spec else None,
        force_update=task.number("ForceUpdate"),
        container_extras=container.rest(_CONTAINER),
        task_extras=task.rest(_TASK),
    )


def _mode(mode: Given) -> tuple[ServiceMode, int]:
    for job in ("ReplicatedJob", "GlobalJob"):
        if job in mode:
            raise HttpError(501, f"service mode {job} is not supported here: a lab's services run on")
    if "Global" in mode:
        return ServiceMode.GLOBAL, 1
    return ServiceMode.REPLICATED, mode.within("Replicated").number("Replicas", 1)


def _networks(state: ClusterState, given: Given) -> dict[str, tuple[str, ...]]:
    """The names of the networks that are asked for by name or id, and the aliases there."""
    found: dict[str, tuple[str, ...]] = {}
    for each in given.each("Networks"):
        network = find(
            (network for network in state.networks.values() if not network.going),
            each.text("Target"),
            id_of=lambda network: network.id,
            name_of=lambda network: network.name,
            kind="network",
        )
        found[network.name] = each.words("Aliases")
    return found


def _port(port: Given) -> PortConfig:
    target, published = port.number("TargetPort"), port.number("PublishedPort")
    if not 0 < target <= _LAST_PORT or published > _LAST_PORT:
        raise HttpError(400, "rpc error: code = InvalidArgument desc = EndpointSpec: invalid port number")
    protocol = port.text("Protocol") or Protocol.TCP
    known = Protocol(protocol) if protocol in set(Protocol) else Protocol.TCP  # Docker stores an unknown one as tcp
    mode = _choice(PublishMode, port.text("PublishMode"), "EndpointSpec: unknown publish mode")
    return PortConfig(target, published, known, mode)


def _restart(policy: Given) -> RestartPolicy:
    default = RestartPolicy()
    return RestartPolicy(
        condition=_choice(RestartCondition, policy.text("Condition") or "any", "TaskSpec: unknown restart condition"),
        delay=policy.number("Delay", default.delay),
        max_attempts=policy.number("MaxAttempts"),
        window=policy.number("Window"),
    )


def _update(config: Given) -> UpdateConfig:
    """A number that isn't said is 0 to Go, but for the monitored time."""
    ratio = config.ratio("MaxFailureRatio")
    if not 0 <= ratio <= 1:
        said = "UpdateConfig: update-maxfailureratio cannot be less than 0 or bigger than 1"
        raise HttpError(400, f"rpc error: code = InvalidArgument desc = {said}")
    return UpdateConfig(
        parallelism=config.number("Parallelism"),
        delay=config.number("Delay"),
        failure_action=_choice(FailureAction, config.text("FailureAction") or "pause", "unrecognized update failure"),
        monitor=config.number("Monitor") or UpdateConfig().monitor,
        max_failure_ratio=ratio,
        order=_choice(UpdateOrder, config.text("Order") or "stop-first", "unrecognized update order"),
    )


def _check_mounts(container: Given) -> None:
    for mount in container.each("Mounts"):
        if mount.text("Type") != "tmpfs":
            raise HttpError(
                400,
                f"mount of type {mount.text('Type') or 'volume'} at {mount.text('Target')} refused: "
                "a lab has no disks to mount; tmpfs, configs and secrets are what there is",
            )


def _files(state: ClusterState, container: Given, kind: StoredKind) -> list[StoredFile]:
    """The configs or secrets a service wants. Raises ``HttpError`` for one that isn't there."""
    title = kind.capitalize()
    files = []
    for each in container.each(f"{title}s"):
        stored = _stored(state, kind, each.text(f"{title}ID") or each.text(f"{title}Name"))
        file = each.within("File")
        files.append(
            StoredFile(
                kind,
                stored.name,
                file.text("Name", stored.name),
                file.text("UID", "0"),
                file.text("GID", "0"),
                file.number("Mode", 0o444),
            )
        )
    return files


def _stored(state: ClusterState, kind: StoredKind, asked: str) -> Stored:
    ours = [stored for stored in state.stored.values() if stored.kind is kind]
    return find(ours, asked, id_of=lambda stored: stored.id, name_of=lambda stored: stored.name, kind=str(kind))


def _choice(kind: Any, text: str, otherwise: str) -> Any:
    """A member of an enumeration; the first where nothing is said."""
    if not text:
        return next(iter(kind))
    if text not in set(kind):
        raise HttpError(400, f"rpc error: code = InvalidArgument desc = {otherwise}: {text!r}")
    return kind(text)
