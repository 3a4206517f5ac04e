"""IPVS between the tables: a connection to one of its real servers, and what they answer (net/netfilter/ipvs)."""

from __future__ import annotations

from dataclasses import replace

from meshnet.errors import NotTaughtError
from meshnet.netstate import Destination, NamespaceRef, VirtualService
from meshnet.netstate.dialects import ipvsadm
from meshnet.path import Cause, Verdict, Why
from meshnet.predict import causes
from meshnet.predict.ipvs import PROTOCOLS, Balanced
from meshnet.predict.routing import Way
from meshnet.predict.steps import Buffer, LocalOut, Step
from meshnet.predict.walk import Walk


def turn_back(walk: Walk, buffer: Buffer) -> Buffer:
    """A real server's answer gets the address that was asked for its source (``handle_response``); anything else stays
    as it is."""
    connection = None if buffer.balanced else walk.memory.ipvs(buffer.at).answered_by(buffer.packet)
    if connection is None:
        return buffer
    asked = connection.request
    if buffer.flow is not None:
        walk.memory.netfilter(buffer.at).turn_back(buffer.flow, asked.destination, asked.destination_port)
    packet = replace(buffer.packet, source=asked.destination, source_port=asked.destination_port)
    turned = replace(_tracked(walk, buffer), packet=packet, balanced=True)
    walk.balanced(turned, Cause(Why.IPVS, connection.text))
    return turned


def balance(walk: Walk, buffer: Buffer, way: Way) -> Buffer | Step | None:
    """At INPUT, or at OUTPUT on its ``way``. The buffer where the packet goes on as it was to: it is none of IPVS's
    business, or for a real server in this very namespace. Else what comes instead, None if that was its end."""
    connection = _connection(walk, buffer)
    if not isinstance(connection, Balanced):
        return buffer if connection is None else walk.stop(buffer, connection, Verdict.REFUSED)
    out = walk.way_out(buffer.at, None, connection.server.address)
    if isinstance(out, Way) and out.is_local:
        if not way.is_local:
            raise NotTaughtError(f"predict wasn't taught IPVS from elsewhere to {buffer.at} itself")
        return _redirected(walk, buffer, connection)
    problem = out if isinstance(out, Cause) else _obstacle(walk, buffer, out)
    if problem is not None:
        return walk.stop(buffer, problem)
    assert isinstance(out, Way)
    aged = replace(buffer, packet=replace(buffer.packet, ttl=buffer.packet.ttl - 1))
    return LocalOut(_redirected(walk, aged, connection), out)


def _connection(walk: Walk, buffer: Buffer) -> Balanced | Cause | None:
    """The one that a packet belongs to, or begins; None where IPVS lets it be, a cause where no server is left: then
    its sender is told that the port is unreachable (``ip_vs_leave``)."""
    packet, ipvs = buffer.packet, walk.memory.ipvs(buffer.at)
    service = walk.host(buffer.at).state.ipvs.get(packet.mark or 0)
    if buffer.balanced or packet.protocol not in PROTOCOLS:
        return None
    known = ipvs.request(packet)
    if known is not None or service is None or (packet.protocol == "tcp" and "S" not in packet.kind):
        return known
    server = _server(walk, buffer.at, service)
    if server is None:
        return causes.no_server(buffer.at, service.mark)
    connection = Balanced(packet, server, server.port or packet.destination_port, _text(service, server))
    ipvs.connections.append(connection)
    return connection


def _server(walk: Walk, at: NamespaceRef, service: VirtualService) -> Destination | None:
    servers = walk.memory.servers(at, service)
    server = walk.choices.pick(servers) if servers else None
    if server is not None and server.forwarding != "masq":
        raise NotTaughtError(f"predict wasn't taught IPVS's {server.forwarding}, for {server.address} at {at}")
    if server is not None:
        walk.memory.chosen.append((at, service.mark, server.address))
    return server


def _obstacle(walk: Walk, buffer: Buffer, out: Way) -> Cause | None:
    """What keeps a packet from being sent to a real server (``__ip_vs_get_out_rt``)."""
    packet, mtu = buffer.packet, walk.host(buffer.at).mtu(out.link)
    if packet.source.is_loopback:
        return causes.invalid_address(buffer.at, packet.source)
    if packet.ttl <= 1:
        return causes.too_old(buffer.at, packet)
    if packet.dont_fragment and packet.length > mtu:
        return causes.too_long(buffer.at, out.link, packet, mtu)
    return None


def _redirected(walk: Walk, buffer: Buffer, connection: Balanced) -> Buffer:
    """``buffer`` with the real server for its destination."""
    if buffer.flow is not None:
        address, port = connection.server.address, connection.server.port or None
        walk.memory.netfilter(buffer.at).redirect(buffer.flow, address, port)
    packet = replace(buffer.packet, destination=connection.server.address, destination_port=connection.port)
    redirected = replace(_tracked(walk, buffer), packet=packet, balanced=True)
    walk.balanced(redirected, Cause(Why.IPVS, connection.text))
    return redirected


def _tracked(walk: Walk, buffer: Buffer) -> Buffer:
    """IPVS takes a packet out of conntrack unless ``vs.conntrack`` is on; then no rule's SNAT applies."""
    if walk.host(buffer.at).settings.ipvs_tracks:
        return buffer
    return replace(buffer, flow=walk.memory.netfilter(buffer.at).untrack())


def _text(service: VirtualService, server: Destination) -> str:
    lines = ipvsadm.write({service.mark: replace(service, destinations=(server,))})
    return "; ".join(lines.splitlines())
