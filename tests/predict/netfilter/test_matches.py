"""What a rule matches, match by match."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshnet.path import Hook
from meshnet.predict.netfilter import Passage
from tests.predict.netfilter.by_hand import netfilter, packet

SYN = packet("tcp 10.0.0.9:40000 > 192.168.0.2:80 S")
UDP = packet("udp 10.0.0.9:40000 > 192.168.0.2:53")
PING = packet("icmp 10.0.0.9:7 > 192.168.0.2 echo-request")
UNREACHABLE = packet("icmp 10.0.0.9 > 192.168.0.2 port-unreachable")
FRAGMENT = packet("tcp 10.0.0.9 > 192.168.0.2")

FROM_OUTSIDE = Passage(Hook.FORWARD, SYN, in_interface="eth0", out_interface="docker_gwbridge")
BRIDGED = replace(FROM_OUTSIDE, physical_in="veth0", physical_out="veth1")


def matches(rule: str, passage: Passage) -> bool:
    return bool(netfilter(filter=f"-A {passage.hook.name} {rule}").traverse(passage).hops)


@pytest.mark.parametrize(
    ("rule", "packets"),
    [
        ("", [SYN, UDP, PING]),
        ("-s 10.0.0.9/32", [SYN, UDP]),
        ("-s 10.0.0.0/8 -d 192.168.0.2", [SYN]),
        ("-s 10.0.0.9/255.0.0.255", [SYN]),
        ("! -s 10.0.0.8/32", [SYN]),
        ("! -d 192.168.1.0/24", [SYN]),
        ("-i eth0 -o docker_gwbridge", [SYN]),
        ("-i eth+ ! -o eth+", [SYN]),
        ("-p tcp", [SYN]),
        ("-p 17", [UDP]),
        ("! -p udp", [SYN, PING]),
        ("-p tcp -m tcp --dport 80", [SYN]),
        ("-p tcp -m tcp --sport 1024:65535 ! --dport 81:90", [SYN]),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", [SYN]),
        ("-p tcp -m tcp --syn", [SYN]),
        ("-p tcp -m tcp ! --tcp-flags SYN,ACK SYN,ACK", [SYN]),
        ("-p udp -m udp --dport 53", [UDP]),
        ("-p tcp -m multiport --dports 22,80,8000:8010", [SYN]),
        ("-p tcp -m multiport ! --sports 22,80", [SYN]),
        ("-p tcp -m multiport --ports 80", [SYN]),
        ("-p icmp -m icmp --icmp-type 8", [PING]),
        ("-p icmp -m icmp --icmp-type 8/0", [PING]),
        ("-p icmp -m icmp --icmp-type port-unreachable", [UNREACHABLE]),
        ("-p icmp -m icmp --icmp-type any", [PING, UNREACHABLE]),
        ("-p icmp -m icmp ! --icmp-type 3/4", [PING, UNREACHABLE]),
        ("-m addrtype --dst-type LOCAL", [SYN]),
        ("-m addrtype --src-type UNICAST,MULTICAST ! --dst-type BROADCAST", [SYN]),
        ("-m addrtype --dst-type LOCAL --limit-iface-in", [SYN]),
        ("-m mark --mark 0x0", [SYN]),
        ("-m mark ! --mark 0x100/0x100", [SYN]),
        ("-m ipvs ! --ipvs", [SYN]),
        ('-m comment --comment "-j DROP is what it does not" -j ACCEPT', [SYN]),
        ("-m physdev ! --physdev-is-bridged", [SYN]),
    ],
)
def test_a_rule_matches(rule: str, packets: list[object]) -> None:
    for each in (SYN, UDP, PING, UNREACHABLE):
        if each in packets:
            assert matches(rule, replace(FROM_OUTSIDE, packet=each)), each


@pytest.mark.parametrize(
    "rule",
    [
        "-s 10.0.0.8/32",
        "! -s 10.0.0.0/24",
        "-d 10.0.0.0/8",
        "-i eth",
        "! -i eth+",
        "-o eth0",
        "-p udp",
        "-p esp",
        "! -p tcp",
        "-p tcp -m tcp --dport 81",
        "-p tcp -m tcp ! --dport 80",
        "-p tcp -m tcp --sport 80",
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
        "-p tcp -m multiport --dports 22,8000:8010",
        "-p icmp -m icmp --icmp-type 0",
        "-m addrtype ! --dst-type LOCAL",
        "-m addrtype --src-type LOCAL",
        "-m addrtype --dst-type LOCAL --limit-iface-out",
        "-m mark --mark 0x100",
        "-m ipvs --ipvs",
        "-m physdev --physdev-in veth0",
        "-m physdev --physdev-is-bridged",
        "-p udp -m u32 --u32 0x0>>0x16&0x3c@0xc&0xffffff00=0x100100",
    ],
)
def test_a_rule_does_not_match(rule: str) -> None:
    assert not matches(rule, FROM_OUTSIDE)


@pytest.mark.parametrize("rule", ["--dport 80", "! --dport 80", "--sport 0:65535"])
def test_a_fragment_has_no_ports_to_match(rule: str) -> None:
    assert not matches(f"-p tcp -m tcp {rule}", replace(FROM_OUTSIDE, packet=FRAGMENT))


def test_marked_packets_match_by_the_bits_of_their_mark() -> None:
    marked = replace(FROM_OUTSIDE, packet=replace(SYN, mark=0x101))
    assert matches("-m mark --mark 0x100/0x100", marked)
    assert not matches("-m mark --mark 0x100", marked)


def test_what_ipvs_sends_matches_as_such() -> None:
    assert matches("-m ipvs --ipvs", replace(FROM_OUTSIDE, balanced=True))


@pytest.mark.parametrize(
    ("rule", "matching"),
    [
        ("--physdev-in veth0", True),
        ("--physdev-in veth1", False),
        ("! --physdev-in veth1 --physdev-out veth+", True),
        ("--physdev-is-in --physdev-is-out", True),
        ("--physdev-is-bridged", True),
        ("! --physdev-is-bridged", False),
    ],
)
def test_bridged_frames_match_by_their_ports(rule: str, matching: bool) -> None:
    assert matches(f"-m physdev {rule}", BRIDGED) is matching


@pytest.mark.parametrize(("vni", "matching"), [(4097, True), (4096, False)])
def test_an_encrypted_network_is_told_by_its_vni(vni: int, matching: bool) -> None:
    carrying = replace(packet("udp 10.0.0.9:40000 > 192.168.0.2:4789"), vni=vni)
    rule = "-p udp -m udp --dport 4789 -m u32 --u32 0x0>>0x16&0x3c@0xc&0xffffff00=0x100100"
    assert matches(rule, replace(FROM_OUTSIDE, packet=carrying)) is matching


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "LOCAL"),
        ("172.19.0.1", "LOCAL"),
        ("192.168.0.255", "BROADCAST"),
        ("255.255.255.255", "BROADCAST"),
        ("224.0.0.251", "MULTICAST"),
        ("192.168.0.3", "UNICAST"),
    ],
)
def test_every_address_is_of_one_type(address: str, kind: str) -> None:
    passage = replace(FROM_OUTSIDE, packet=packet(f"udp 10.0.0.9:1 > {address}:2"))
    found = [
        each
        for each in ("LOCAL", "BROADCAST", "MULTICAST", "UNICAST")
        if matches(f"-m addrtype --dst-type {each}", passage)
    ]
    assert found == [kind]
