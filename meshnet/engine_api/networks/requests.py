"""What ``docker network create`` asks for, as the model has it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from meshnet.errors import Refusal, RefusedError
from meshnet.model import NetworkSpec

ON_WORKER = "Cannot create a multi-host network from a worker node. Please create the network from a manager node."
DRIVERS = ("overlay", "bridge")


def driver(body: Mapping[str, Any]) -> str:
    """The driver asked for: ``overlay`` or ``bridge``. Raises ``RefusedError`` for another."""
    name = body.get("Driver") or "bridge"
    if name in DRIVERS:
        return str(name)
    if name in ("host", "null"):
        raise RefusedError(
            f"only one instance of {name!r} network is allowed".replace("'", '"'), Refusal.PERMISSION_DENIED
        )
    if name in ("macvlan", "ipvlan"):
        raise RefusedError(f"networks of the driver {name} are not available here", Refusal.UNIMPLEMENTED)
    raise RefusedError(f'could not find a plugin by name "{name}": plugin "{name}" not found', Refusal.NOT_FOUND)


def network_spec(body: Mapping[str, Any]) -> NetworkSpec:
    """A body of ``POST /networks/create``. Raises ``RefusedError`` for what there is not here."""
    name = body.get("Name") or ""
    if not name:
        raise RefusedError("network name cannot be empty")
    if body.get("EnableIPv6"):
        raise RefusedError("IPv6 networks are not available here", Refusal.UNIMPLEMENTED)
    if body.get("ConfigOnly") or (body.get("ConfigFrom") or {}).get("Network"):
        raise RefusedError("configuration networks are not available here", Refusal.UNIMPLEMENTED)
    subnet, gateway = _pool(body.get("IPAM") or {})
    return NetworkSpec(
        name=str(name),
        subnet=subnet,
        gateway=gateway,
        options=_words(body.get("Options")),
        labels=_words(body.get("Labels")),
        attachable=bool(body.get("Attachable")),
        internal=bool(body.get("Internal")),
        ingress=bool(body.get("Ingress")),
    )


def _words(given: Any) -> dict[str, str]:
    return {str(key): "" if value is None else str(value) for key, value in (given or {}).items()}


def _pool(ipam: Mapping[str, Any]) -> tuple[IPv4Network | None, IPv4Address | None]:
    driver_name = ipam.get("Driver") or "default"
    if driver_name != "default":
        raise RefusedError(f'could not find an IPAM driver by name "{driver_name}"', Refusal.NOT_FOUND)
    pools = [pool for pool in ipam.get("Config") or [] if pool]
    if len(pools) > 1:
        raise RefusedError("a network has one subnet here", Refusal.UNIMPLEMENTED)
    if not pools:
        return None, None
    pool = pools[0]
    if pool.get("IPRange"):
        raise RefusedError("a network gives addresses of its whole subnet here: no ip-range", Refusal.UNIMPLEMENTED)
    if pool.get("AuxiliaryAddresses") or pool.get("AuxAddress"):
        raise RefusedError("a network keeps no auxiliary addresses here", Refusal.UNIMPLEMENTED)
    return _subnet(str(pool.get("Subnet") or "")), _gateway(str(pool.get("Gateway") or ""))


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
