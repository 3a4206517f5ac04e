"""A host of the topology: a manager, a worker, a client or a router."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

from meshnet.errors import KernelError
from meshnet.lab.net.inside import run
from meshnet.lab.net.interior import Interior, make_interior
from meshnet.lab.net.shell import ShellNode
from meshnet.lab.net.wiring import Wiring
from topo.route import ROUTER_SYSCTLS, StaticRoute

_EVERYWHERE = IPv4Network("0.0.0.0/0")


class LabHost(ShellNode):
    """``interior`` has its namespaces. What Mininet lets one say about a host is done by netlink, not in a shell."""

    def __init__(
        self,
        name: str,
        *,
        role: str = "client",
        hosts_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **params: Any,
    ) -> None:
        private = [
            folder if isinstance(folder, str) else (folder[0], folder[1] % {"name": name})
            for folder in params.get("privateDirs", ())
        ]
        try:
            self.interior: Interior = make_interior(name, hosts_file, private)
        except OSError as error:
            raise KernelError(f"{name}: no namespaces for this host: {error}", errno=error.errno or 0) from error
        self.role = role
        super().__init__(name, inside=self.interior.inside, environment=environment, **params)

    @property
    def wiring(self) -> Wiring:
        return self.interior.wiring

    @property
    def address(self) -> IPv4Interface:
        """The address on the underlay, of the first interface."""
        return IPv4Interface((self.IP(), int(self.defaultIntf().prefixLen)))

    def config(
        self,
        mac: str | None = None,
        ip: str | None = None,
        defaultRoute: Any = None,
        lo: str = "up",
        routes: tuple[StaticRoute, ...] = (),
        **params: Any,
    ) -> dict[str, Any]:
        """Mininet calls it once the links are there. ``routes`` are a router's, which also forwards."""
        done: dict[str, Any] = {}
        self.wiring.set_up("lo", lo == "up")
        self.setParam(done, "setMAC", mac=mac)
        self.setParam(done, "setIP", ip=ip)
        self.setParam(done, "setDefaultRoute", defaultRoute=defaultRoute)
        if self.role == "router":
            self.set_sysctls(ROUTER_SYSCTLS)
        for route in routes:
            self.wiring.set_route(route.destination, via=route.via)
        return done

    def set_sysctls(self, values: Mapping[str, str]) -> None:
        """Write settings of the node's network namespace, by their dotted names."""

        def write() -> None:
            for name, value in values.items():
                Path("/proc/sys", *name.split(".")).write_text(value)

        run(self.inside, write)

    def setDefaultRoute(self, intf: Any = None) -> None:
        """``via ADDRESS``, ``dev NAME via ADDRESS``, or an interface."""
        words = str(intf).split()
        options = dict(zip(words[::2], words[1::2], strict=False)) if len(words) > 1 else {"dev": words[0]}
        via = (IPv4Address(options["via"]),) if "via" in options else ()
        self.wiring.set_route(_EVERYWHERE, via=via, interface=options.get("dev"))

    def setHostRoute(self, ip: str, intf: Any) -> None:
        self.wiring.set_route(IPv4Network(ip), interface=str(intf))

    def setARP(self, ip: str, mac: str) -> None:
        self.wiring.add_neighbour(str(self.defaultIntf()), IPv4Address(ip), mac)

    def deleteIntfs(self, checkName: bool = True) -> None:
        """Pull every cable. Mininet would leave those whose name isn't the host's, lest they be the machine's own."""
        for interface in self.intfList():
            interface.delete()

    def terminate(self) -> None:
        """End its shell and let go of its namespaces: with them go its links."""
        if not self.terminated:
            super().terminate()
            self.interior.close()
