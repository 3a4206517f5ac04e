"""A switch of the topology: a Linux bridge in the lab's own namespace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshnet.lab.net.inside import Inside
from meshnet.lab.net.interface import VethIntf
from meshnet.lab.net.shell import ShellNode
from meshnet.lab.net.stock import Switch
from meshnet.lab.net.wiring import Wiring


class Bridge(ShellNode, Switch):  # type: ignore[misc]  # Mininet has no types
    """A bridge without spanning tree and without controller. It's there, and up, as soon as it's made: cables are
    plugged in as they come."""

    def __init__(
        self,
        name: str,
        *,
        wiring: Wiring,
        dpid: str | None = None,
        opts: str = "",
        listenPort: int | None = None,
        environment: Mapping[str, str] | None = None,
        **params: Any,
    ) -> None:
        self.wiring = wiring
        wiring.add_bridge(name)
        super().__init__(name, inside=Inside(), environment=environment, **{**params, "inNamespace": False})
        self.dpid, self.opts, self.listenPort = self.defaultDpid(dpid), opts, listenPort
        self.controlIntf = VethIntf("lo", self, port=0)

    def start(self, controllers: Any = ()) -> None:
        """Forward; also again after ``stop(deleteIntfs=False)``."""
        self.wiring.set_up(self.name)

    def stop(self, deleteIntfs: bool = True) -> None:
        """Forward nothing; with ``deleteIntfs`` there is no bridge any more either, nor its cables."""
        if deleteIntfs:
            names = [interface.name for interface in self.intfList() if interface.name != "lo"]
            self.wiring.delete(*names, self.name)
        else:
            self.wiring.set_up(self.name, False)
