"""A namespace's sysctls as the walk asks for them."""

from __future__ import annotations

from collections.abc import Mapping

from meshnet.errors import NotTaughtError
from meshnet.netstate import NamespaceRef

DEFAULT_TTL = 64

_UNTAUGHT = {
    "net.ipv4.ip_default_ttl": str(DEFAULT_TTL),
    "net.ipv4.ip_nonlocal_bind": "0",
    "net.ipv4.fwmark_reflect": "0",
    "net.ipv4.ip_forward_use_pmtu": "0",
    "net.ipv4.icmp_echo_ignore_all": "0",
    "net.ipv4.vs.backup_only": "0",
    "net.ipv4.vs.cache_bypass": "0",
    "net.ipv4.vs.snat_reroute": "1",
}
"""What would change a packet's way and isn't walked here, with the kernel's own value, at which it doesn't."""

_UNTAUGHT_OF_INTERFACES = ("arp_announce", "arp_filter", "arp_ignore", "proxy_arp", "proxy_arp_pvlan", "src_valid_mark")
"""Of ``net.ipv4.conf.INTERFACE``: as above, and all are 0 by themselves."""


class Settings:
    """``values`` are dotted names; one that is missing has the kernel's own default.

    Raises ``NotTaughtError`` for a setting that changes a packet's way as nobody has taught here."""

    def __init__(self, at: NamespaceRef, values: Mapping[str, str]) -> None:
        self._values = values
        for name, value in values.items():
            is_of_interface = name.startswith("net.ipv4.conf.") and name.rpartition(".")[2] in _UNTAUGHT_OF_INTERFACES
            if value != ("0" if is_of_interface else _UNTAUGHT.get(name, value)):
                raise NotTaughtError(f"predict wasn't taught the sysctl {name} = {value} ({at})")

    def forwards(self, interface: str) -> bool:
        """Whether what comes in by ``interface`` may be passed on. ``ip_forward`` sets it for every interface."""
        everywhere = self._number("net.ipv4.ip_forward") or self._number("net.ipv4.conf.all.forwarding")
        return bool(self._number(f"net.ipv4.conf.{interface}.forwarding", everywhere))

    def routes_localnet(self, interface: str) -> bool:
        """Whether 127.0.0.0/8 may come and go by ``interface``."""
        return self._greatest(interface, "route_localnet") > 0

    def accepts_local(self, interface: str) -> bool:
        """Whether what bears an address of the namespace's own may come in by ``interface``."""
        return self._greatest(interface, "accept_local") > 0

    def rp_filter(self, interface: str) -> int:
        """0 for none, 1 for strict, 2 for loose."""
        return self._greatest(interface, "rp_filter")

    def sends_redirects(self, interface: str) -> bool:
        """Whether a sender is told of a better way; it doesn't change the packet's, but how its source is judged."""
        everywhere = self._number("net.ipv4.conf.all.send_redirects", 1)
        return bool(self._number(f"net.ipv4.conf.{interface}.send_redirects", 1) or everywhere)

    @property
    def bridges_by_iptables(self) -> bool:
        """``bridge-nf-call-iptables``, which is on in every new namespace."""
        return bool(self._number("net.bridge.bridge-nf-call-iptables", 1))

    @property
    def ipvs_tracks(self) -> bool:
        """``vs.conntrack``: whether what IPVS sends on keeps its place in conntrack."""
        return bool(self._number("net.ipv4.vs.conntrack"))

    def _greatest(self, interface: str, name: str) -> int:
        return max(self._number(f"net.ipv4.conf.{scope}.{name}") for scope in ("all", interface))

    def _number(self, name: str, default: int = 0) -> int:
        return int(self._values.get(name, default))
