"""Everything that a packet's way depends on, of every namespace of a lab, read from the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meshnet.kernel.held import Held, Numbering
from meshnet.kernel.iptables import Iptables
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.ipvs import family as ipvs_family
from meshnet.kernel.listeners import listeners
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.observe import observe_all_but_rules
from meshnet.kernel.rule_cache import RuleCache
from meshnet.netstate import NamespaceRef, NetState
from meshnet.predict.world import World

_FOR_ALL = ("accept_local", "arp_announce", "arp_filter", "arp_ignore", "forwarding", "proxy_arp", "rp_filter")
_SETTINGS = (
    *(f"net.ipv4.conf.all.{name}" for name in (*_FOR_ALL, "route_localnet", "send_redirects", "src_valid_mark")),
    *("net.ipv4.icmp_echo_ignore_all", "net.ipv4.ip_default_ttl", "net.ipv4.ip_forward"),
    *("net.ipv4.vs.conntrack", "net.ipv4.vs.snat_reroute"),
    "net.bridge.bridge-nf-call-iptables",
)
"""The sysctls that are read besides IPv4's settings of each interface."""


class Surveyor:
    """Keeps its sockets open from one survey to the next. For one thread at a time."""

    def __init__(self, iptables: Iptables) -> None:
        self._rules = RuleCache(iptables)
        self._helds: dict[NamespaceRef, Held] = {}
        self._ipvs: IpvsMessages | None = None

    def survey(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> World:
        """All of ``namespaces``, which should be all there are: a veth that leads elsewhere has no peer. Raises
        ``OSError`` and ``KernelError``."""
        self._hold(namespaces)
        asked = dict.fromkeys(namespaces, NetState(sysctls=dict.fromkeys(_SETTINGS, "")))
        states = observe_all_but_rules(self._helds, asked, self._ipvs, whole=True)
        rules = self._rules.rules(namespaces)
        return World(
            {ref: replace(state, rules=rules[ref]) for ref, state in states.items()},
            {ref: listeners(namespace) for ref, namespace in namespaces.items()},
        )

    def trust(self, namespaces: Mapping[NamespaceRef, NetNamespace], states: Mapping[NamespaceRef, NetState]) -> None:
        """Take it that the rules are those of ``states``: they were just made, and nobody else has been there."""
        self._rules.trust(namespaces, {ref: state.rules for ref, state in states.items()})

    def _hold(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> None:
        """Open what is new, and let go of what has gone."""
        for ref, held in list(self._helds.items()):
            if namespaces.get(ref) is not held.namespace:
                self._helds.pop(ref).close()
        for ref, namespace in namespaces.items():
            if ref not in self._helds:
                self._helds[ref] = Held(ref, namespace, Numbering(), ours=False)
        self._helds = {ref: self._helds[ref] for ref in namespaces}
        if self._ipvs is None:
            family = ipvs_family(next(iter(self._helds.values())).generic)
            self._ipvs = None if family is None else IpvsMessages(family)
