"""The network of a lab."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mininet.topo import Topo
from mininet.util import numCores

from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.net.bridge import Bridge
from meshnet.lab.net.host import LabHost
from meshnet.lab.net.interface import VethIntf
from meshnet.lab.net.link import LabNode, VethLink
from meshnet.lab.net.stock import Mininet
from meshnet.lab.net.wiring import Wiring
from topo.machines import UNDERLAY
from topo.names import check_host, check_interface
from topo.ports import mac_of_port

_RUN_FOLDER = Path("/run/meshnet")
_BRIDGE_FILTER = Path("/proc/sys/net/bridge")
_SHAPING = ("delay", "jitter", "loss", "bw", "max_queue_size")


class LabNet(Mininet):  # type: ignore[misc]  # Mininet has no types
    """Mininet, in the namespaces that the calling thread is in: switches and their cables' ends are made there
    (``namespace``), so it has to be the lab's own network namespace, with a ``/run`` of its own.

    It takes ``Mininet``'s arguments; of node, link and interface classes only its own are used, and no controller.
    ``environment`` is what programs on nodes find when they are given none. Without ``shaping`` links have no delay,
    loss or rate, whatever the topology says.
    """

    def __init__(
        self,
        topo: Topo | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        shaping: bool = True,
        folder: Path = _RUN_FOLDER,
        **options: Any,
    ) -> None:
        Mininet.inited = True  # it would set sysctls of the whole machine
        numCores.ncores = os.cpu_count()  # it would run grep
        self.namespace = NetNamespace.current()
        self.wiring = Wiring(self.namespace, "the lab")
        self.wiring.set_up("lo")
        self._environment = dict(os.environ if environment is None else environment)
        self._shaping = shaping
        folder.mkdir(parents=True, exist_ok=True)
        self._hosts_file = folder / "hosts"
        self._hosts_file.touch()
        _let_bridges_be_bridges()
        ours = {"switch": Bridge, "host": LabHost, "link": VethLink, "intf": VethIntf, "controller": None}
        super().__init__(topo, **{"ipBase": UNDERLAY, **options, **ours})

    def addHost(self, name: str, cls: Any = None, **params: Any) -> LabHost:
        """Add a host; any ``cls`` of stock Mininet's gives way to ours."""
        given = {"environment": self._environment, "hosts_file": self._hosts_file}
        host: LabHost = super().addHost(check_host(name), cls=_ours(cls, LabHost), **given, **params)
        return host

    def addSwitch(self, name: str, cls: Any = None, **params: Any) -> Bridge:
        given = {"environment": self._environment, "wiring": self.wiring}
        switch: Bridge = super().addSwitch(check_interface(name, "switch"), cls=_ours(cls, Bridge), **given, **params)
        return switch

    def addLink(self, node1: LabNode | str, node2: LabNode | str, cls: Any = None, **params: Any) -> VethLink:
        """Add a link. Its ends' MACs follow from the nodes' names, unless they are given."""
        nodes = [self[node] if isinstance(node, str) else node for node in (node1, node2)]
        for end, node in enumerate(nodes, 1):
            port = params.get(f"port{end}")
            params.setdefault(f"addr{end}", mac_of_port(node.name, node.newPort() if port is None else port))
        if not self._shaping:
            params = {name: value for name, value in params.items() if name not in _SHAPING}
        link: VethLink = super().addLink(*nodes, cls=_ours(cls, VethLink), **params)
        return link

    def configHosts(self) -> None:
        super().configHosts()
        self.write_hosts_file()

    def write_hosts_file(self) -> None:
        """Let every node's ``/etc/hosts`` name every host by its first address."""
        lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
        lines += [f"{host.IP()}\t{host.name}" for host in self.hosts if host.intfs and host.IP()]
        self._hosts_file.write_text("".join(f"{line}\n" for line in lines))

    def stop(self) -> None:
        """Delete what stands in the lab's own namespace, all at once, then end every shell and drop every host's
        namespaces. A lab that ends needn't: all of it goes with its first process."""
        standing = set(self.wiring.names())
        ours = {name for switch in self.switches for name in (switch.name, *switch.intfNames())} - {"lo"}
        self.wiring.delete(*(ours & standing))
        for node in (*self.hosts, *self.switches):
            node.terminate()


def _ours(cls: Any, base: type) -> type:
    return cls if isinstance(cls, type) and issubclass(cls, base) else base


def _let_bridges_be_bridges() -> None:
    """With br_netfilter loaded, every new network namespace has its iptables look at bridged frames, too."""
    for table in ("arptables", "iptables", "ip6tables"):
        with suppress(FileNotFoundError):
            (_BRIDGE_FILTER / f"bridge-nf-call-{table}").write_text("0")
