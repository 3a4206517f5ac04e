"""What is otherwise in a namespace than it should be, in words: what there is, what there should be, and the command
that puts it right."""

from __future__ import annotations

from collections.abc import Iterator

from meshnet.netstate import Address, Bridge, Destination, FdbEntry, Link, Neighbour, Route, Veth, VirtualService, Vxlan
from meshnet.netstate.ruleset import Chain
from meshnet.path import Cause, Why

_SYSCTLS = {
    "ip_forward": Why.FORWARDING_OFF,
    "forwarding": Why.FORWARDING_OFF,
    "route_localnet": Why.MARTIAN,
    "rp_filter": Why.RP_FILTER,
}
_FORWARDINGS = {"masq": "-m", "route": "-g", "tunnel": "-i"}


def other_sysctl(name: str, there: str, wished: str) -> Cause:
    why = _SYSCTLS.get(name.rpartition(".")[2], Why.SETTING)
    return Cause(why, f"{name} is {there}; it should be {wished}", f"sysctl -w {name}={wished}")


def no_link(link: Link) -> Cause:
    match link.kind:
        case Veth(peer, namespace) if peer:
            text = f"{link.name} is gone, the cable to {peer} of {namespace}"
        case Vxlan(vni=vni):
            text = f"{link.name} is gone, the VXLAN device of VNI {vni}"
        case _:
            text = f"{link.name} is gone"
    return Cause(Why.LINK_DOWN, text)


def other_link(there: Link, wished: Link) -> Cause:
    """The first thing that is otherwise gives the cause its kind."""
    found = list(_of_link(there, wished))
    text = "; ".join(text for _, text, _ in found)
    return Cause(found[0][0], f"{wished.name} {text}", "; ".join(mend for _, _, mend in found if mend))


def _of_link(there: Link, wished: Link) -> Iterator[tuple[Why, str, str]]:
    name = wished.name
    if there.kind != wished.kind:
        yield _of_kind(there, wished)
    if there.up != wished.up:
        state = ("down", "up")
        yield Why.LINK_DOWN, f"is {state[there.up]}", f"ip link set {name} {state[wished.up]}"
    if there.master != wished.master:
        yield Why.LINK_DOWN, *_of_master(there, wished)
    if there.mtu != wished.mtu:
        text = f"has an MTU of {there.mtu}; it should be {wished.mtu}"
        yield Why.MTU, text, f"ip link set {name} mtu {wished.mtu}"
    if wished.mac and there.mac != wished.mac:
        text = f"has the MAC {there.mac}; it should be {wished.mac}"
        yield Why.NOT_FOR_US, text, f"ip link set {name} address {wished.mac}"


def _of_kind(there: Link, wished: Link) -> tuple[Why, str, str]:
    match there.kind, wished.kind:
        case Vxlan() as one, Vxlan() as other if one.vni != other.vni:
            return Why.WRONG_VTEP, f"has VNI {one.vni}; the others have {other.vni}", ""
        case Vxlan() as one, Vxlan() as other if one.port != other.port:
            return Why.WRONG_VTEP, f"has port {one.port}; the others have {other.port}", ""
        case Vxlan(), Vxlan():
            return Why.SETTING, "is a VXLAN device with other settings than it should have", ""
        case Veth(), Veth(peer, namespace):
            return Why.LINK_DOWN, f"doesn't lead to {peer} of {namespace}, as it should", ""
    kinds = {Veth: "veth", Bridge: "bridge", Vxlan: "VXLAN device"}
    return Why.LINK_DOWN, f"is no {kinds.get(type(wished.kind), 'interface of its kind')}, as it should be", ""


def _of_master(there: Link, wished: Link) -> tuple[str, str]:
    if wished.master is None:
        return f"is a port of {there.master}; it should be none", f"ip link set {there.name} nomaster"
    now = f"a port of {there.master}" if there.master else "no port of a bridge"
    return f"is {now}; it should be one of {wished.master}", f"ip link set {there.name} master {wished.master}"


def no_address(address: Address) -> Cause:
    text = f"{address.link} has lost its address {address.interface}"
    return Cause(Why.NO_ADDRESS, text, f"ip addr add {address.interface} dev {address.link}")


def needless_address(address: Address) -> Cause:
    text = f"{address.link} has an address that isn't its: {address.interface}"
    return Cause(Why.NO_ADDRESS, text, f"ip addr del {address.interface} dev {address.link}")


def no_route(route: Route) -> Cause:
    return Cause(Why.NO_ROUTE, f"the route is gone: {_words(route)}", f"ip route add {_words(route)}")


def needless_route(route: Route) -> Cause:
    return Cause(Why.NO_ROUTE, f"a route that nobody ordered: {_words(route)}", f"ip route del {_words(route)}")


def _words(route: Route) -> str:
    """A route in the words of ``ip route``."""
    kind = "" if route.kind in ("unicast", "multipath") else f"{route.kind} "
    destination = "default" if route.destination.prefixlen == 0 else str(route.destination).removesuffix("/32")
    via = f" via {route.via}" if route.via is not None else ""
    link = f" dev {route.link}" if route.link else ""
    metric = f" metric {route.metric}" if route.metric else ""
    hops = "".join(f" nexthop via {hop.via} dev {hop.link}" for hop in route.hops)
    return f"{kind}{destination}{via}{link}{metric}{hops}"


def neighbour(there: Neighbour | None, wished: Neighbour | None) -> Cause:
    if wished is None:
        assert there is not None
        text = f"{there.link} has a neighbour entry that nobody ordered: {there.address} lladdr {there.mac}"
        return Cause(Why.NO_NEIGHBOUR, text, f"ip neigh del {there.address} dev {there.link}")
    text = f"{wished.link} has no neighbour entry for {wished.address}, and so answers no ARP for it"
    if there is not None:
        text = f"{wished.link} takes the MAC of {wished.address} to be {there.mac}; it is {wished.mac}"
    mend = f"ip neigh replace {wished.address} lladdr {wished.mac} dev {wished.link} nud permanent"
    return Cause(Why.NO_NEIGHBOUR, text, mend)


def fdb(there: FdbEntry | None, wished: FdbEntry | None) -> Cause:
    if wished is None:
        assert there is not None
        text = f"{there.link} has an FDB entry that nobody ordered: {there.mac} dst {there.vtep}"
        return Cause(Why.NO_FDB_ENTRY, text, f"bridge fdb del {there.mac} dev {there.link} dst {there.vtep} self")
    mend = f"bridge fdb replace {wished.mac} dev {wished.link} dst {wished.vtep} self permanent"
    if there is None:
        text = f"{wished.link} has no FDB entry for {wished.mac}, which is behind {wished.vtep}"
        return Cause(Why.NO_FDB_ENTRY, text, mend)
    text = f"{wished.link} has {wished.mac} behind {there.vtep}; it is behind {wished.vtep}"
    return Cause(Why.WRONG_VTEP, text, mend)


def chain(table: str, name: str, there: Chain, wished: Chain) -> Cause:
    """Rules that are missing and rules that nobody ordered; else it is the policy, or their order."""
    found = list(_of_chain(table, name, there, wished))
    return Cause(Why.RULE, "; ".join(text for text, _ in found), "; ".join(mend for _, mend in found))


def _of_chain(table: str, name: str, there: Chain, wished: Chain) -> Iterator[tuple[str, str]]:
    iptables = "iptables" if table == "filter" else f"iptables -t {table}"
    if there.policy is None and wished.policy is None and not there.rules and wished.rules:
        yield f"{table} {name} is empty or gone", f"{iptables} -N {name}"
    if there.policy != wished.policy and wished.policy is not None:
        text = f"the policy of {table} {name} is {there.policy}; it should be {wished.policy}"
        yield text, f"{iptables} -P {name} {wished.policy}"
    needless = [(number, rule) for number, rule in enumerate(there.rules, 1) if rule not in wished.rules]
    missing = [(number, rule) for number, rule in enumerate(wished.rules, 1) if rule not in there.rules]
    for number, rule in needless:
        yield f"{table} {name} has a rule {number} that nobody ordered: {rule}", f"{iptables} -D {name} {rule}"
    for number, rule in missing:
        yield f"{table} {name} lacks its rule {number}: {rule}", f"{iptables} -I {name} {number} {rule}"
    if not needless and not missing and there.rules != wished.rules:
        yield f"the rules of {table} {name} are in another order than they should be", ""


def service(mark: int, there: VirtualService | None, wished: VirtualService | None) -> Cause | None:
    """None if both are the same, whatever order their real servers are in."""
    found = list(_of_service(mark, there, wished))
    if not found:
        return None
    return Cause(Why.NO_SERVER, "; ".join(text for text, _ in found), "; ".join(mend for _, mend in found))


def _of_service(mark: int, there: VirtualService | None, wished: VirtualService | None) -> Iterator[tuple[str, str]]:
    if wished is None:
        yield f"there is an IPVS service that nobody ordered: -f {mark}", f"ipvsadm -D -f {mark}"
        return
    if there is None:
        yield f"the IPVS service -f {mark} is gone", f"ipvsadm -A -f {mark} -s {wished.scheduler}"
    elif (there.scheduler, there.persistent) != (wished.scheduler, wished.persistent):
        text = f"the IPVS service -f {mark} goes by {there.scheduler}; it should go by {wished.scheduler}"
        yield text, f"ipvsadm -E -f {mark} -s {wished.scheduler}"
    servers = {each.address: each for each in there.destinations} if there else {}
    expected = {each.address: each for each in wished.destinations}
    for address, server in expected.items():
        yield from _of_server(mark, servers.get(address), server)
    for address in servers.keys() - expected.keys():
        text = f"the IPVS service -f {mark} has a real server that is none of its tasks: {address}"
        yield text, f"ipvsadm -d -f {mark} -r {address}:{servers[address].port}"


def _of_server(mark: int, there: Destination | None, wished: Destination) -> Iterator[tuple[str, str]]:
    how = f"-r {wished.address}:{wished.port} {_FORWARDINGS.get(wished.forwarding, '')} -w {wished.weight}"
    if there is None:
        yield f"the IPVS service -f {mark} lacks the real server {wished.address}", f"ipvsadm -a -f {mark} {how}"
    elif there != wished:
        was = f"weight {there.weight} and {there.forwarding}"
        text = f"the real server {wished.address} of -f {mark} has {was}; it should have weight {wished.weight}"
        yield text + f" and {wished.forwarding}", f"ipvsadm -e -f {mark} {how}"
