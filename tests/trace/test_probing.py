"""Probes as sockets send them, in a namespace of their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from meshnet.errors import InputError
from meshnet.kernel.namespaces import NetNamespace
from meshnet.lab.observing import source_ports
from meshnet.lab.observing.trying import failing
from meshnet.netstate import NamespaceRef
from meshnet.path import Probe
from meshnet.predict.flows import Flow
from meshnet.trace.capture.ring import bring_up
from meshnet.trace.probing import PortTakenError, sending

pytestmark = pytest.mark.lab

HERE = NamespaceRef("node")
LISTENING, TAKEN = 80, 40000


@pytest.fixture
def namespace() -> Iterator[NetNamespace]:
    """With a listener, and a socket that has a port which a probe might want."""
    there = NetNamespace.create()
    bring_up(there)
    with there.entered():
        listener = socket.create_server(("127.0.0.1", LISTENING))
        others = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        for other in others:
            other.bind(("127.0.0.1", TAKEN))
    yield there
    for each in (listener, *others):
        each.close()
    there.close()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_source_port_that_another_socket_has_is_told(namespace: NetNamespace, protocol: str) -> None:
    probe = Probe(HERE, IPv4Address("127.0.0.1"), protocol, LISTENING, TAKEN)
    with pytest.raises(PortTakenError, match=f"no {protocol} socket of node has, found {TAKEN}") as caught:
        sending(probe, namespace).__enter__()
    assert isinstance(caught.value, InputError)


def test_a_flow_is_tried_from_a_port_that_is_free(namespace: NetNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([TAKEN, 40001, TAKEN, 40002, 40003])
    monkeypatch.setattr(source_ports, "drawn", lambda: next(drawn))
    flow = Flow("itself", Probe(HERE, IPv4Address("127.0.0.1"), "tcp", LISTENING, TAKEN), frozenset({HERE}))
    assert failing({HERE: namespace}, [flow]) == []
    assert not list(drawn)
