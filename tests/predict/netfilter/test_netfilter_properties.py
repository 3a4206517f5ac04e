"""What holds of every connection, whatever nat makes of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from meshnet.path import Hook, Packet
from meshnet.predict.netfilter import Passage
from tests.predict.netfilter.by_hand import NODE, netfilter, packet
from tests.predict.netfilter.test_connections import forward

_DESTINATIONS = ("-j DNAT --to-destination 172.19.0.2", "-p {p} -j DNAT --to-destination 172.19.0.2:81", "-j REDIRECT")
_SOURCES = ("-j MASQUERADE", "-j SNAT --to-source 10.9.9.9", "-p {p} -j SNAT --to-source 10.9.9.9:1024-65535")
_ANSWERS = {"S": "SA", "": "", "echo-request": "echo-reply"}


@st.composite
def tables(draw: st.DrawFn, protocol: str) -> str:
    lines = []
    for chain, targets in (("PREROUTING", _DESTINATIONS), ("POSTROUTING", _SOURCES)):
        known = [target for target in targets if protocol != "icmp" or "{p}" not in target]
        for target in draw(st.lists(st.sampled_from(known), max_size=2)):
            lines.append(f"-A {chain} {draw(st.sampled_from(('', '-s 10.0.0.0/24 ', '! -d 10.1.0.2 ')))}{target}")
    return "\n".join(lines).replace("{p}", protocol)


@st.composite
def requests(draw: st.DrawFn, protocol: str) -> Packet:
    source, destination = (f"10.{net}.0.{draw(st.integers(1, 3))}" for net in (0, 1))
    if protocol == "icmp":
        return packet(f"icmp {source}:{draw(st.integers(1, 3))} > {destination} echo-request")
    ports = draw(st.integers(2000, 2003)), draw(st.sampled_from((53, 80)))
    return packet(f"{protocol} {source}:{ports[0]} > {destination}:{ports[1]} {'S' if protocol == 'tcp' else ''}")


def answer_to(request: Packet) -> Packet:
    return replace(
        request,
        source=request.destination,
        destination=request.source,
        source_port=request.destination_port,
        destination_port=request.source_port,
        kind=_ANSWERS[request.kind],
    )


@given(st.data(), st.sampled_from(("tcp", "udp", "icmp")))
def test_the_answer_to_a_translated_packet_comes_back_as_its_mirror(data: st.DataObject, protocol: str) -> None:
    walker = netfilter(NODE, nat=data.draw(tables(protocol)))
    for request in data.draw(st.lists(requests(protocol), min_size=1, max_size=4)):
        passage = Passage(Hook.PREROUTING, request, in_interface="eth0", out_interface="docker_gwbridge")
        sent = forward(walker, passage)
        again = forward(walker, passage)
        assert (again.packet, again.flow and again.flow.key) == (sent.packet, sent.flow and sent.flow.key)
        back = Passage(Hook.PREROUTING, answer_to(sent.packet), in_interface="docker_gwbridge", out_interface="eth0")
        answer = forward(walker, back)
        assert answer.packet == answer_to(request)
        assert answer.hops == ()
