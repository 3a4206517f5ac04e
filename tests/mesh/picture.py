"""A namespace as lines of text, section by section: what the dumps are compared in."""

from __future__ import annotations

from meshnet.netstate import Address, Bridge, Link, NetState, OtherLink, Route, Ruleset, Veth, Vxlan
from meshnet.netstate.dialects import ipvsadm
from tests.mesh.kernels_own import sysctls_set

Picture = dict[str, list[str]]
"""Section name to its lines. Those of ``links``, ``addresses`` and ``rules`` are in the order things are made in."""


def picture(state: NetState) -> Picture:
    """Every section of ``state`` but its foreign interfaces; of the sysctls those that the kernel has otherwise by
    itself. ``attributes`` are those of links that a ``NetState`` has no place for, so that all are the kernel's own."""
    return {
        "links": [link_line(link) for link in state.links.values()],
        "addresses": [address_line(address) for address in state.addresses],
        "routes": sorted(map(route_line, state.routes)),
        "neighbours": sorted(f"{entry.address} dev {entry.link} mac {entry.mac}" for entry in state.neighbours),
        "fdb": sorted(f"{entry.mac} dev {entry.link} dst {entry.vtep}" for entry in state.fdb),
        "rules": rule_lines(state.rules),
        "ipvs": ipvsadm.write(state.ipvs).splitlines(),
        "sysctls": sysctls_set(state.sysctls),
        "attributes": [],
    }


def link_line(link: Link) -> str:
    match link.kind:
        case Veth(peer, peer_namespace):
            kind = f"veth peer {peer_namespace}:{peer}"
        case Bridge():
            kind = "bridge"
        case OtherLink(kind):
            pass
        case Vxlan() as vxlan:
            flags = ("learning", "proxy", "l2miss", "l3miss")
            on = [flag for flag in flags if getattr(vxlan, flag)]
            kind = " ".join(
                ["vxlan id", str(vxlan.vni), "dstport", str(vxlan.port), *on, "underlay", str(vxlan.underlay)]
            )
    master = f" master {link.master}" if link.master else ""
    return f"{link.name} {kind} mtu {link.mtu}{master} {'up' if link.up else 'down'} mac {link.mac or 'drawn'}"


def route_line(route: Route) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    via = f" via {route.via}" if route.via else ""
    metric = f" metric {route.metric}" if route.metric else ""
    return f"{kind}{route.destination} dev {route.link}{via}{metric}"


def address_line(address: Address) -> str:
    broadcast = f" brd {address.broadcast}" if address.broadcast else ""
    return f"{address.link} {address.interface}{broadcast}"


def rule_lines(rules: Ruleset) -> list[str]:
    """``nat DOCKER -`` for a chain, ``filter FORWARD DROP`` for a policy, ``nat DOCKER: -j RETURN`` for a rule."""
    lines = []
    for table, chains in rules.tables.items():
        for name, chain in chains.chains.items():
            if chain.policy != "ACCEPT":
                lines.append(f"{table} {name} {chain.policy or '-'}")
            lines += [f"{table} {name}: {rule}" for rule in chain.rules]
    return lines
