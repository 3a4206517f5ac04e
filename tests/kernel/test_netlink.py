"""Many requests in one call: all of them done that can be, and the others named."""

from __future__ import annotations

from dataclasses import replace
from errno import EEXIST, ENODEV
from ipaddress import IPv4Address, IPv4Interface

import pytest

from meshnet.kernel import address_messages, link_messages
from meshnet.kernel.link_messages import LO, Place
from meshnet.kernel.namespaces import NetNamespace
from meshnet.kernel.netlink import ROUTE, NetlinkSocket, Request
from meshnet.kernel.seen_link import list_seen
from meshnet.netstate import Address, Bridge, Link
from tests.kernel.nodes import run
from tests.lab.walled import walled

pytestmark = pytest.mark.lab


def address(last: int) -> Address:
    return Address("lo", IPv4Interface((IPv4Address("10.9.0.0") + last, 32)))


def adding(last: int, index: int = LO) -> Request:
    return Request(address_messages.add_address(address(last), index), f"address {last}")


@walled
def test_what_is_refused_is_named_and_the_rest_is_done() -> None:
    namespace = NetNamespace.create()
    socket = NetlinkSocket(namespace, ROUTE)
    refused = socket.send([adding(1), adding(2, index=99), adding(1), adding(3)])
    assert [(str(refusal.request.what), refusal.errno) for refusal in refused] == [
        ("address 2", ENODEV),
        ("address 1", EEXIST),
    ]
    assert str(refused[0]).startswith("address 2: No such device")
    shown = run(namespace, "ip -o addr show lo")
    assert [f"10.9.0.{last}/32" in shown for last in (1, 2, 3)] == [True, False, True]


@walled
def test_a_refusal_that_is_tolerated_is_none() -> None:
    socket = NetlinkSocket(NetNamespace.create(), ROUTE)
    assert socket.send([adding(1), replace(adding(1), tolerated=frozenset({EEXIST}))]) == []


@walled
def test_a_refusal_of_the_last_request_is_not_lost_and_the_socket_goes_on() -> None:
    socket = NetlinkSocket(NetNamespace.create(), ROUTE)
    assert [refusal.errno for refusal in socket.send([adding(1, index=99)])] == [ENODEV]
    assert socket.send([adding(1)]) == []
    assert socket.send([]) == []


@walled
def test_more_requests_than_one_call_takes() -> None:
    namespace = NetNamespace.create()
    socket = NetlinkSocket(namespace, ROUTE)
    refused = socket.send([adding(last, index=99 if last % 3 == 0 else LO) for last in range(1000)])
    assert [str(refusal.request.what) for refusal in refused] == [f"address {last}" for last in range(0, 1000, 3)]
    assert len(socket.dump(address_messages.list_addresses())) == 666


@walled
def test_a_link_is_made_in_another_namespace_under_the_index_it_was_given() -> None:
    here, there = NetNamespace.create(), NetNamespace.create()
    message = link_messages.new_link(Link("br0", Bridge(), mac="02:42:0a:00:00:01", mtu=1450), Place(there.fd, 7))
    assert NetlinkSocket(here, ROUTE).send([Request(message, "br0")]) == []
    seen = list_seen(NetlinkSocket(there, ROUTE))
    assert (seen[7].name, seen[7].kind, seen[7].mac, seen[7].mtu) == ("br0", "bridge", "02:42:0a:00:00:01", 1450)
    assert list(list_seen(NetlinkSocket(here, ROUTE))) == [LO]


@walled
def test_a_dump_is_whole_when_it_takes_many_messages() -> None:
    namespace = NetNamespace.create()
    socket = NetlinkSocket(namespace, ROUTE)
    messages = [link_messages.new_link(Link(f"b{n}", Bridge()), Place(namespace.fd, n)) for n in range(2, 102)]
    assert socket.send([Request(message, "bridge") for message in messages]) == []
    assert sorted(list_seen(socket)) == [LO, *range(2, 102)]


@walled
def test_the_kernels_own_words_are_passed_on() -> None:
    socket = NetlinkSocket(NetNamespace.create(), ROUTE)
    message = link_messages.set_link(LO, master=LO)
    (refusal,) = socket.send([Request(message, "lo becomes its own master")])
    assert refusal.errno
    assert str(refusal).startswith("lo becomes its own master: ")
