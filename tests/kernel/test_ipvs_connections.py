"""What /proc/net/ip_vs_conn says of IPVS's connections."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from meshnet.kernel.ipvs_connections import IpvsConnection, connections, parse
from meshnet.kernel.namespaces import NetNamespace
from tests.lab.walled import walled

HEADER = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n"
TCP = "TCP C0A8381E 9C40 0AFF0002 1F40 0AFF0006 1F40 SYN_RECV         57\n"
SIX = (
    "TCP [2001:0db8:0000:0000:0000:0000:0000:0001] 9C40 [2001:0db8:0000:0000:0000:0000:0000:0002] 1F40 "
    "[2001:0db8:0000:0000:0000:0000:0000:0003] 1F40 ESTABLISHED    899\n"
)
TEMPLATE = "IP  C0A8381E 0000 00000100 0000 0AFF0006 0000 NONE            299\n"
NAMED_ENGINE = "UDP C0A8381E 13C4 0AFF0002 13C4 0AFF0007 13C4 UDP             299 sip 1234@example\n"


def test_a_connection_names_client_virtual_address_and_server() -> None:
    (found,) = parse(HEADER + TCP)
    client, virtual, server = map(IPv4Address, ("192.168.56.30", "10.255.0.2", "10.255.0.6"))
    assert found == IpvsConnection("tcp", client, 40000, virtual, 8000, server, 8000, "SYN_RECV", 57)


@pytest.mark.parametrize("line", [SIX, TEMPLATE], ids=["IPv6", "template"])
def test_what_is_no_connection_over_ipv4_is_left_out(line: str) -> None:
    assert [found.protocol for found in parse(HEADER + line + NAMED_ENGINE)] == ["udp"]


@pytest.mark.lab
@walled
def test_a_namespace_without_connections_has_none() -> None:
    assert connections(NetNamespace.create()) == ()
