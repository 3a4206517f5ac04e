"""Addresses and ports as nat makes them, there and back."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from meshnet.errors import NotTaughtError
from meshnet.path import Hook, Packet
from meshnet.predict.netfilter import Netfilter, Outcome, Passage
from tests.predict.netfilter.by_hand import NODE, Host, matched, netfilter, packet
from tests.predict.netfilter.test_connections import forward

TASK = Host.of(lo="10.255.0.168/32", eth0="10.255.0.6/16")
SBOX = Host.of(eth0="10.255.0.3/16", eth1="172.19.0.2/16")


def receive(walker: Netfilter, passage: Passage) -> Outcome:
    """To a socket of this namespace."""
    outcome = walker.traverse(replace(passage, hook=Hook.PREROUTING))
    for step in (walker.traverse, walker.finish):
        outcome = step(replace(passage, hook=Hook.INPUT, packet=outcome.packet, flow=outcome.flow))
    return outcome


def send(walker: Netfilter, passage: Passage) -> Outcome:
    """From a socket of this namespace."""
    outcome = walker.traverse(replace(passage, hook=Hook.OUTPUT))
    outcome = walker.finish(replace(passage, hook=Hook.OUTPUT, packet=outcome.packet, flow=outcome.flow))
    return walker.traverse(replace(passage, hook=Hook.POSTROUTING, packet=outcome.packet, flow=outcome.flow))


def test_a_published_port_leads_to_the_sandbox_and_answers_come_from_where_the_client_asked() -> None:
    walker = netfilter(
        nat="""
            -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS
            -A DOCKER-INGRESS -p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.19.0.2:8000
            -A DOCKER-INGRESS -j RETURN
        """
    )
    asked = packet("tcp 192.168.0.9:40000 > 192.168.0.2:8000 S")
    arrived = walker.traverse(Passage(Hook.PREROUTING, asked, in_interface="eth0"))
    assert matched(arrived.hops) == ["nat PREROUTING 1", "nat DOCKER-INGRESS 1"]
    assert [str(hop.packet.destination) for hop in arrived.hops] == ["192.168.0.2", "172.19.0.2"]
    forward(walker, Passage(Hook.PREROUTING, arrived.packet, arrived.flow))
    answer = forward(walker, Passage(Hook.PREROUTING, packet("tcp 172.19.0.2:8000 > 192.168.0.9:40000 SA")))
    assert answer.hops == ()
    assert answer.packet.is_answered_by(asked)


def test_later_packets_are_translated_without_a_rule() -> None:
    walker = netfilter(nat="-A PREROUTING -p tcp -j DNAT --to-destination 172.19.0.2:81")
    asked = packet("tcp 192.168.0.9:40000 > 192.168.0.2:80 S")
    first, second = (forward(walker, Passage(Hook.PREROUTING, asked)) for _ in range(2))
    assert second.packet == first.packet
    assert second.hops == ()
    assert str(second.packet) == "tcp 192.168.0.9:40000 > 172.19.0.2:81 S"


@pytest.mark.parametrize(
    ("target", "source", "port"),
    [
        ("MASQUERADE", "172.19.0.1", 40000),
        ("SNAT --to-source 10.9.9.9", "10.9.9.9", 40000),
        ("SNAT --to-source 10.9.9.9-10.9.9.9", "10.9.9.9", 40000),
        ("SNAT --to-source :53", "192.168.0.9", 53),
        ("SNAT --to-source 10.9.9.9:777", "10.9.9.9", 777),
        ("SNAT --to-source 10.9.9.9:30000-50000", "10.9.9.9", 40000),
        ("SNAT --to-source 10.9.9.9:30000-30009", "10.9.9.9", None),
        ("SNAT --to-source 10.9.9.9 --random", "10.9.9.9", None),
        ("MASQUERADE --to-ports 777", "172.19.0.1", 777),
        ("MASQUERADE --random-fully", "172.19.0.1", None),
    ],
)
def test_a_source_is_changed_on_the_way_out(target: str, source: str, port: int | None) -> None:
    walker = netfilter(nat=f"-A POSTROUTING -p tcp -o docker_gwbridge -j {target}")
    asked = packet("tcp 192.168.0.9:40000 > 172.19.0.2:8000 S")
    sent = forward(walker, Passage(Hook.PREROUTING, asked, in_interface="eth0", out_interface="docker_gwbridge"))
    (hop,) = sent.hops
    assert (str(sent.packet.source), sent.packet.source_port) == (source, port)
    assert hop.packet == sent.packet


def test_a_source_port_that_would_make_answers_ambiguous_is_drawn() -> None:
    walker = netfilter(nat="-A POSTROUTING -o docker_gwbridge -j MASQUERADE")
    for source, port in (("192.168.0.9", 40000), ("192.168.0.8", None)):
        asked = packet(f"udp {source}:40000 > 172.19.0.2:53")
        sent = forward(walker, Passage(Hook.PREROUTING, asked, out_interface="docker_gwbridge"))
        assert sent.packet.source_port == port


def test_a_socket_keeps_the_port_that_was_drawn_for_it() -> None:
    walker = netfilter(nat="-A POSTROUTING -o docker_gwbridge -j MASQUERADE")
    for ends, port in (
        ("192.168.0.9:40000 > 172.19.0.2:53", 40000),
        ("192.168.0.8:40000 > 172.19.0.2:53", None),
        ("192.168.0.8:40000 > 172.19.0.3:53", None),
        ("192.168.0.9:40000 > 172.19.0.3:53", 40000),
    ):
        sent = forward(walker, Passage(Hook.PREROUTING, packet(f"udp {ends}"), out_interface="docker_gwbridge"))
        assert sent.packet.source_port == port, ends


def test_a_source_port_is_drawn_even_where_no_rule_matches() -> None:
    walker = netfilter(nat="-A PREROUTING -j DNAT --to-destination 172.19.0.2")
    for destination, port in (("192.168.0.2", 40000), ("172.19.0.1", None)):
        sent = forward(walker, Passage(Hook.PREROUTING, packet(f"udp 192.168.0.9:40000 > {destination}:53")))
        assert sent.packet.source_port == port


def test_a_source_port_that_is_given_and_taken_is_refused() -> None:
    walker = netfilter(nat="-A POSTROUTING -p udp -j SNAT --to-source 10.9.9.9:777")
    forward(walker, Passage(Hook.PREROUTING, packet("udp 192.168.0.9:1 > 172.19.0.2:53")))
    with pytest.raises(NotTaughtError, match="source port 777, which another connection has"):
        forward(walker, Passage(Hook.PREROUTING, packet("udp 192.168.0.9:2 > 172.19.0.2:53")))


def test_what_hangs_on_a_drawn_port_is_refused() -> None:
    walker = netfilter(nat="-A POSTROUTING -p udp -j SNAT --to-source 10.9.9.9 --random\n")
    sent = forward(walker, Passage(Hook.PREROUTING, packet("udp 192.168.0.9:1 > 172.19.0.2:53")))
    later = netfilter(filter="-A FORWARD -p udp -m udp --sport 1024:65535 -j DROP")
    with pytest.raises(NotTaughtError, match="a port that the kernel draws"):
        forward(later, Passage(Hook.PREROUTING, sent.packet))


def test_a_redirect_leads_to_the_interfaces_first_address() -> None:
    walker = netfilter(TASK, nat="-A PREROUTING -d 10.255.0.6/32 -p tcp -m tcp --dport 8000 -j REDIRECT --to-ports 80")
    asked = packet("tcp 10.255.0.3:40000 > 10.255.0.6:8000 S")
    got = receive(walker, Passage(Hook.PREROUTING, asked, in_interface="eth0"))
    assert str(got.packet) == "tcp 10.255.0.3:40000 > 10.255.0.6:80 S"
    answer = send(walker, Passage(Hook.OUTPUT, packet("tcp 10.255.0.6:80 > 10.255.0.3:40000 SA"), out_interface="eth0"))
    assert answer.packet.is_answered_by(asked)


def test_a_redirect_of_ones_own_leads_to_loopback() -> None:
    walker = netfilter(TASK, nat="-A OUTPUT -p udp -j REDIRECT --to-ports 5353")
    sent = walker.traverse(Passage(Hook.OUTPUT, packet("udp 10.255.0.6:1 > 10.0.0.53:53"), out_interface="eth0"))
    assert str(sent.packet) == "udp 10.255.0.6:1 > 127.0.0.1:5353"


@pytest.mark.parametrize(
    "nat", ["-A PREROUTING -j REDIRECT --to-ports 80", "-A POSTROUTING -j MASQUERADE"], ids=["redirect", "masquerade"]
)
def test_without_an_address_to_take_the_packet_is_dropped(nat: str) -> None:
    walker = netfilter(Host.of(), nat=nat)
    outcome = forward(walker, Passage(Hook.PREROUTING, packet("udp 10.0.0.9:1 > 10.0.0.8:2"), in_interface="eth0"))
    assert not outcome.accepted


def test_an_echo_keeps_its_identifier_both_ways() -> None:
    walker = netfilter(
        nat="-A PREROUTING -d 192.168.0.2/32 -j DNAT --to-destination 172.19.0.2\n-A POSTROUTING -j MASQUERADE"
    )
    asked = packet("icmp 192.168.0.9:7 > 192.168.0.2 echo-request")
    sent = forward(walker, Passage(Hook.PREROUTING, asked, out_interface="docker_gwbridge"))
    assert str(sent.packet) == "icmp 172.19.0.1:7 > 172.19.0.2:7 echo-request"
    answer = forward(walker, Passage(Hook.PREROUTING, packet("icmp 172.19.0.2:7 > 172.19.0.1 echo-reply")))
    assert str(answer.packet) == "icmp 192.168.0.2:7 > 192.168.0.9:7 echo-reply"


def test_an_error_is_translated_with_what_it_quotes() -> None:
    walker = netfilter(nat="-A PREROUTING -j DNAT --to-destination 172.19.0.2\n-A POSTROUTING -j MASQUERADE")
    asked = packet("udp 192.168.0.9:40000 > 192.168.0.2:53")
    sent = forward(walker, Passage(Hook.PREROUTING, asked, out_interface="docker_gwbridge"))
    error = packet("icmp 172.19.0.2 > 172.19.0.1 port-unreachable")
    answer = forward(walker, Passage(Hook.PREROUTING, error, quoted=sent.packet))
    assert str(answer.packet) == "icmp 192.168.0.2 > 192.168.0.9 port-unreachable"
    assert answer.quoted == asked


class Balanced:
    """A request through ingress_sbox, which IPVS sends to a real server."""

    asked = packet("tcp 192.168.0.9:40000 > 172.19.0.2:8000 S", mark=0x100)
    nat = "-A POSTROUTING -d 10.255.0.0/16 -m ipvs --ipvs -j SNAT --to-source 10.255.0.3"

    def __init__(self, tracked: bool = True, port: int = 8000) -> None:
        self.walker = netfilter(SBOX, nat=self.nat)
        arrived = self.walker.traverse(Passage(Hook.PREROUTING, self.asked, in_interface="eth1"))
        taken = self.walker.traverse(Passage(Hook.INPUT, arrived.packet, arrived.flow, in_interface="eth1"))
        assert taken.flow is not None
        server = replace(taken.packet, destination=IPv4Address("10.255.0.6"), destination_port=port)
        if tracked:
            self.walker.redirect(taken.flow, server.destination, server.destination_port)
        flow = taken.flow if tracked else self.walker.untrack()
        sent = Passage(Hook.OUTPUT, server, flow, out_interface="eth0", balanced=True)
        self.sent = send(self.walker, sent)

    def answered(self, answer: Packet) -> Outcome:
        return self.walker.traverse(Passage(Hook.PREROUTING, answer, in_interface="eth0"))


def test_what_ipvs_balances_gets_the_sandboxs_source() -> None:
    sent = Balanced().sent
    assert matched(sent.hops) == ["nat POSTROUTING 1"]
    assert str(sent.packet) == "tcp 10.255.0.3:40000 > 10.255.0.6:8000 S"
    assert sent.packet.mark == 0x100


def test_conntrack_turns_back_the_destination_of_a_balanced_answer_and_leaves_its_source_to_ipvs() -> None:
    balanced = Balanced()
    answer = balanced.answered(packet("tcp 10.255.0.6:8000 > 10.255.0.3:40000 SA"))
    assert answer.hops == ()
    assert str(answer.packet) == "tcp 10.255.0.6:8000 > 192.168.0.9:40000 SA"
    assert answer.flow is not None
    assert answer.flow.reply


def test_had_inputs_nat_come_before_ipvs_there_would_be_no_source_left_to_choose() -> None:
    walker = Balanced().walker
    other = packet("tcp 192.168.0.9:40001 > 172.19.0.2:8000 S")
    arrived = receive(walker, Passage(Hook.PREROUTING, other))
    sent = walker.traverse(Passage(Hook.POSTROUTING, other, arrived.flow, out_interface="eth0", balanced=True))
    assert sent.hops == ()


def test_without_conntrack_ipvs_gets_no_source_nat() -> None:
    sent = Balanced(tracked=False).sent
    assert (sent.hops, str(sent.packet)) == ((), "tcp 192.168.0.9:40000 > 10.255.0.6:8000 S")


def test_a_real_server_is_chosen_by_the_first_packet_only() -> None:
    balanced = Balanced()
    again = balanced.walker.traverse(Passage(Hook.PREROUTING, balanced.asked, in_interface="eth1"))
    assert again.flow is not None
    balanced.walker.redirect(again.flow, IPv4Address("10.255.0.7"), 8000)
    refused = packet("tcp 10.255.0.6:8000 > 10.255.0.3:40000 RA")
    answers = [balanced.answered(refused).packet for _ in range(2)]
    assert [str(answer.destination) for answer in answers] == ["192.168.0.9", "10.255.0.3"]


def test_a_real_server_answers_from_its_own_port() -> None:
    answer = Balanced(port=80).answered(packet("tcp 10.255.0.6:80 > 10.255.0.3:40000 SA"))
    assert str(answer.packet.destination) == "192.168.0.9"


def test_an_answer_turned_back_to_who_asked_itself_is_refused_since_it_mirrors_the_question() -> None:
    walker = netfilter(SBOX)
    itself = packet("udp 10.255.0.5:40000 > 10.255.0.5:7000")
    passage = Passage(Hook.OUTPUT, itself, out_interface="lo")
    sent = send(walker, passage)
    receive(walker, replace(passage, packet=sent.packet, flow=sent.flow, in_interface="lo"))
    answer = Passage(Hook.PREROUTING, packet("udp 10.255.0.6:7000 > 10.255.0.5:40000"), in_interface="eth0")
    arrived = walker.traverse(answer)
    assert arrived.flow is not None
    with pytest.raises(NotTaughtError, match="mirror"):
        walker.turn_back(arrived.flow, IPv4Address("10.255.0.5"), 7000)


def test_what_goes_back_for_an_answer_turned_back_goes_to_its_new_source() -> None:
    walker = netfilter(SBOX)
    answer = Passage(Hook.PREROUTING, packet("udp 10.255.0.6:7000 > 10.255.0.3:40000"), in_interface="eth0")
    arrived = walker.traverse(answer)
    assert arrived.flow is not None
    walker.turn_back(arrived.flow, IPv4Address("10.255.0.5"), 7000)
    taken = walker.traverse(Passage(Hook.INPUT, arrived.packet, arrived.flow, in_interface="eth0"))
    walker.finish(Passage(Hook.INPUT, taken.packet, taken.flow, in_interface="eth0"))
    again = walker.traverse(Passage(Hook.PREROUTING, packet("udp 10.255.0.3:40000 > 10.255.0.5:7000")))
    assert again.flow is not None
    assert again.flow.reply


def test_only_what_is_the_nodes_own_is_masqueraded_on_its_way_to_the_gateway_bridge() -> None:
    walker = netfilter(NODE, nat="-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE")
    for source, expected in (
        ("192.168.0.2", "172.19.0.1"),
        ("192.168.0.9", "192.168.0.9"),
        ("127.0.0.1", "172.19.0.1"),
    ):
        asked = packet(f"tcp {source}:40000 > 172.19.0.2:8000 S")
        sent = send(walker, Passage(Hook.OUTPUT, asked, out_interface="docker_gwbridge"))
        assert str(sent.packet.source) == expected
