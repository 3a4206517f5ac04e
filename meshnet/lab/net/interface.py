"""One end of a cable."""

from __future__ import annotations

from ipaddress import IPv4Interface
from typing import Any

from meshnet.lab.net.stock import Intf
from meshnet.lab.net.wiring import Wiring
from topo.shape import Shape


class VethIntf(Intf):  # type: ignore[misc]  # Mininet has no types
    """Mininet's interface, with netlink for ``ifconfig``. It takes ``TCLink``'s ``delay``, ``jitter``, ``loss``, ``bw``
    and ``max_queue_size``; netem does them all."""

    name: str
    ip: str | None
    _up = True  # cables are made with both ends up

    @property
    def wiring(self) -> Wiring:
        """The links of the namespace that the interface is in."""
        wiring: Wiring = self.node.wiring
        return wiring

    def config(
        self,
        delay: Any = None,
        jitter: Any = None,
        loss: Any = None,
        bw: Any = None,
        max_queue_size: Any = None,
        **params: Any,
    ) -> dict[str, Any]:
        shape = Shape.parse(delay=delay, jitter=jitter, loss=loss, bw=bw, max_queue_size=max_queue_size)
        done: dict[str, Any] = super().config(**params)
        if shape.slows:
            self.wiring.shape(self.name, shape)
        return done

    def ifconfig(self, *args: str) -> str:
        """``up`` and ``down`` at once; whatever else it's asked is put to ifconfig in the node's shell."""
        if args in (("up",), ("down",)):
            self._up = args == ("up",)
            self.wiring.set_up(self.name, self._up)
            return ""
        answer: str = super().ifconfig(*args)
        return answer

    def isUp(self, setUp: bool = False) -> bool:
        if setUp and not self._up:
            self.ifconfig("up")
        return setUp or self.wiring.is_up(self.name)

    def setIP(self, ipstr: str, prefixLen: int | str | None = None) -> str:
        """Give it this IPv4 address and no other; ``ipstr`` may hold the prefix length."""
        address = IPv4Interface(ipstr if "/" in ipstr else f"{ipstr}/{prefixLen}")
        self.ip, self.prefixLen = str(address.ip), address.network.prefixlen
        self.wiring.set_address(self.name, address)
        return ""

    def setMAC(self, macstr: str) -> str:
        self.mac = macstr
        self.wiring.set_mac(self.name, macstr)
        return ""

    def updateIP(self) -> str | None:
        addresses = self.wiring.addresses(self.name)
        self.ip = str(addresses[0].ip) if addresses else None
        return self.ip

    def updateMAC(self) -> str:
        self.mac = self.wiring.mac(self.name)
        return self.mac

    def updateAddr(self) -> tuple[str | None, str]:
        return self.updateIP(), self.updateMAC()

    def rename(self, newname: str) -> str:
        self.wiring.rename(self.name, newname)
        self.node.nameToIntf[newname] = self.node.nameToIntf.pop(self.name)
        self.name = newname
        return ""

    def delete(self) -> None:
        """Delete it, and with it the other end of its cable."""
        if self.status() == "OK":
            self.wiring.delete(self.name)
        for end in (self.link.intf1, self.link.intf2) if self.link else (self,):
            end.node.delIntf(end)
            end.link = None

    def status(self) -> str:
        return "OK" if self.name in self.wiring.names() else "MISSING"
