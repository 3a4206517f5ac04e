"""What the topologies here share: checked parameters, and hosts that know their role and address."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

from mininet.topo import Topo

from meshnet.errors import InputError
from topo.machines import Machine, mac_of
from topo.names import check_host, check_interface
from topo.route import StaticRoute, stock_router


class LabTopo(Topo):  # type: ignore[misc]  # Mininet has no types
    """A topology whose ``build`` says in its signature which parameters there are.

    Any other, and any value that makes no network, is an ``InputError`` before a thing is built.
    """

    def __init__(self, *args: Any, **params: Any) -> None:
        known = parameters(type(self))
        unknown = [name for name in params if name not in known and name not in ("hopts", "sopts", "lopts")]
        if unknown or len(args) > len(known):
            what = f"no parameter {unknown[0]!r}" if unknown else f"no more than {len(known)} parameters"
            raise InputError(f"{type(self).__name__} has {what}; it takes {', '.join(known)}")
        super().__init__(*args, **params)

    def add_lan(self, name: str) -> str:
        """A switch. Its name ends in a number of its own in this topology: Mininet makes a datapath id of that."""
        self.addSwitch(check_interface(name, "switch"))
        return name

    def add_machine(self, machine: Machine, lan: str, gateway: IPv4Address | None = None) -> str:
        """A host with one leg, ``eth0``, on ``lan``."""
        options: dict[str, Any] = {"ip": str(machine.address), "role": machine.role}
        if gateway is not None:
            options["defaultRoute"] = f"via {gateway}"
        self.addHost(check_host(machine.name), **options)
        self.add_leg(machine.name, machine.address, lan)
        return machine.name

    def add_router(self, name: str, address: IPv4Interface, routes: tuple[StaticRoute, ...]) -> str:
        """A host that forwards; ``address`` is that of its first leg."""
        self.addHost(check_host(name), ip=str(address), role="router", routes=routes, cls=stock_router)
        return name

    def add_leg(self, host: str, address: IPv4Interface, lan: str) -> None:
        """Cable ``host`` to the switch ``lan``."""
        interface, mac, options = self._leg(host, address)
        self.addLink(host, lan, intfName1=interface, addr1=mac, params1=options)

    def add_cable(self, host: str, other: str, address: IPv4Interface, other_address: IPv4Interface) -> None:
        """Cable two hosts to each other."""
        interface, mac, options = self._leg(host, address)
        other_interface, other_mac, other_options = self._leg(other, other_address)
        self.addLink(
            host,
            other,
            intfName1=interface,
            intfName2=other_interface,
            addr1=mac,
            addr2=other_mac,
            params1=options,
            params2=other_options,
        )

    def _leg(self, host: str, address: IPv4Interface) -> tuple[str, str, dict[str, str]]:
        """Name, MAC and options of a host's next interface.

        The name is ``eth<n>``, as ``<host>-eth<n>`` can be too long for Linux. Mininet gives the first interface its
        address from the host's own options.
        """
        number = len(self.ports.get(host, {}))
        return f"eth{number}", mac_of(address.ip), {"ip": str(address)} if number else {}


def parameters(topology: type) -> Mapping[str, object]:
    """A topology's parameters and their defaults, in order."""
    build = topology.build  # type: ignore[attr-defined]
    code = build.__code__
    names = code.co_varnames[1 : code.co_argcount]
    return dict(zip(names, build.__defaults__ or (), strict=True))
