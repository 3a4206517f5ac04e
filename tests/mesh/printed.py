"""Namespaces as people see them, by the commands that show them: what the golden texts hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshnet.netstate import NamespaceRef, NetState
from meshnet.netstate.dialects import iptables_save, ipvsadm
from tests.mesh.picture import link_line, route_line


def text(rendered: Mapping[NamespaceRef, NetState]) -> str:
    """Every namespace, each with those commands that have something to show."""
    return "\n".join(f"=== {ref}\n{_namespace(state)}" for ref, state in rendered.items())


def _namespace(state: NetState) -> str:
    shown = {
        "ip -d link": [link_line(link) for link in state.links.values()],
        "ip addr": list(_addresses(state)),
        "ip route": sorted(map(route_line, state.routes)),
        "ip neigh": sorted(f"{each.address} dev {each.link} lladdr {each.mac} PERMANENT" for each in state.neighbours),
        "bridge fdb": sorted(f"{each.mac} dev {each.link} dst {each.vtep} self permanent" for each in state.fdb),
        "iptables-save": iptables_save.write(state.rules).splitlines(),
        "ipvsadm -Sn": ipvsadm.write(state.ipvs).splitlines(),
        "sysctl": [f"{name} = {value}" for name, value in sorted(state.sysctls.items())],
        "somebody else's": sorted(state.foreign),
    }
    return "".join("\n  ".join([f"# {command}", *lines]) + "\n" for command, lines in shown.items() if lines)


def _addresses(state: NetState) -> Iterator[str]:
    for each in state.addresses:
        yield f"{each.link} inet {each.interface}" + (f" brd {each.broadcast}" if each.broadcast else "")
