from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from meshnet.mesh import render
from meshnet.netstate import (
    Address,
    FdbEntry,
    NamespaceRef,
    Neighbour,
    NetState,
    Route,
    Veth,
    VirtualService,
    Vxlan,
)
from meshnet.netstate.ruleset import Chain, Rule, Ruleset, Table
from meshnet.netstate.world import Listener, World
from meshnet.path import Probe, Why
from meshnet.predict.diagnosis import Diagnosis, Judge
from meshnet.predict.differences import differences
from meshnet.predict.flows import Flow
from tests.mesh.article import CLIENT_1, CLUSTERS, WHOAMI_1, WHOAMI_3, article
from tests.predict.test_paper_world import world
from tests.predict.worlds import CLIENT, changed, ip, on_lan

CLUSTER = article(*CLUSTERS["20.10"])
WORLD = on_lan(CLUSTER)
WANTED = render(CLUSTER)
MANAGER, WORKER1, WORKER2 = (NamespaceRef(f"swarm-{name}") for name in ("manager", "worker1", "worker2"))
SANDBOX = NamespaceRef("swarm-worker1", "ingress_sbox")
OVERLAY = NamespaceRef("swarm-worker1", "1-uz1kgf9j6m")
TASKS = frozenset(
    {NamespaceRef("swarm-manager", WHOAMI_1.sandbox_file), NamespaceRef("swarm-worker2", WHOAMI_3.sandbox_file)}
)
ASKER = NamespaceRef("swarm-worker2", CLIENT_1.sandbox_file)

OUTSIDE = Flow("client > swarm-worker1", Probe(CLIENT, ip("192.168.56.11"), "tcp", 8000, 40000), TASKS)
LOCALLY = Flow("swarm-worker1 > itself", Probe(WORKER1, ip("127.0.0.1"), "tcp", 8000, 40001), TASKS)
OTHER = Flow("client > swarm-worker2", Probe(CLIENT, ip("192.168.56.12"), "tcp", 8000, 40002), TASKS)
FLOWS = (OUTSIDE, LOCALLY, OTHER)


def less(rules: Ruleset, table: str, chain: str, words: str) -> Ruleset:
    """Without the chain's rules that have ``words`` in them."""
    return with_rules(
        rules, table, chain, *(rule for rule in rules.chain(table, chain).rules if words not in str(rule))
    )


def with_rules(rules: Ruleset, table: str, chain: str, *these: Rule) -> Ruleset:
    there = rules.tables.get(table, Table()).chains
    return Ruleset({**rules.tables, table: Table({**there, chain: Chain(rules.chain(table, chain).policy, these)})})


def without_dnat(state: NetState) -> NetState:
    return replace(state, rules=less(state.rules, "nat", "DOCKER-INGRESS", "DNAT"))


def without_mark(state: NetState) -> NetState:
    return replace(state, rules=less(state.rules, "mangle", "PREROUTING", "MARK"))


def without_forwarding(state: NetState) -> NetState:
    return replace(state, sysctls={**state.sysctls, "net.ipv4.ip_forward": "0"})


def down(link: str) -> Callable[[NetState], NetState]:
    """As the kernel has it: with the interface go the routes by it."""

    def change(state: NetState) -> NetState:
        kept = frozenset(route for route in state.routes if route.link != link)
        return replace(state, links={**state.links, link: replace(state.links[link], up=False)}, routes=kept)

    return change


def without(link: str) -> Callable[[NetState], NetState]:
    """With an interface goes what was on it."""

    def change(state: NetState) -> NetState:
        return replace(
            state,
            links={name: each for name, each in state.links.items() if name != link},
            addresses=tuple(each for each in state.addresses if each.link != link),
            routes=frozenset(each for each in state.routes if each.link != link),
        )

    return change


def faulty(*faults: tuple[NamespaceRef, Callable[[NetState], NetState]], world: World = WORLD) -> World:
    states = dict(world.states)
    for at, change in faults:
        states[at] = change(states[at])
    return replace(world, states=states)


def judged(world: World, *flows: Flow) -> Diagnosis:
    return Judge(world, WANTED).judge(flows or FLOWS)


def found(diagnosis: Diagnosis) -> list[tuple[NamespaceRef, Why]]:
    return [(each.at, each.cause.why) for each in diagnosis.findings]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    diagnosis = judged(WORLD)
    assert (diagnosis.findings, diagnosis.working, diagnosis.untaught, diagnosis.drift) == ((), FLOWS, (), ())


def test_a_rule_that_is_missing_is_the_cause_wherever_the_packet_ends() -> None:
    (finding,) = judged(faulty((SANDBOX, without_mark))).findings
    assert (finding.at, finding.cause.why) == (SANDBOX, Why.RULE)
    assert finding.cause.text.startswith("mangle PREROUTING lacks its rule 1: -p tcp -m tcp --dport 8000 -j MARK")
    assert finding.cause.mend.startswith("iptables -t mangle -I PREROUTING 1 -p tcp")
    assert finding.cause.mend.endswith("meshnet repair")
    assert finding.affects == (OUTSIDE.name, LOCALLY.name)


def test_what_comes_to_a_socket_of_the_node_itself_has_not_arrived() -> None:
    assert found(judged(faulty((WORKER1, without_dnat)))) == [(WORKER1, Why.RULE)]


def test_what_ends_elsewhere_though_nothing_is_amiss_is_told_of_there() -> None:
    here = Flow("client > worker1's own", OUTSIDE.probe, frozenset({WORKER1}))
    (finding, *_) = judged(WORLD, here).findings
    assert finding.at in TASKS
    assert finding.cause.why is Why.SOCKET


def test_every_second_request_that_fails_is_found() -> None:
    state = WORLD.states[OVERLAY]
    worlds = [changed(WORLD, OVERLAY, fdb=state.fdb - {entry}) for entry in state.fdb]
    findings = [finding for world in worlds for finding in judged(world, OUTSIDE).findings]
    assert [(each.at, each.cause.why) for each in findings] == [(OVERLAY, Why.NO_FDB_ENTRY)] * len(TASKS)


def test_two_faults_in_the_way_of_different_flows_are_two_findings() -> None:
    world = faulty((SANDBOX, without_mark), (WORKER2, without_dnat))
    assert found(judged(world)) == [(SANDBOX, Why.RULE), (WORKER2, Why.RULE)]


def test_two_faults_of_which_either_stops_a_flow_are_two_findings() -> None:
    world = faulty((SANDBOX, without_mark), (WORKER1, without_forwarding))
    assert set(found(judged(world, OUTSIDE))) == {(SANDBOX, Why.RULE), (WORKER1, Why.FORWARDING_OFF)}


def test_what_stops_nothing_is_drift_alone() -> None:
    diagnosis = judged(faulty((WORKER1, without_forwarding)), LOCALLY)
    assert diagnosis.findings == ()
    assert diagnosis.drift == ("swarm-worker1: net.ipv4.ip_forward is 0; it should be 1",)


def test_an_interface_that_is_down_is_one_finding_with_the_routes_it_took() -> None:
    (finding,) = judged(faulty((SANDBOX, down("eth1")))).findings
    assert (finding.at, finding.cause.why, finding.cause.text) == (SANDBOX, Why.LINK_DOWN, "eth1 is down")


def test_a_cable_that_is_gone_is_missed_where_it_had_an_address() -> None:
    peer = WORLD.states[SANDBOX].links["eth0"].kind
    assert isinstance(peer, Veth)
    assert peer.peer is not None
    (finding,) = judged(faulty((SANDBOX, without("eth0")), (OVERLAY, without(peer.peer)))).findings
    assert (finding.at, finding.cause.why) == (SANDBOX, Why.LINK_DOWN)
    assert finding.cause.text == f"eth0 is gone, the cable to {peer.peer} of {OVERLAY}"


def test_what_is_under_the_mesh_is_put_right_by_hand() -> None:
    ground = {at: replace(WORLD.states[at], foreign=frozenset()) for at in (CLIENT, NamespaceRef("lab"))}
    world = faulty((NamespaceRef("lab"), down("lan1-eth1")))
    (finding,) = Judge(world, WANTED, ground).judge(FLOWS).findings
    assert (finding.at, finding.cause.why) == (NamespaceRef("lab"), Why.LINK_DOWN)
    assert finding.cause.mend == "ip link set lan1-eth1 up"


def test_where_nothing_is_known_of_what_should_be_the_place_where_it_ends_has_to_do() -> None:
    assert found(Judge(faulty((SANDBOX, without_forwarding)), {}).judge(FLOWS)) == [(SANDBOX, Why.FORWARDING_OFF)]


def test_nobody_listening_is_no_difference() -> None:
    nobody = dict.fromkeys(WORLD.states, frozenset[Listener]())
    diagnosis = judged(replace(WORLD, listeners=nobody), OUTSIDE)
    assert {each.at for each in diagnosis.findings} == TASKS
    assert {each.cause.why for each in diagnosis.findings} == {Why.NO_LISTENER}


def test_what_predict_was_not_taught_is_not_judged() -> None:
    many = Flow("client > all", Probe(CLIENT, ip("224.0.0.1"), "icmp", None, 1), TASKS)
    diagnosis = judged(WORLD, many, OUTSIDE)
    ((flow, why),) = diagnosis.untaught
    assert (flow, diagnosis.working) == (many, (OUTSIDE,))
    assert "224.0.0.1" in why


def told(at: NamespaceRef, **changes: object) -> list[str]:
    """What is said of a namespace that is otherwise."""
    states = {at: replace(WANTED[at], **changes)}  # type: ignore[arg-type]
    return [each.cause.text for each in differences(states, WANTED)]


VXLAN = WANTED[OVERLAY].links["vxlan0"]
ENTRY = min(WANTED[OVERLAY].fdb, key=lambda entry: entry.mac)
NEIGHBOUR = min(WANTED[OVERLAY].neighbours, key=lambda each: each.address)


@pytest.mark.parametrize(
    ("at", "changes", "text"),
    [
        (
            OVERLAY,
            {"fdb": (WANTED[OVERLAY].fdb - {ENTRY}) | {replace(ENTRY, vtep=ip("10.9.9.9"))}},
            f"vxlan0 has {ENTRY.mac} behind 10.9.9.9; it is behind {ENTRY.vtep}",
        ),
        (
            OVERLAY,
            {"neighbours": (WANTED[OVERLAY].neighbours - {NEIGHBOUR}) | {replace(NEIGHBOUR, mac="02:00:00:00:00:99")}},
            f"vxlan0 takes the MAC of {NEIGHBOUR.address} to be 02:00:00:00:00:99; it is {NEIGHBOUR.mac}",
        ),
        (
            OVERLAY,
            {"fdb": WANTED[OVERLAY].fdb | {FdbEntry("vxlan0", "02:00:00:00:00:99", ip("10.9.9.9"))}},
            "vxlan0 has an FDB entry that nobody ordered: 02:00:00:00:00:99 dst 10.9.9.9",
        ),
        (
            OVERLAY,
            {"neighbours": WANTED[OVERLAY].neighbours | {Neighbour("vxlan0", ip("10.9.9.9"), "02:00:00:00:00:99")}},
            "vxlan0 has a neighbour entry that nobody ordered: 10.9.9.9 lladdr 02:00:00:00:00:99",
        ),
        (
            OVERLAY,
            {"links": {**WANTED[OVERLAY].links, "vxlan0": replace(VXLAN, kind=Vxlan(999, 4789, WORKER1))}},
            "vxlan0 has VNI 999; the others have 4096",
        ),
        (
            OVERLAY,
            {"links": {**WANTED[OVERLAY].links, "vxlan0": replace(VXLAN, master=None, mtu=1400)}},
            "vxlan0 is no port of a bridge; it should be one of br0; has an MTU of 1400; it should be 1450",
        ),
        (
            SANDBOX,
            {"addresses": (*WANTED[SANDBOX].addresses, Address("eth1", IPv4Interface("10.9.9.9/32")))},
            "eth1 has an address that isn't its: 10.9.9.9/32",
        ),
        (
            SANDBOX,
            {"routes": WANTED[SANDBOX].routes | {Route(IPv4Interface("10.9.9.9/32").network, "", kind="blackhole")}},
            "a route that nobody ordered: blackhole 10.9.9.9",
        ),
        (
            SANDBOX,
            {"ipvs": {**WANTED[SANDBOX].ipvs, 7: VirtualService(7)}},
            "there is an IPVS service that nobody ordered: -f 7",
        ),
        (
            SANDBOX,
            {"ipvs": {0x100: replace(WANTED[SANDBOX].ipvs[0x100], scheduler="wlc")}},
            "the IPVS service -f 256 goes by wlc; it should go by rr",
        ),
        (
            SANDBOX,
            {"rules": Ruleset({**WANTED[SANDBOX].rules.tables, "filter": Table({"FORWARD": Chain("DROP")})})},
            "the policy of filter FORWARD is DROP; it should be ACCEPT",
        ),
    ],
)
def test_what_is_otherwise_is_said_in_a_sentence(at: NamespaceRef, changes: dict[str, object], text: str) -> None:
    assert told(at, **changes) == [text]


def test_rules_in_another_order_are_told_of() -> None:
    rules = WANTED[WORKER1].rules
    turned = with_rules(rules, "nat", "POSTROUTING", *reversed(rules.chain("nat", "POSTROUTING").rules))
    assert told(WORKER1, rules=turned) == ["the rules of nat POSTROUTING are in another order than they should be"]


def test_real_servers_in_another_order_are_no_difference() -> None:
    service = WANTED[SANDBOX].ipvs[0x100]
    assert told(SANDBOX, ipvs={0x100: replace(service, destinations=service.destinations[::-1])}) == []


class TestEqualCostPaths:
    """Of two spines, one doesn't forward."""

    FABRIC = world("three-nodes", "leafspine")

    def test_a_flow_is_judged_by_the_path_that_stands_for_all_or_by_each(self) -> None:
        crossing = Flow("worker1 > manager", Probe(WORKER1, ip("192.168.56.10"), "udp", 9, 40000), frozenset({MANAGER}))
        by_either = [
            Judge(faulty((spine, without_forwarding), world=self.FABRIC), self.FABRIC.states)
            for spine in map(NamespaceRef, ("spine1", "spine2"))
        ]
        assert sorted(len(judge.judge([crossing]).findings) for judge in by_either) == [0, 1]
        for judge in by_either:
            assert len(judge.judge([crossing], every_path=True).findings) == 1
