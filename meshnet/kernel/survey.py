"""Everything that a packet's way depends on, of every namespace of a lab, read from the kernel."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from meshnet.kernel.held import Held, Numbering
from meshnet.kernel.iptables import Iptables
from meshnet.kernel.ipvs import IpvsMessages
from meshnet.kernel.ipvs import family as ipvs_family
from meshnet.kernel.listeners import Listening
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.observe import observe_all_but_rules
from meshnet.kernel.rule_cache import RuleCache
from meshnet.kernel.sysctl import Sysctls
from meshnet.netstate import NamespaceRef, NetState
from meshnet.netstate.world import World

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_FOR_ALL = (
    *("accept_local", "arp_announce", "arp_filter", "arp_ignore", "proxy_arp", "proxy_arp_pvlan", "rp_filter"),
    *("route_localnet", "send_redirects", "src_valid_mark"),
)
_SETTINGS = (
    *(f"net.ipv4.conf.all.{name}" for name in _FOR_ALL),
    *(f"net.ipv4.{name}" for name in ("icmp_echo_ignore_all", "ip_default_ttl", "ip_forward", "ip_nonlocal_bind")),
    *("net.ipv4.fib_multipath_hash_policy", "net.ipv4.fwmark_reflect", "net.ipv4.ip_forward_use_pmtu"),
    *(f"net.ipv4.vs.{name}" for name in ("backup_only", "cache_bypass", "conntrack", "snat_reroute")),
    "net.bridge.bridge-nf-call-iptables",
)
"""The sysctls that are read besides IPv4's settings of each interface."""

_MODULES = (Path("/proc/sys/net/ipv4/vs"), Path("/proc/sys/net/bridge"), Path("/proc/thread-self/net/sctp"))
"""What is in every namespace from the moment on that a module has been loaded."""

_SHARE = 4
"""Of the descriptors that the process may have, one in so many is for sysctls that are kept open."""


class Surveyor:
    """Keeps its sockets and files open from one survey to the next. For one thread at a time."""

    def __init__(self, iptables: Iptables) -> None:
        self._rules = RuleCache(iptables)
        self._watched: dict[NamespaceRef, _Watched] = {}
        self._modules: list[bool] = []
        self._ipvs: IpvsMessages | None = None
        self._last = World({}, {})

    def survey(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> World:
        """All of ``namespaces``, which should be all there are: a veth that leads elsewhere has no peer. What is as it
        was at the last survey is the same object. Raises ``OSError`` and ``KernelError``."""
        self._watch(namespaces)
        helds = {ref: watched.held for ref, watched in self._watched.items()}
        seen = observe_all_but_rules(helds, {}, self._ipvs, whole=True)
        rules = self._rules.rules(namespaces)
        states, listeners = {}, {}
        for ref, watched in self._watched.items():
            sysctls = {**seen[ref].sysctls, **watched.sysctls.read()}
            states[ref] = replace(seen[ref], rules=rules[ref], sysctls=sysctls)
            listeners[ref] = watched.listening.listeners()
        return self._unless_known(World(states, listeners))

    def trust(self, namespaces: Mapping[NamespaceRef, NetNamespace], states: Mapping[NamespaceRef, NetState]) -> None:
        """Take it that the rules are those of ``states``: they were just made, and nobody else has been there."""
        self._rules.trust(namespaces, {ref: state.rules for ref, state in states.items()})

    def let_go(self, ref: NamespaceRef) -> None:
        """Close what is open in that namespace, if anything is: the kernel doesn't clear it away before."""
        self._rules.let_go(ref)
        if ref in self._watched:
            self._watched.pop(ref).close()

    def _watch(self, namespaces: Mapping[NamespaceRef, NetNamespace]) -> None:
        """Open what is new, and let go of what has gone."""
        modules = [path.exists() for path in _MODULES]
        for ref, watched in list(self._watched.items()):
            if namespaces.get(ref) is not watched.held.namespace or modules != self._modules:
                self.let_go(ref)
        self._modules = modules
        keep = len(namespaces) * len(_SETTINGS) * _SHARE <= resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        for ref, namespace in namespaces.items():
            if ref not in self._watched:
                self._watched[ref] = _Watched(ref, namespace, keep=keep)
        self._watched = {ref: self._watched[ref] for ref in namespaces}
        if self._ipvs is None and self._watched:
            family = ipvs_family(next(iter(self._watched.values())).held.generic)
            self._ipvs = None if family is None else IpvsMessages(family)

    def _unless_known(self, world: World) -> World:
        """The last one, or this with what it has in common with the last one: whoever has worked something out for
        that has it still."""
        states = _known(world.states, self._last.states)
        listeners = _known(world.listeners or {}, self._last.listeners or {})
        if states != self._last.states or listeners != self._last.listeners:
            self._last = World(states, listeners)
        return self._last


class _Watched:
    """One namespace, and what is open in it. With ``keep`` that is each of its sysctls, too."""

    def __init__(self, ref: NamespaceRef, namespace: NetNamespace, *, keep: bool) -> None:
        self.held = Held(ref, namespace, Numbering(), ours=False)
        self.listening = Listening(namespace)
        self.sysctls = Sysctls(namespace, _SETTINGS, keep=keep)

    def close(self) -> None:
        self.held.close()
        self.listening.close()
        self.sysctls.close()


def _known(found: Mapping[_Key, _Value], last: Mapping[_Key, _Value]) -> dict[_Key, _Value]:
    return {key: last[key] if key in last and last[key] == value else value for key, value in found.items()}
