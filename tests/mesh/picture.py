"""A namespace as lines of text, section by section: what the golden files hold and the dumps are compared in."""

from __future__ import annotations

from collections.abc import Mapping

from meshnet.netstate import Address, Bridge, Link, NamespaceRef, NetState, OtherLink, Ruleset, Veth, Vxlan

Picture = dict[str, list[str]]
"""Section name to its lines. Those of ``links``, ``addresses`` and ``rules`` are in the order things are made in."""


def picture(state: NetState) -> Picture:
    """Every section of ``state`` but its sysctls and foreign interfaces."""
    return {
        "links": [link_line(link) for link in state.links.values()],
        "addresses": [address_line(address) for address in state.addresses],
        "routes": sorted(
            f"{route.destination} dev {route.link}" + (f" via {route.via}" if route.via else "")
            for route in state.routes
        ),
        "neighbours": sorted(f"{entry.address} dev {entry.link} mac {entry.mac}" for entry in state.neighbours),
        "fdb": sorted(f"{entry.mac} dev {entry.link} dst {entry.vtep}" for entry in state.fdb),
        "rules": rule_lines(state.rules),
        "ipvs": [
            line
            for service in state.ipvs.values()
            for line in (
                f"-A -f {service.mark} -s {service.scheduler}",
                *(f"-a -f {service.mark} -r {d.address}:{d.port} -m -w {d.weight}" for d in service.destinations),
            )
        ],
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


def text(rendered: Mapping[NamespaceRef, NetState]) -> str:
    """Every namespace, to be read by people."""
    blocks = []
    for ref, state in rendered.items():
        sections = picture(state) | {"sysctls": [f"{name} = {value}" for name, value in sorted(state.sysctls.items())]}
        sections["foreign"] = sorted(state.foreign)
        lines = [f"=== {ref}"]
        for section, content in sections.items():
            lines += [f"  {section}", *(f"    {line}" for line in content)] if content else []
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)
