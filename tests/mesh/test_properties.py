"""What holds in every swarm, whatever its shape."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from meshnet.mesh import render
from meshnet.model import ClusterState
from meshnet.netstate import Bridge, NamespaceRef, NetState, Veth
from meshnet.netstate.ruleset import BUILTIN_CHAINS
from tests.mesh.picture import picture
from tests.mesh.printed import text
from tests.mesh.swarms import swarms, without

quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])

KERNEL_TARGETS = {"ACCEPT", "DROP", "RETURN", "MASQUERADE", "DNAT", "SNAT", "REDIRECT", "MARK"}


def mac_of(address: IPv4Address) -> str:
    return "02:42:" + ":".join(f"{byte:02x}" for byte in address.packed)


def holders(states: dict[NamespaceRef, NetState]) -> dict[IPv4Address, list[NamespaceRef]]:
    """Who has an address of its own: VIPs, which are many's, are /32 and left out."""
    found: dict[IPv4Address, list[NamespaceRef]] = {}
    for ref, state in states.items():
        for address in state.addresses:
            if address.interface.network.prefixlen < 32:
                found.setdefault(address.interface.ip, []).append(ref)
    return found


@quick
@given(swarms())
def test_every_veth_has_a_peer_that_points_back(swarm: ClusterState) -> None:
    states = render(swarm)
    for ref, state in states.items():
        for link in state.links.values():
            if isinstance(link.kind, Veth):
                assert link.kind.peer_namespace is not None and link.kind.peer is not None
                peer = states[link.kind.peer_namespace].links[link.kind.peer]
                assert peer.kind == Veth(link.name, ref)
                assert peer.mtu == link.mtu


@quick
@given(swarms())
def test_link_names_are_ones_linux_takes_and_nobody_elses(swarm: ClusterState) -> None:
    for state in render(swarm).values():
        for name, link in state.links.items():
            assert name == link.name
            assert 0 < len(name) <= 15
        assert not {"lo", *state.foreign} & set(state.links)


@quick
@given(swarms())
def test_whatever_names_a_link_names_one_of_its_namespace(swarm: ClusterState) -> None:
    for ref, state in render(swarm).items():
        named = {entry.link for group in (state.routes, state.neighbours, state.fdb) for entry in group}
        named |= {address.link for address in state.addresses} - {"lo"}
        assert named <= set(state.links), str(ref)
        for link in state.links.values():
            assert link.master is None or isinstance(state.links[link.master].kind, Bridge)


@quick
@given(swarms())
def test_peer_entries_lead_to_the_node_that_holds_the_address(swarm: ClusterState) -> None:
    states = render(swarm)
    vteps = {node.address.ip: node.name for node in swarm.nodes.values()}
    for ref, state in states.items():
        behind = {entry.mac: entry.vtep for entry in state.fdb}
        assert {entry.mac for entry in state.neighbours} == set(behind)
        assert len(behind) == len(state.fdb) == len(state.neighbours)
        for entry in state.neighbours:
            assert entry.mac == mac_of(entry.address)
            where = vteps[behind[entry.mac]]
            assert where != ref.node
            assert [holder.node for holder in holders(states)[entry.address]] == [where]


@quick
@given(swarms())
def test_every_endpoint_of_an_overlay_is_local_or_a_peer(swarm: ClusterState) -> None:
    states = render(swarm)
    for ref, state in states.items():
        if "br0" not in state.links:
            continue
        (bridge,) = (address.interface for address in state.addresses if address.link == "br0")
        known = {entry.address for entry in state.neighbours}
        for address, where in holders(states).items():
            if address in bridge.network and address != bridge.ip:
                assert (address in known) == (ref.node not in {holder.node for holder in where})


@quick
@given(swarms())
def test_overlay_and_gateway_legs_have_their_addresss_mac(swarm: ClusterState) -> None:
    for ref, state in render(swarm).items():
        for address in state.addresses:
            if address.link.startswith("eth") and address.interface.network.prefixlen < 32:
                assert state.links[address.link].mac == mac_of(address.interface.ip), str(ref)


@quick
@given(swarms())
def test_rules_jump_to_chains_that_are_there(swarm: ClusterState) -> None:
    for ref, state in render(swarm).items():
        for table, chains in state.rules.tables.items():
            targets = {rule.words[rule.words.index("-j") + 1] for c in chains.chains.values() for rule in c.rules}
            assert targets <= KERNEL_TARGETS | set(chains.chains) - set(BUILTIN_CHAINS[table]), str(ref)


@quick
@given(swarms())
def test_snat_is_to_an_address_of_the_namespace(swarm: ClusterState) -> None:
    for ref, state in render(swarm).items():
        own = {str(address.interface.ip) for address in state.addresses}
        for rule in state.rules.chain("nat", "POSTROUTING").rules:
            if "SNAT" in rule.words:
                assert rule.words[-1] in own, str(ref)


@quick
@given(swarms())
def test_every_mark_has_its_service_and_every_service_its_mark(swarm: ClusterState) -> None:
    for ref, state in render(swarm).items():
        marks = {
            int(rule.words[-1].split("/")[0], 16)
            for chain in ("PREROUTING", "INPUT", "OUTPUT")
            for rule in state.rules.chain("mangle", chain).rules
        }
        assert marks == set(state.ipvs), str(ref)
        assert all(service.destinations for service in state.ipvs.values())
        assert not state.ipvs or state.sysctls["net.ipv4.ip_forward"] == "1"


@quick
@given(swarms())
def test_rendering_is_repeatable_to_the_letter(swarm: ClusterState) -> None:
    assert text(render(swarm)) == text(render(swarm))


@quick
@given(swarms(), st.data())
def test_a_task_that_stops_renames_nobodys_links(swarm: ClusterState, data: st.DataObject) -> None:
    assume(swarm.tasks)
    task = data.draw(st.sampled_from(list(swarm.tasks.values())))
    before, after = render(swarm), render(without(swarm, task))
    assert task.node is not None
    gone = NamespaceRef(swarm.nodes[task.node].name, task.sandbox_file)
    assert set(before) - set(after) == {gone}
    for ref, state in after.items():
        kept = {
            name: link
            for name, link in before[ref].links.items()
            if not (isinstance(link.kind, Veth) and link.kind.peer_namespace == gone)
        }
        assert state.links == kept


@quick
@given(swarms())
def test_without_ipvs_only_ipvs_is_missing(swarm: ClusterState) -> None:
    full, less = render(swarm), render(swarm, without_ipvs=True)
    of_ipvs = re.compile(r"--ipvs|net\.ipv4\.vs\.|-[Aa] -f ")
    assert less.keys() == full.keys()
    for ref, state in full.items():
        assert picture(less[ref]) == {
            section: [line for line in lines if not of_ipvs.search(line)] for section, lines in picture(state).items()
        }
