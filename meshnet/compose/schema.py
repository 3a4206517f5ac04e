"""A Compose file as far as it bears on the mesh, checked by pydantic. ``keys`` has dropped everything else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, field_validator, model_validator

from meshnet.compose import values
from meshnet.compose.deploy import DeployFile
from meshnet.compose.files import StoredEntry, StoredUse
from meshnet.compose.strict import Strict
from meshnet.model import EndpointMode, PortConfig, Protocol, PublishMode


class PortFile(Strict):
    """One entry of ``ports``: a port, or a range of them. ``where`` is its file and line."""

    target: values.Ports
    published: values.PublishedPorts = None
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"
    mode: Literal["ingress", "host"] = "ingress"

    _where: str = PrivateAttr("")

    @model_validator(mode="after")
    def _as_many(self) -> PortFile:
        if self.published is not None and _count(self.published) != _count(self.target):
            raise ValueError(
                f"{_count(self.published)} published ports do not go with {_count(self.target)} of the service"
            )
        return self

    def configs(self) -> tuple[PortConfig, ...]:
        """The ports, one by one."""
        first = 0 if self.published is None else self.published[0]
        return tuple(
            PortConfig(
                target=self.target[0] + step,
                published=first and first + step,
                protocol=Protocol(self.protocol),
                mode=PublishMode(self.mode),
            )
            for step in range(_count(self.target))
        )


class ServiceNetworkFile(Strict):
    aliases: list[str] = []


class ServiceFile(Strict):
    image: str | None = None
    command: values.Words = []
    entrypoint: values.Words = []
    environment: values.Pairs = {}
    labels: values.Pairs = {}
    networks: Annotated[dict[str, ServiceNetworkFile], BeforeValidator(values.names_to_mappings)] = {}
    ports: list[Annotated[PortFile, BeforeValidator(values.port)]] = []
    deploy: DeployFile = DeployFile()
    hostname: str = ""
    stop_signal: str = ""
    stop_grace_period: values.Duration | None = None
    configs: list[Annotated[StoredUse, BeforeValidator(values.source)]] = []
    secrets: list[Annotated[StoredUse, BeforeValidator(values.source)]] = []

    @property
    def endpoint_mode(self) -> EndpointMode:
        return EndpointMode(self.deploy.endpoint_mode)


class IpamConfigFile(Strict):
    subnet: values.Subnet


class IpamFile(Strict):
    driver: Literal["default"] = "default"
    config: Annotated[list[IpamConfigFile], Field(max_length=1)] = []

    @field_validator("config", mode="before")
    @classmethod
    def _one(cls, config: Any) -> Any:
        if isinstance(config, list) and len(config) > 1:
            raise ValueError("a network here has one subnet")
        return config


class ExternalFile(Strict):
    name: str = ""


def _external(value: Any) -> Any:
    """``external: {name: X}`` is how it was written before 3.5."""
    return {} if value is True else None if value is False else value


class NetworkFile(Strict):
    name: str = ""
    driver: str = "overlay"
    driver_opts: values.Pairs = {}
    ipam: IpamFile = IpamFile()
    attachable: bool = False
    internal: bool = False
    external: Annotated[ExternalFile | None, BeforeValidator(_external)] = None
    labels: values.Pairs = {}
    enable_ipv6: bool = False

    @field_validator("driver")
    @classmethod
    def _overlay(cls, driver: str) -> str:
        if driver != "overlay":
            raise ValueError(f"{driver!r} is not supported: a swarm's services are on overlay networks")
        return driver

    @field_validator("driver_opts")
    @classmethod
    def _options(cls, options: dict[str, str | None]) -> dict[str, str | None]:
        for option, why in REFUSED_OPTIONS.items():
            if option in options:
                raise ValueError(f"the option {option!r} is not supported: {why}")
        return options

    @field_validator("enable_ipv6")
    @classmethod
    def _version_4(cls, enabled: bool) -> bool:
        if enabled:
            raise ValueError("not supported: the mesh balances IPv4 only")
        return enabled


REFUSED_OPTIONS = {
    "dsr": "the balancers here translate addresses",
    "encrypted": "the overlays here carry no ESP yet",
}


class StackFile(Strict):
    version: Any = None
    name: str = ""
    services: Annotated[dict[str, ServiceFile], BeforeValidator(values.settings)] = {}
    networks: Annotated[dict[str, NetworkFile], BeforeValidator(values.settings)] = {}
    configs: dict[str, StoredEntry] = {}
    secrets: dict[str, StoredEntry] = {}


def _count(ports: tuple[int, int]) -> int:
    return ports[1] - ports[0] + 1
