"""What ``docker create`` and ``docker run`` ask for, as the model has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshnet.engine_api import images
from meshnet.errors import InputError, Refusal, RefusedError
from meshnet.lab.workloads import Catalogue
from meshnet.model import SECOND, ContainerSpec, NetworkMode, PortConfig, Protocol, PublishMode, RestartCondition
from meshnet.model.bridge import DEFAULT_BRIDGE

_RESTART = {
    "": RestartCondition.NONE,
    "no": RestartCondition.NONE,
    "on-failure": RestartCondition.ON_FAILURE,
    "always": RestartCondition.ANY,
    "unless-stopped": RestartCondition.ANY,
}
_NO_MOUNTS = "mounts and volumes are not available here: a lab's containers have no file system of their own"
_WITHOUT_BEARING = ("Memory", "NanoCpus", "CpuShares", "CpuQuota", "PidsLimit", "Privileged", "CapAdd", "Dns", "Links")
"""Settings of ``HostConfig`` that somebody may count on, and that do nothing here."""


def container_spec(name: str, body: Mapping[str, Any], catalogue: Catalogue) -> tuple[ContainerSpec, list[str]]:
    """A body of ``POST /containers/create``, and warnings about what of it does nothing. Raises ``RefusedError``."""
    image = str(body.get("Image") or "")
    if not image:
        raise RefusedError("no command specified" if not body else "image reference must not be empty")
    check_image(image, catalogue)
    host = _mapping(body, "HostConfig")
    _check_mounts(body, host)
    policy = _mapping(host, "RestartPolicy")
    policy_name = str(policy.get("Name") or "")
    if policy_name not in _RESTART:
        raise RefusedError(
            f"invalid restart policy: unknown policy '{policy_name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    networks = _networks(body, host)
    endpoints = _endpoints(body)
    made = images.made(image, catalogue.entry(image))
    timeout = body.get("StopTimeout")
    spec = ContainerSpec(
        name=name,
        image=image,
        command=_words(body.get("Entrypoint")),
        args=_words(body.get("Cmd")),
        env=_words(body.get("Env")),
        hostname=str(body.get("Hostname") or ""),
        networks=networks,
        aliases={network: aliases for network, one in endpoints.items() if (aliases := _words(one.get("Aliases")))},
        addresses={network: address for network, one in endpoints.items() if (address := _wished(one))},
        ports=tuple(_ports(host, (*made.ports, *(body.get("ExposedPorts") or {})))),
        labels={str(key): str(value) for key, value in (body.get("Labels") or {}).items()},
        terminal=bool(body.get("Tty")),
        open_stdin=bool(body.get("OpenStdin")),
        auto_remove=bool(host.get("AutoRemove")),
        restart=_RESTART[policy_name],
        max_attempts=int(policy.get("MaximumRetryCount") or 0),
        stop_signal=str(body.get("StopSignal") or ""),
        stop_grace=None if timeout is None else int(timeout) * SECOND,
        extras=_extras(body, host, policy_name),
    )
    _check_together(spec)
    return spec, list(_warnings(host, endpoints))


def check_image(image: str, catalogue: Catalogue) -> None:
    """Raises ``RefusedError`` for one that is not in the catalogue: the client then tries to pull it."""
    try:
        catalogue.check(image)
    except InputError as error:
        named = image if "@" in image else _tagged(image)
        raise RefusedError(f"No such image: {named}", Refusal.NOT_FOUND) from error


def _tagged(image: str) -> str:
    last = image.rpartition("/")[2]
    return image if ":" in last else f"{image}:{images.DEFAULT_TAG}"


def _mapping(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = body.get(key) or {}
    if not isinstance(found, Mapping):
        raise RefusedError(f"{key} is an object, not {found!r}")
    return found


def _words(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(str(word) for word in given)


def _check_mounts(body: Mapping[str, Any], host: Mapping[str, Any]) -> None:
    if body.get("Volumes") or any(host.get(key) for key in ("Binds", "Mounts", "VolumesFrom", "Tmpfs")):
        raise RefusedError(_NO_MOUNTS)


def _check_together(spec: ContainerSpec) -> None:
    if spec.auto_remove and spec.restart is not RestartCondition.NONE:
        raise RefusedError("can't create 'AutoRemove' container with restart policy")
    if spec.max_attempts and spec.restart is not RestartCondition.ON_FAILURE:
        raise RefusedError("invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if NetworkMode.HOST in spec.networks and spec.hostname:
        return
    if spec.max_attempts < 0:
        raise RefusedError("invalid restart policy: maximum retry count cannot be negative")


def _networks(body: Mapping[str, Any], host: Mapping[str, Any]) -> tuple[str, ...]:
    """The network that ``NetworkMode`` names, and those that ``NetworkingConfig`` has besides."""
    mode = str(host.get("NetworkMode") or "default")
    if mode.startswith("container:"):
        raise RefusedError("a container with another one's network is not available here", Refusal.UNIMPLEMENTED)
    first = DEFAULT_BRIDGE if mode == "default" else mode
    others = [DEFAULT_BRIDGE if name == "default" else name for name in _endpoints(body)]
    names = tuple(dict.fromkeys([first, *others]))
    return () if names == (DEFAULT_BRIDGE,) else names


def _endpoints(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = _mapping(body, "NetworkingConfig").get("EndpointsConfig") or {}
    return {str(name): endpoint or {} for name, endpoint in found.items()}


def _wished(endpoint: Mapping[str, Any]) -> str:
    return str((endpoint.get("IPAMConfig") or {}).get("IPv4Address") or "")


def _ports(host: Mapping[str, Any], exposed: tuple[str, ...]) -> Iterator[PortConfig]:
    bindings: dict[str, list[Mapping[str, Any]]] = {
        str(port): list(bound or [{}]) for port, bound in (host.get("PortBindings") or {}).items()
    }
    if host.get("PublishAllPorts"):
        bindings = {**{port: [{}] for port in exposed}, **bindings}
    for text, bound in bindings.items():
        target, protocol = _port(text)
        for number in dict.fromkeys(_number(str(one.get("HostPort") or "")) for one in bound):
            yield PortConfig(target, number, protocol, PublishMode.HOST)


def _port(text: str) -> tuple[int, Protocol]:
    number, _, protocol = text.partition("/")
    try:
        return _in_range(number), Protocol((protocol or "tcp").lower())
    except ValueError as error:
        raise RefusedError(f"invalid port specification: {text!r}") from error


def _number(text: str) -> int:
    """A host's port, or the first of a range; 0 for whichever is free."""
    first = text.partition("-")[0]
    try:
        return _in_range(first) if first and first != "0" else 0
    except ValueError as error:
        raise RefusedError(f"invalid port specification: {text!r}") from error


def _in_range(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise ValueError(text)
    return number


_SAID_ELSEWHERE = frozenset(
    {
        *("Image", "Entrypoint", "Cmd", "Env", "Hostname", "Labels", "Tty", "OpenStdin", "StopSignal"),
        *("HostConfig", "NetworkingConfig", "Volumes"),
    }
)


def _extras(body: Mapping[str, Any], host: Mapping[str, Any], policy: str) -> dict[str, object]:
    return {
        "Config": {key: value for key, value in body.items() if key not in _SAID_ELSEWHERE},
        "HostConfig": dict(host),
        "RestartPolicy": policy or "no",
    }


def _warnings(host: Mapping[str, Any], endpoints: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key in _WITHOUT_BEARING:
        if host.get(key):
            yield f"{key} has no effect here."
    for bound in (host.get("PortBindings") or {}).values():
        for one in bound or ():
            address = str(one.get("HostIp") or "")
            if address not in ("", "0.0.0.0", "::"):
                yield f"The port is published on every address, not on {address} alone."
    for network, endpoint in endpoints.items():
        if endpoint.get("MacAddress"):
            yield f"The MAC address on {network} follows from the IP address here."
