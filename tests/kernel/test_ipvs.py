"""IPVS: services by mark as Docker makes them, and what somebody may make of them by hand."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from meshnet.errors import MachineError
from meshnet.kernel.apply import Kernel
from meshnet.netstate import Destination, NamespaceRef, NetState, VirtualService
from tests.kernel.nodes import HAS_IPVS, bare_nodes, kernel_with, run
from tests.lab.walled import walled

NODE = NamespaceRef("node")
SERVERS = tuple(Destination(IPv4Address(f"10.0.0.{last}")) for last in (6, 7))
WANT = {
    NODE: NetState(
        sysctls={"net.ipv4.vs.conntrack": "1"},
        ipvs={256: VirtualService(256, "rr", SERVERS), 257: VirtualService(257)},
        foreign=frozenset({"eth0"}),
    )
}

pytestmark = pytest.mark.lab
with_ipvs = pytest.mark.skipif(not HAS_IPVS, reason="this kernel has no IPVS, or ip_vs isn't loaded")


def applied() -> Kernel:
    kernel = kernel_with(bare_nodes({"node": "192.168.56.11/24"}))
    kernel.apply(WANT)
    return kernel


@with_ipvs
@walled
def test_services_are_as_docker_makes_them() -> None:
    kernel = applied()
    assert sorted(run(kernel.namespaces[NODE], "ipvsadm -Sn").splitlines()) == [
        "-A -f 256 -s rr",
        "-A -f 257 -s rr",
        "-a -f 256 -r 10.0.0.6:0 -m -w 1",
        "-a -f 256 -r 10.0.0.7:0 -m -w 1",
    ]
    assert run(kernel.namespaces[NODE], "cat /proc/sys/net/ipv4/vs/conntrack") == "1\n"
    assert not kernel.plan()


DESTINATION = "node: ~ ipvs destination 10.0.0.6 weight 1 masq of mark 0x100"
BREAKAGES = {
    f"{DESTINATION} (was weight 0 masq)": "-e -f 256 -r 10.0.0.6 -m -w 0",
    f"{DESTINATION} (was weight 1 route)": "-e -f 256 -r 10.0.0.6 -g",
    "node: + ipvs destination 10.0.0.7 weight 1 masq of mark 0x100": "-d -f 256 -r 10.0.0.7",
    "node: - ipvs destination 10.0.0.8:80 weight 5 tunnel of mark 0x101": "-a -f 257 -r 10.0.0.8:80 -i -w 5",
    "node: ~ ipvs service mark 0x100 wrr persistent 300 s -> mark 0x100 rr": "-E -f 256 -s wrr -p 300",
    "node: + ipvs service mark 0x101 rr": "-D -f 257",
    "node: - ipvs service mark 0x102 wlc": "-A -f 258",
}


@pytest.mark.parametrize("found", BREAKAGES)
@with_ipvs
@walled
def test_what_somebody_broke_is_found_and_mended(found: str) -> None:
    kernel = applied()
    run(kernel.namespaces[NODE], f"ipvsadm {BREAKAGES[found]}")
    assert str(kernel.plan()) == found
    kernel.apply(WANT, strict=True)
    assert not kernel.plan()


@with_ipvs
@walled
def test_only_what_differs_is_changed_so_that_connections_stay() -> None:
    kernel = applied()
    run(kernel.namespaces[NODE], "ipvsadm -A -t 10.9.9.9:80 -s rr")
    drained = VirtualService(256, "rr", (replace(SERVERS[0], weight=0), SERVERS[1]))
    plan = kernel.apply({NODE: replace(WANT[NODE], ipvs={256: drained})})
    assert str(plan).splitlines() == [
        "node: - ipvs service mark 0x101 rr",
        "node: ~ ipvs destination 10.0.0.6 weight 0 masq of mark 0x100 (was weight 1 masq)",
    ]
    assert "TCP  10.9.9.9:80 rr" in run(kernel.namespaces[NODE], "ipvsadm -Ln")


@pytest.mark.skipif(HAS_IPVS, reason="this kernel has IPVS")
@walled
def test_a_kernel_without_it_is_said_to_be() -> None:
    with pytest.raises(MachineError, match="expected a kernel with IPVS"):
        kernel_with(bare_nodes({"node": "192.168.56.11/24"})).apply({NODE: replace(WANT[NODE], sysctls={})})
