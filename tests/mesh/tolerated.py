"""The differences between what is rendered and what a real engine's machine had that are none, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshnet.netstate import NamespaceRef
from tests.mesh.picture import Picture


@dataclass(frozen=True)
class Tolerance:
    """In the ``section`` of namespaces that ``where`` matches, ``pattern`` is replaced in the lines of both sides; a
    line that becomes empty by it is dropped."""

    reason: str
    section: str
    pattern: str
    replacement: str = ""
    where: str = r""


@dataclass(frozen=True)
class Order:
    """The lines of ``section`` are compared in the order of ``key``; those with equal keys in the order they have."""

    reason: str
    section: str
    key: Callable[[str], Any]


HOST, OVERLAY, TASK = r"swarm-\w+$", r".*/1-", r".*/[0-9a-f]{12}$"

TOLERATED = (
    Tolerance(
        "Docker draws the ports of the embedded resolver",
        "rules",
        r"(?<=--to-destination 127\.0\.0\.11:)\d+|(?<=--sport )\d+(?= -j SNAT --to-source :53)",
        "drawn",
    ),
    Tolerance("the topology made the underlay interface: no engine does", "links", r"eth1 veth.*", where=HOST),
    Tolerance("the topology gave the node its address", "addresses", r"eth1 192\.168\.56\..*", where=HOST),
    Tolerance("the topology gave the node its way out", "routes", r"0\.0\.0\.0/0 dev eth1 via .*", where=HOST),
    Tolerance("Docker draws the names of ports on docker_gwbridge", "links", r"\bveth[0-9a-f]{7}\b", "veth-drawn"),
    Tolerance("Docker draws four bytes of a bridge's MAC", "links", r"(?<= mac 02:42:)\S+$", "drawn", HOST),
    Tolerance(
        "the kernel draws the MAC of a bridge port, a VXLAN device, and a bridge that was given none",
        "links",
        r"^((?:br0|vxlan0|veth\S*) .* mac) \S+$",
        r"\1 drawn",
    ),
    Tolerance(
        "`ip -d` doesn't say in which namespace a VXLAN device's socket lies", "links", r" underlay \S+", where=OVERLAY
    ),
    Tolerance("every namespace has a loopback interface by itself", "links", r"lo loopback mtu 65536 up .*"),
    Tolerance("a loopback interface has its address by itself", "addresses", r"lo (127\.0\.0\.1/8|::1/128)"),
    Tolerance("the kernel gives a link an IPv6 address of its own", "addresses", r"\S+ fe80::\S+"),
    Tolerance("the kernel adds a route for every address", "routes", r".* proto kernel scope link src .*"),
    Tolerance(
        "the kernel learns neighbours and forgets them", "neighbours", r".* (REACHABLE|STALE|DELAY|PROBE|FAILED)"
    ),
    Tolerance(
        "a bridge and its ports hear their own MACs and the groups they are in",
        "fdb",
        r"\S+ dev \S+ (self permanent|(vlan 1 )?master \S+ permanent)",
    ),
    Tolerance("a bridge learns MACs and forgets them", "fdb", r"\S+ dev \S+ master \S+( \w+)?"),
    Tolerance(
        "the kernel has an interface follow net.ipv4.ip_forward",
        "sysctls",
        r"net\.ipv4\.conf\.(\S+\.forwarding = 1|all\.accept_redirects = 0)",
    ),
    Tolerance(
        "the machine's namespaces took over its ip_forward; where no packet is routed it says nothing",
        "sysctls",
        r"net\.ipv4\.ip_forward = 1",
        where=rf"{OVERLAY}|{TASK}|.*/lb_",
    ),
    Tolerance(
        "the kernel has an interface follow conf.all.disable_ipv6",
        "sysctls",
        r"net\.ipv6\.conf\.(?!all\.|default\.)\S+\.disable_ipv6 = 1",
    ),
    Tolerance(
        "the kernel measures these out by the machine's memory",
        "sysctls",
        r"net\.(ipv4\.(tcp_ehash_entries|tcp_max_syn_backlog|tcp_max_tw_buckets|vs\.sync_qlen_max)"
        r"|netfilter\.nf_conntrack_(max|buckets|expect_max)) = -?\d+",
    ),
    Tolerance("that is a counter", "sysctls", r"net\.netfilter\.nf_conntrack_count = \d+"),
    Tolerance("the kernel of the dumps had no modules to log by", "sysctls", r"net\.netfilter\.nf_log\.\d+ = NONE"),
    Tolerance(
        "old names for ..._ms, which `sysctl -a` passes over",
        "sysctls",
        r"net\.ipv[46]\.neigh\.\S+\.(base_reachable_time = 30|retrans_time = 100)",
    ),
    Tolerance("bridges and ports are known by their MACs, and elect one", "attributes", r"\S+ bridge\S* \S+ 8000\..*"),
    Tolerance("a bridge counts its ports", "attributes", r"veth\S+ bridge_slave (port_id|port_no|designated_port) .*"),
    Tolerance("timers run", "attributes", r"\S+ bridge\S* (gc|forward_delay)_timer .*"),
    Tolerance("the kernel counts the namespaces it knows of", "attributes", r"\S+ link link-netnsid \w+"),
    Tolerance("a bridge with no port that is up is down", "attributes", r"docker0 header state DOWN"),
    Tolerance("a bridge takes over what its ports can do", "attributes", r"\S+ bridge tso_max_size \d+"),
    Tolerance("the engine asks for no queue, and links of this kind have none", "attributes", r"\S+ header qlen none"),
    Tolerance(
        "the engine sets the VLAN of untagged frames to none; nothing here filters by VLAN",
        "attributes",
        r"br0 bridge vlan_default_pvid 0",
        where=OVERLAY,
    ),
)

ORDERS = (
    Order("`ip addr` prints link by link", "addresses", lambda line: line.split()[0]),
    Order("`ipvsadm` sorts what it prints", "ipvs", str.split),
)
"""Routes, neighbours and FDB entries have no order of their own: both sides have them sorted."""


def tolerant(
    ref: NamespaceRef,
    sections: Picture,
    tolerated: tuple[Tolerance, ...] = TOLERATED,
    orders: tuple[Order, ...] = ORDERS,
) -> Picture:
    """``sections`` with the tolerated differences taken out."""
    kept = {section: _kept(str(ref), section, lines, tolerated) for section, lines in sections.items()}
    for order in orders:
        kept.get(order.section, []).sort(key=order.key)
    return kept


def _kept(ref: str, section: str, lines: list[str], tolerated: tuple[Tolerance, ...]) -> list[str]:
    for tolerance in tolerated:
        if tolerance.section == section and re.match(tolerance.where, ref):
            lines = [re.sub(tolerance.pattern, tolerance.replacement, line) for line in lines]
    return [line for line in lines if line]
