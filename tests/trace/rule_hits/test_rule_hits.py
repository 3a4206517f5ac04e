"""Which rules packets match, and that nothing of the watching stays."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meshnet.errors import KernelError, MachineError
from meshnet.kernel.legacy_tables import LegacyTables, read
from meshnet.kernel.namespaces import NetNamespace
from meshnet.netstate import NamespaceRef
from meshnet.trace.rule_hits import RuleHits, listener, tracing
from meshnet.trace.seen import Hit
from tests.kernel.nodes import run
from tests.lab.walled import walled

pytestmark = pytest.mark.lab

NODE, OTHER = NamespaceRef("node"), NamespaceRef("other", "ingress_sbox")
ROUTER = """
ip link set lo up
ip link add in0 type veth peer name client
ip link add out0 type veth peer name server
ip link set in0 up; ip link set out0 up
ip addr add 10.1.0.1/24 dev in0; ip addr add 10.2.0.1/24 dev out0
sysctl -qw net.ipv4.ip_forward=1
"""
RULES = """*raw
-A PREROUTING -p tcp
-A PREROUTING -p udp
COMMIT
*mangle
-A PREROUTING -p tcp -j MARK --set-mark 1
-A PREROUTING -p udp -j MARK --set-mark 0x100
-A FORWARD -m mark --mark 0x100 -j MARK --set-mark 0x200
COMMIT
*nat
:INGRESS -
-A PREROUTING -m addrtype --dst-type LOCAL -j INGRESS
-A INGRESS -p udp -m udp --dport 80 -j DNAT --to-destination 10.2.0.2:8080
-A INGRESS -j RETURN
-A POSTROUTING -o out0 -j MASQUERADE
COMMIT
*filter
:NOTHING -
-A FORWARD -p udp -j NOTHING
-A FORWARD -i in0 -j ACCEPT
-A NOTHING -p tcp -j DROP
COMMIT
"""


def end(router: NetNamespace, link: str, address: str, gateway: str) -> NetNamespace:
    """A namespace of its own for the other end of a router's veth."""
    namespace = NetNamespace.create()
    run(router, f"ip link set {link} netns /proc/{own_pid()}/fd/{namespace.fd}")
    run(namespace, f"ip link set {link} up; ip addr add {address}/24 dev {link}; ip route add default via {gateway}")
    return namespace


def own_pid() -> str:
    return Path("/proc/self").readlink().name


def routed() -> tuple[NetNamespace, NetNamespace, NetNamespace]:
    """Client, router, server."""
    router = NetNamespace.create()
    run(router, ROUTER)
    client = end(router, "client", "10.1.0.2", "10.1.0.1")
    server = end(router, "server", "10.2.0.2", "10.2.0.1")
    run(router, f"iptables-legacy-restore <<'EOF'\n{RULES}EOF")
    return client, router, server


@contextmanager
def udp(namespace: NetNamespace, port: int = 0) -> Iterator[socket.socket]:
    with namespace.entered():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with opened:
        opened.bind(("0.0.0.0", port))
        opened.settimeout(5)
        yield opened


def send_through(client: NetNamespace, server: NetNamespace) -> None:
    with udp(server, 8080) as takes, udp(client) as gives:
        gives.sendto(b"nonce", ("10.1.0.1", 80))
        assert takes.recv(100) == b"nonce"


def rules(hits: list[Hit]) -> list[tuple[str, str, int, str, int]]:
    return [(hit.table, hit.chain, hit.number, hit.hook.name, hit.mark) for hit in hits]


FORWARDED = [
    ("raw", "PREROUTING", 2, "PREROUTING", 0),
    ("raw", "PREROUTING", 3, "PREROUTING", 0),
    ("mangle", "PREROUTING", 2, "PREROUTING", 0),
    ("mangle", "PREROUTING", 3, "PREROUTING", 0x100),
    ("nat", "PREROUTING", 1, "PREROUTING", 0x100),
    ("nat", "INGRESS", 1, "PREROUTING", 0x100),
    ("mangle", "FORWARD", 1, "FORWARD", 0x100),
    ("mangle", "FORWARD", 2, "FORWARD", 0x200),
    ("filter", "FORWARD", 1, "FORWARD", 0x200),
    ("filter", "NOTHING", 2, "FORWARD", 0x200),
    ("filter", "FORWARD", 2, "FORWARD", 0x200),
    ("mangle", "POSTROUTING", 1, "POSTROUTING", 0x200),
    ("nat", "POSTROUTING", 1, "POSTROUTING", 0x200),
]


@walled
def test_a_packet_s_rules_come_in_order_with_the_marks_it_had_before_them() -> None:
    client, router, server = routed()
    with RuleHits({NODE: router}) as rule_hits:
        send_through(client, server)
        assert rules(rule_hits.hits()) == FORWARDED
    assert rule_hits.lost == {}


@walled
def test_a_hit_has_the_packet_as_the_rule_saw_it_and_its_interfaces() -> None:
    client, router, server = routed()
    with RuleHits({NODE: router}) as rule_hits:
        send_through(client, server)
    by_rule = {(hit.table, hit.chain, hit.number): hit for hit in rule_hits.hits()}
    translated, forwarded = by_rule["nat", "INGRESS", 1], by_rule["filter", "FORWARD", 1]
    assert translated.data.endswith(b"nonce")
    assert socket.inet_ntoa(translated.data[16:20]) == "10.1.0.1"
    assert socket.inet_ntoa(forwarded.data[16:20]) == "10.2.0.2"
    assert (translated.in_interface, translated.out_interface) == ("in0", "")
    assert (forwarded.in_interface, forwarded.out_interface) == ("in0", "out0")


@walled
def test_hits_of_several_namespaces_are_told_apart_and_can_be_waited_for() -> None:
    client, router, server = routed()
    with RuleHits({NODE: router, OTHER: client}) as rule_hits:
        assert not select.select([rule_hits], [], [], 0)[0]
        send_through(client, server)
        assert select.select([rule_hits], [], [], 5)[0]
        hits = rule_hits.hits()
        assert not select.select([rule_hits], [], [], 0)[0]
    assert rules([hit for hit in hits if hit.at == NODE]) == FORWARDED
    assert rules([hit for hit in hits if hit.at == OTHER]) == [("raw", "OUTPUT", 1, "OUTPUT", 0)]


@walled
def test_what_meets_the_tracing_rule_twice_is_not_told_of_it() -> None:
    namespace = NetNamespace.create()
    run(namespace, "ip link set lo up")
    with RuleHits({NODE: namespace}) as rule_hits, udp(namespace, 9000) as takes:
        takes.sendto(b"x", ("127.0.0.1", 9000))
        takes.recv(10)
    assert rules(rule_hits.hits()) == [
        ("raw", "OUTPUT", 1, "OUTPUT", 0),
        ("raw", "PREROUTING", 1, "PREROUTING", 0),
    ]


@walled
def test_what_a_user_has_logged_is_left_out() -> None:
    namespace = NetNamespace.create()
    run(namespace, "ip link set lo up; iptables-legacy -A OUTPUT -j NFLOG --nflog-prefix 'TRACE: mine'")
    with RuleHits({NODE: namespace}) as rule_hits, udp(namespace, 9000) as takes:
        takes.sendto(b"x", ("127.0.0.1", 9000))
        takes.recv(10)
    assert [hit.number for hit in rule_hits.hits() if hit.table == "filter"] == [1, 2, 1]


def state(namespace: NetNamespace) -> tuple[str, str]:
    """The table raw with its counters, and who gets what is logged."""
    saved = run(namespace, "iptables-legacy-save -c -t raw | grep -v '^#'")
    return saved, run(namespace, "cat /proc/sys/net/netfilter/nf_log/2")


@walled
def test_afterwards_all_is_as_it_was() -> None:
    _, router, _ = routed()
    before = state(router)
    with RuleHits({NODE: router}):
        assert state(router) != before
    assert state(router) == before


@walled
def test_afterwards_all_is_as_it_was_though_something_went_wrong() -> None:
    _, router, _ = routed()
    before = state(router)
    with pytest.raises(ZeroDivisionError), RuleHits({NODE: router}):
        raise ZeroDivisionError
    assert state(router) == before


@walled
def test_what_somebody_changes_meanwhile_stays() -> None:
    _, router, _ = routed()
    before, _ = state(router)
    with RuleHits({NODE: router}):
        run(router, "iptables-legacy -t raw -D PREROUTING -p tcp; iptables-legacy -t raw -I PREROUTING -j TRACE")
        run(router, "iptables-legacy -t raw -A OUTPUT -p icmp -j DROP")
    after, _ = state(router)
    assert [line for line in after.splitlines() if "-A" in line] == [
        "[0:0] -A PREROUTING -j TRACE",
        "[0:0] -A PREROUTING -p udp",
        "[0:0] -A OUTPUT -p icmp -j DROP",
    ]
    assert "-A PREROUTING -p tcp" in before


@walled
def test_somebody_who_took_the_tracing_rules_away_is_no_problem() -> None:
    _, router, _ = routed()
    with RuleHits({NODE: router}):
        run(router, "iptables-legacy -t raw -F")
    assert "-A" not in state(router)[0]


@walled
def test_a_second_one_is_refused_and_the_first_goes_on() -> None:
    client, router, server = routed()
    with RuleHits({NODE: router}) as rule_hits:
        during = state(router)
        with pytest.raises(KernelError, match="hear of matching rules in node, found that the kernel tells somebody"):
            RuleHits({OTHER: client, NODE: router}).__enter__()
        assert state(router) == during
        assert read(client, "raw") is None
        send_through(client, server)
    assert rules(rule_hits.hits()) == FORWARDED


@walled
def test_one_that_was_ended_by_force_leaves_nothing_to_the_next() -> None:
    client, router, server = routed()
    with RuleHits({NODE: router}):
        left = run(router, "iptables-legacy-save -t raw")
        assert left.count("-j TRACE") == 2
        tables = read(router, "raw")
    assert tables is not None
    with LegacyTables(router) as there:
        there.replace(there.make("raw"), tables)
    with RuleHits({NODE: router}) as rule_hits:
        send_through(client, server)
    assert rules(rule_hits.hits()) == FORWARDED
    assert "TRACE" not in state(router)[0]


@walled
def test_what_is_lost_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_BUFFER", 16 * 1024)
    client, _, server = routed()
    with RuleHits({NODE: client}) as rule_hits, udp(server, 8080), udp(client) as gives:
        for _ in range(200):
            gives.sendto(b"x", ("10.1.0.1", 80))
        some = len(rule_hits.hits())
        assert 0 < some < 200
        assert rule_hits.lost == {NODE: 1}  # at least
        gives.sendto(b"x", ("10.1.0.1", 80))
        assert len(rule_hits.hits()) == some + 1
    assert rule_hits.lost == {NODE: 200 - some}


@walled
def test_descriptors_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _, router, _ = routed()
    run(router, "true")
    before = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    with RuleHits({NODE: router}) as done:
        pass
    failing = RuleHits({NODE: router})
    with pytest.raises(MachineError, match="its target TRACE, found node to lack one"):
        monkeypatch.setattr(tracing, "_RULE", tracing._RULE[:112] + b"\x20\0NOBODYS".ljust(32, b"\0"))
        failing.__enter__()
    assert done.fileno() == failing.fileno() == -1
    assert sorted(path.name for path in Path("/proc/self/fd").iterdir()) == before


def test_nft_s_rules_can_t_be_seen() -> None:
    with pytest.raises(MachineError, match="rule hits need iptables-legacy, found this lab's iptables to be nft"):
        RuleHits({}, "nft").__enter__()
