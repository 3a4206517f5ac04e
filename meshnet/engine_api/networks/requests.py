"""What ``docker network create`` asks for, as the model has it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from meshnet.engine_api.given import Given
from meshnet.errors import Refusal, RefusedError
from meshnet.model import NetworkSpec

ON_WORKER = "Cannot create a multi-host network from a worker node. Please create the network from a manager node."
DRIVERS = ("overlay", "bridge")


def driver(body: Given) -> str:
    """The driver asked for: ``overlay`` or ``bridge``. Raises ``RefusedError`` for another."""
    name = body.text("Driver") or "bridge"
    if name in DRIVERS:
        return name
    if name in ("host", "null"):
        raise RefusedError(f'only one instance of "{name}" network is allowed', Refusal.PERMISSION_DENIED)
    if name in ("macvlan", "ipvlan"):
        raise RefusedError(f"networks of the driver {name} are not available here", Refusal.UNIMPLEMENTED)
    raise RefusedError(f'could not find a plugin by name "{name}": plugin "{name}" not found', Refusal.NOT_FOUND)


def network_spec(body: Given) -> NetworkSpec:
    """A body of ``POST /networks/create``. Raises ``RefusedError`` for what there is not here."""
    name = body.text("Name")
    if not name.strip():
        raise RefusedError("network name cannot be empty")
    if body.flag("EnableIPv6"):
        raise RefusedError("IPv6 networks are not available here", Refusal.UNIMPLEMENTED)
    if body.flag("ConfigOnly") or body.within("ConfigFrom").text("Network"):
        raise RefusedError("configuration networks are not available here", Refusal.UNIMPLEMENTED)
    subnet, gateway = _pool(body.within("IPAM"))
    return NetworkSpec(
        name=name,
        subnet=subnet,
        gateway=gateway,
        options=body.names("Options"),
        labels=body.names("Labels"),
        attachable=body.flag("Attachable"),
        internal=body.flag("Internal"),
        ingress=body.flag("Ingress"),
    )


def _pool(ipam: Given) -> tuple[IPv4Network | None, IPv4Address | None]:
    driver_name = ipam.text("Driver") or "default"
    if driver_name != "default":
        raise RefusedError(f'could not find an IPAM driver by name "{driver_name}"', Refusal.NOT_FOUND)
    pools = list(ipam.each("Config"))
    if len(pools) > 1:
        raise RefusedError("a network has one subnet here", Refusal.UNIMPLEMENTED)
    if not pools:
        return None, None
    pool = pools[0]
    if pool.text("IPRange"):
        raise RefusedError("a network gives addresses of its whole subnet here: no ip-range", Refusal.UNIMPLEMENTED)
    if pool.has("AuxiliaryAddresses") or pool.has("AuxAddress"):
        raise RefusedError("a network keeps no auxiliary addresses here", Refusal.UNIMPLEMENTED)
    return _subnet(pool.text("Subnet")), _gateway(pool.text("Gateway"))


def _subnet(text: str) -> IPv4Network | None:
    if not text:
        return None
    try:
        return IPv4Network(text)
    except ValueError:
        pass
    try:
        inside = IPv4Network(text, strict=False)
    except ValueError as error:
        raise RefusedError(f"invalid network config: invalid subnet {text}: invalid CIDR block notation") from error
    raise RefusedError(f"invalid network config: invalid subnet {text}: it should be {inside}")


def _gateway(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text.partition("/")[0]) if text else None
    except ValueError as error:
        raise RefusedError(f"invalid network config: invalid gateway {text}: invalid address") from error
