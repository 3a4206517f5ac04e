"""What ``docker create`` and ``docker run`` ask for, as the model has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from meshnet.engine_api import images
from meshnet.engine_api.given import Given
from meshnet.errors import InputError, Refusal, RefusedError
from meshnet.lab.workloads import Catalogue
from meshnet.model import SECOND, ContainerSpec, PortConfig, Protocol, PublishMode, RestartCondition
from meshnet.model.bridge import DEFAULT_BRIDGE
from meshnet.model.image import tagged

_RESTART = {
    "": RestartCondition.NONE,
    "no": RestartCondition.NONE,
    "on-failure": RestartCondition.ON_FAILURE,
    "always": RestartCondition.ANY,
    "unless-stopped": RestartCondition.ANY,
}
_NO_MOUNTS = "mounts and volumes are not available here: a lab's containers have no file system of their own"
_MOUNTS = ("Binds", "Mounts", "VolumesFrom")
_WITHOUT_BEARING = ("Memory", "NanoCpus", "CpuShares", "CpuQuota", "PidsLimit", "Privileged", "CapAdd", "Dns", "Links")
"""Settings of ``HostConfig`` that somebody may count on, and that do nothing here."""


def container_spec(name: str, body: Given, catalogue: Catalogue) -> tuple[ContainerSpec, list[str]]:
    """A body of ``POST /containers/create``, and warnings about what of it does nothing. Raises ``RefusedError``."""
    image = body.text("Image")
    if not image:
        raise RefusedError("invalid reference format: a container is made of an image")
    check_image(image, catalogue)
    host = body.within("HostConfig")
    _check_mounts(body, host)
    policy = host.within("RestartPolicy")
    policy_name = policy.text("Name")
    if policy_name not in _RESTART:
        raise RefusedError(
            f"invalid restart policy: unknown policy '{policy_name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    endpoints = _endpoints(body)
    made = images.made(image, catalogue.entry(image))
    spec = ContainerSpec(
        name=name,
        image=image,
        command=body.line("Entrypoint"),
        args=body.line("Cmd"),
        env=body.words("Env"),
        hostname=body.text("Hostname"),
        networks=_networks(endpoints, host),
        aliases={network: aliases for network, one in endpoints.items() if (aliases := one.words("Aliases"))},
        addresses={
            network: wished
            for network, one in endpoints.items()
            if (wished := one.within("IPAMConfig").text("IPv4Address"))
        },
        ports=tuple(_ports(host, (*made.ports, *body.objects("ExposedPorts")))),
        labels=body.names("Labels"),
        terminal=body.flag("Tty"),
        open_stdin=body.flag("OpenStdin"),
        auto_remove=host.flag("AutoRemove"),
        restart=_RESTART[policy_name],
        max_attempts=policy.number("MaximumRetryCount"),
        stop_signal=body.text("StopSignal"),
        stop_grace=body.number("StopTimeout") * SECOND if "StopTimeout" in body else None,
        extras=_extras(body, host, policy_name),
    )
    _check_together(spec)
    return spec, list(_warnings(host, endpoints))


def check_image(image: str, catalogue: Catalogue) -> None:
    """Raises ``RefusedError`` for one that is not in the catalogue: the client then tries to pull it."""
    try:
        catalogue.check(image)
    except InputError as error:
        raise RefusedError(f"No such image: {tagged(image)}", Refusal.NOT_FOUND) from error


def _check_mounts(body: Given, host: Given) -> None:
    if body.objects("Volumes") or host.objects("Tmpfs") or any(host.has(key) for key in _MOUNTS):
        raise RefusedError(_NO_MOUNTS)


def _check_together(spec: ContainerSpec) -> None:
    if spec.auto_remove and spec.restart is not RestartCondition.NONE:
        raise RefusedError("can't create 'AutoRemove' container with restart policy")
    if spec.max_attempts and spec.restart is not RestartCondition.ON_FAILURE:
        raise RefusedError("invalid restart policy: maximum retry count can only be used with 'on-failure'")


def _networks(endpoints: Collection[str], host: Given) -> tuple[str, ...]:
    """The network that ``NetworkMode`` names, and those that ``NetworkingConfig`` has besides."""
    mode = host.text("NetworkMode") or "default"
    if mode.startswith("container:"):
        raise RefusedError("a container with another one's network is not available here", Refusal.UNIMPLEMENTED)
    first = DEFAULT_BRIDGE if mode == "default" else mode
    others = [DEFAULT_BRIDGE if name == "default" else name for name in endpoints]
    names = tuple(dict.fromkeys([first, *others]))
    return () if names == (DEFAULT_BRIDGE,) else names


def _endpoints(body: Given) -> dict[str, Given]:
    return body.within("NetworkingConfig").objects("EndpointsConfig")


def _wished(endpoint: Given) -> str:
    return endpoint.within("IPAMConfig").text("IPv4Address")


def _ports(host: Given, exposed: tuple[str, ...]) -> Iterator[PortConfig]:
    numbers = {
        port: [one.text("HostPort") for one in bound] or [""] for port, bound in host.lists("PortBindings").items()
    }
    if host.flag("PublishAllPorts"):
        numbers = {**{port: [""] for port in exposed}, **numbers}
    for text, wanted in numbers.items():
        target, protocol = _port(text)
        for number in dict.fromkeys(map(_number, wanted)):
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


def _extras(body: Given, host: Given, policy: str) -> dict[str, object]:
    return {
        "Config": body.rest(_SAID_ELSEWHERE),
        "HostConfig": host.rest(("NetworkMode", "RestartPolicy", "AutoRemove")),
        "RestartPolicy": policy or "no",
    }


def _warnings(host: Given, endpoints: Mapping[str, Given]) -> Iterator[str]:
    for key in _WITHOUT_BEARING:
        if host.has(key):
            yield f"{key} has no effect here."
    for bound in host.lists("PortBindings").values():
        for one in bound:
            address = one.text("HostIp")
            if address not in ("", "0.0.0.0", "::"):
                yield f"The port is published on every address, not on {address} alone."
    for network, endpoint in endpoints.items():
        if endpoint.text("MacAddress"):
            yield f"The MAC address on {network} follows from the IP address here."
