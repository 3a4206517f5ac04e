"""Resolvers and the name server outside, asked over loopback in the namespace that the tests run in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from meshnet.lab import deadlines
from meshnet.lab.resolver import NameServer, Resolvers, Upstream, forwarding, listening, serving, wire
from meshnet.lab.resolver.listening import Listener, Reply
from meshnet.mesh import resolver
from meshnet.model import Attachment, ClusterState, TaskId, TaskState
from meshnet.netstate import NamespaceRef
from tests.lab.resolver.asking import by_tcp, by_udp, given, parsed, question
from tests.mesh import reference

HERE = IPv4Address("127.0.0.1")
ARTICLE = reference.article()
CLIENT = NamespaceRef("swarm-worker2", reference.CLIENT_1.sandbox_file)
MANAGER_TASK = NamespaceRef("swarm-manager", reference.WHOAMI_1.sandbox_file)
HOSTS = {"client": IPv4Address("192.168.56.100"), "swarm-manager": IPv4Address("192.168.56.10")}


@pytest.fixture(autouse=True)
def _loopback_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run side by side have the same sandboxes in one namespace: each process is to have its own address."""
    monkeypatch.setattr(resolver, "ADDRESS", IPv4Address("127.1.0.0") + os.getpid() % 2**22)


class Namespace:
    """Stands for one: the tests' own."""

    def __init__(self) -> None:
        self.visits = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        self.visits += 1
        yield


def played(scene: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """A test that runs in an event loop to its end, which comes soon."""

    def test() -> None:
        asyncio.run(asyncio.wait_for(scene(), deadlines.scaled(30)))

    test.__name__ = scene.__name__
    return test


@asynccontextmanager
async def resolving(
    *sandboxes: NamespaceRef, state: ClusterState = ARTICLE, upstreams: tuple[Upstream, ...] = ()
) -> AsyncIterator[Resolvers]:
    """Resolvers of some sandboxes."""
    resolvers = Resolvers(lambda: state, upstreams)
    try:
        assert resolvers.follow(state, {sandbox: Namespace() for sandbox in sandboxes or (CLIENT,)}) == {}
        yield resolvers
    finally:
        resolvers.close()


def free_port() -> int:
    """One that is free for both protocols."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((str(HERE), 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind((str(HERE), port))
            except OSError:
                continue
            return port


@asynccontextmanager
async def outside() -> AsyncIterator[Upstream]:
    port = free_port()
    server = NameServer(Namespace().entered, HERE, HOSTS, port)
    try:
        yield Upstream(HERE, port)
    finally:
        server.close()


@asynccontextmanager
async def answering(handle: Callable[[bytes, bool, Reply], None]) -> AsyncIterator[Upstream]:
    """An upstream server that does as it likes."""
    port = free_port()
    listener = Listener(Namespace().entered, HERE, port, port, handle)
    try:
        yield Upstream(HERE, port)
    finally:
        listener.close()


def saying(code: wire.Rcode) -> Callable[[bytes, bool, Reply], None]:
    return lambda data, tcp, reply: reply(wire.reply(wire.read(data), code=code))


def of(sandbox: NamespaceRef) -> resolver.ResolverPorts:
    return resolver.ports(sandbox)


@played
async def test_names_are_answered_by_udp_and_by_tcp() -> None:
    async with resolving():
        for reply in (
            await by_udp(question("whoami"), of(CLIENT).udp),
            await by_tcp(question("whoami"), of(CLIENT).tcp),
        ):
            assert given(reply) == [("A", "10.0.2.2")]


@played
async def test_every_sandbox_has_its_own() -> None:
    ingress = NamespaceRef("swarm-manager", "ingress_sbox")
    async with resolving(CLIENT, MANAGER_TASK, ingress):
        for sandbox in (CLIENT, MANAGER_TASK):
            assert given(await by_udp(question("client"), of(sandbox).udp)) == [("A", "10.0.2.7")]
        assert wire.rcode(await by_udp(question("client"), of(ingress).udp)) == wire.Rcode.SERVFAIL


@played
async def test_addresses_have_names_and_known_names_no_ipv6_addresses() -> None:
    async with resolving():
        reply = await by_udp(question("3.2.0.10.in-addr.arpa", "PTR"), of(CLIENT).udp)
        assert given(reply) == [("PTR", "whoami.2.ofux6zxtya0f15hucklga3ta4.my-demo.")]
        reply = await by_udp(question("whoami", "AAAA"), of(CLIENT).udp)
        assert given(reply) == [] and wire.rcode(reply) == wire.Rcode.NOERROR


@played
async def test_what_has_no_room_in_a_datagram_is_asked_for_by_tcp() -> None:
    """As a stub resolver does that finds the answer truncated."""
    many = {
        task.id: task
        for number in range(60)
        if (
            task := replace(
                reference.WHOAMI_1,
                id=TaskId(f"task{number}"),
                attachments=(Attachment(reference.MY_DEMO.id, IPv4Interface(f"10.0.2.{100 + number}/24")),),
            )
        )
    }
    state = replace(ARTICLE, tasks={**ARTICLE.tasks, **many})
    async with resolving(state=state):
        cut = parsed(await by_udp(question("tasks.whoami"), of(CLIENT).udp))
        assert cut.header.tc == 1 and 0 < len(cut.rr) < 62
        assert len(given(await by_tcp(question("tasks.whoami"), of(CLIENT).tcp))) == 62


@played
async def test_answers_follow_the_state_at_once() -> None:
    now = [ARTICLE]
    resolvers = Resolvers(lambda: now[0])
    try:
        resolvers.follow(ARTICLE, {CLIENT: Namespace()})
        gone = replace(reference.WHOAMI_1, desired=TaskState.SHUTDOWN)
        now[0] = replace(ARTICLE, tasks={**ARTICLE.tasks, gone.id: gone})
        assert given(await by_udp(question("tasks.whoami"), of(CLIENT).udp)) == [("A", "10.0.2.3")]
    finally:
        resolvers.close()


@played
async def test_resolvers_come_and_go_with_their_sandboxes() -> None:
    less = replace(ARTICLE, tasks={id: task for id, task in ARTICLE.tasks.items() if task != reference.CLIENT_1})
    first, again = Namespace(), Namespace()
    resolvers = Resolvers(lambda: ARTICLE)
    try:
        assert resolvers.follow(ARTICLE, {}) == {}
        with pytest.raises(ConnectionRefusedError):
            await by_udp(question("whoami"), of(CLIENT).udp)
        for namespace in (first, again):
            resolvers.follow(ARTICLE, {CLIENT: namespace})
            resolvers.follow(ARTICLE, {CLIENT: namespace})
            assert namespace.visits == 1, "what is open is left open, unless its namespace is another"
            assert given(await by_udp(question("whoami"), of(CLIENT).udp))
        resolvers.let_go(less)
        with pytest.raises(ConnectionRefusedError):
            await by_udp(question("whoami"), of(CLIENT).udp)
    finally:
        resolvers.close()


@played
async def test_a_port_that_is_taken_is_said_and_tried_again() -> None:
    resolvers = Resolvers(lambda: ARTICLE)
    try:
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind((str(resolver.ADDRESS), of(CLIENT).tcp))
            squatter.listen()
            assert resolvers.follow(ARTICLE, {CLIENT: Namespace()}) == {CLIENT: "Address already in use"}
        assert resolvers.follow(ARTICLE, {CLIENT: Namespace()}) == {}
        assert given(await by_udp(question("whoami"), of(CLIENT).udp))
    finally:
        resolvers.close()


@played
async def test_rubbish_is_refused_or_passed_over_and_the_next_question_answered() -> None:
    async with resolving():
        refused = await by_udp(question("whoami")[:-2], of(CLIENT).udp)
        assert wire.rcode(refused) == wire.Rcode.FORMERR
        reader, writer = await asyncio.open_connection(str(resolver.ADDRESS), of(CLIENT).tcp)
        message = question("whoami")
        writer.write(b"\0\3abc" + len(message).to_bytes(2, "big") + message)
        size = int.from_bytes(await reader.readexactly(2), "big")
        assert given(await reader.readexactly(size)) == [("A", "10.0.2.2")]
        writer.close()
        await writer.wait_closed()


@played
async def test_other_names_are_asked_outside_in_the_askers_namespace() -> None:
    async with outside() as upstream:
        namespace = Namespace()
        resolvers = Resolvers(lambda: ARTICLE, [upstream])
        try:
            resolvers.follow(ARTICLE, {CLIENT: namespace})
            for ask, port in ((by_udp, of(CLIENT).udp), (by_tcp, of(CLIENT).tcp)):
                before = namespace.visits
                assert given(await ask(question("Swarm-Manager"), port)) == [("A", "192.168.56.10")]
                assert namespace.visits == before + 1
                assert wire.rcode(await ask(question("nosuchname"), port)) == wire.Rcode.NXDOMAIN
                back = await ask(question("100.56.168.192.in-addr.arpa", "PTR"), port)
                assert given(back) == [("PTR", "client.")]
        finally:
            resolvers.close()


@played
async def test_the_server_outside_has_authority_and_knows_no_ipv6() -> None:
    async with outside() as upstream:
        for name, kind, code in (
            ("client", "AAAA", wire.Rcode.NOERROR),
            ("100.56.168.192.in-addr.arpa", "A", wire.Rcode.NOERROR),
            ("whoami", "A", wire.Rcode.NXDOMAIN),
            ("1.1.1.1.in-addr.arpa", "PTR", wire.Rcode.NXDOMAIN),
        ):
            reply = await by_udp(question(name, kind), upstream.port, str(HERE))
            assert (wire.rcode(reply), given(reply), parsed(reply).header.aa) == (code, [], 1)
        refused = await by_udp(question("client")[:-2], upstream.port, str(HERE))
        assert wire.rcode(refused) == wire.Rcode.FORMERR


@played
async def test_the_server_outside_is_asked_by_the_askers_protocol() -> None:
    def by_tcp_alone(data: bytes, tcp: bool, reply: Reply) -> None:
        code = wire.Rcode.NXDOMAIN if tcp else wire.Rcode.REFUSED
        reply(wire.reply(wire.read(data), code=code))

    async with answering(by_tcp_alone) as upstream, resolving(upstreams=(upstream,)):
        assert wire.rcode(await by_udp(question("nosuchname"), of(CLIENT).udp)) == wire.Rcode.SERVFAIL
        assert wire.rcode(await by_tcp(question("nosuchname"), of(CLIENT).tcp)) == wire.Rcode.NXDOMAIN


@played
async def test_with_nobody_outside_the_resolver_fails() -> None:
    unreachable = Upstream(HERE, free_port())
    for upstreams in ((), (unreachable,)):
        async with resolving(upstreams=upstreams):
            for ask, port in ((by_udp, of(CLIENT).udp), (by_tcp, of(CLIENT).tcp)):
                reply = await ask(question("nosuchname"), port)
                assert wire.rcode(reply) == wire.Rcode.SERVFAIL
                assert str(parsed(reply).q.qname) == "nosuchname."


@played
async def test_servers_outside_are_asked_in_turn_until_one_knows_and_no_more_than_three() -> None:
    async with (
        answering(saying(wire.Rcode.SERVFAIL)) as failing,
        answering(saying(wire.Rcode.REFUSED)) as refusing,
        outside() as knowing,
    ):
        async with resolving(upstreams=(failing, refusing, knowing)):
            assert given(await by_udp(question("client.1"), of(CLIENT).udp)) == []
            assert given(await by_udp(question("swarm-manager"), of(CLIENT).udp)) == [("A", "192.168.56.10")]
        async with resolving(upstreams=(failing, refusing, failing, knowing)):
            reply = await by_udp(question("swarm-manager"), of(CLIENT).udp)
            assert wire.rcode(reply) == wire.Rcode.SERVFAIL


def test_a_silent_server_outside_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "PATIENCE", 0.05)

    def silent(data: bytes, tcp: bool, reply: Reply) -> None:
        if not tcp:
            reply(b"\xff\xff" + wire.reply(wire.read(data))[2:])  # somebody else's reply

    @played
    async def scene() -> None:
        async with answering(silent) as upstream, resolving(upstreams=(upstream,)):
            for ask, port in ((by_udp, of(CLIENT).udp), (by_tcp, of(CLIENT).tcp)):
                assert wire.rcode(await ask(question("nosuchname"), port)) == wire.Rcode.SERVFAIL

    scene()


def test_who_asks_too_much_at_a_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MOST_FORWARDED", 1)

    @played
    async def scene() -> None:
        held: list[tuple[bytes, Reply]] = []
        asked = asyncio.Event()

        def hold(data: bytes, tcp: bool, reply: Reply) -> None:
            held.append((data, reply))
            asked.set()

        async with answering(hold) as upstream, resolving(upstreams=(upstream,)):
            waiting = asyncio.create_task(by_udp(question("slow"), of(CLIENT).udp))
            await asked.wait()
            assert wire.rcode(await by_udp(question("more"), of(CLIENT).udp)) == wire.Rcode.REFUSED
            assert given(await by_udp(question("whoami"), of(CLIENT).udp)), "names known here are answered all the same"
            ((data, reply),) = held
            reply(wire.reply(wire.read(data), code=wire.Rcode.NXDOMAIN))
            assert wire.rcode(await waiting) == wire.Rcode.NXDOMAIN

    scene()


@played
async def test_closing_gives_up_what_is_under_way() -> None:
    asked = asyncio.Event()
    async with answering(lambda data, tcp, reply: asked.set()) as upstream:
        async with resolving(upstreams=(upstream,)):
            reader, writer = await asyncio.open_connection(str(resolver.ADDRESS), of(CLIENT).tcp)
            message = question("slow")
            writer.write(len(message).to_bytes(2, "big") + message)
            await asked.wait()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(2)
        writer.close()
    assert not [task for task in asyncio.all_tasks() if "_forward" in repr(task.get_coro())]


def test_a_connection_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "IDLE", 0.05)

    @played
    async def scene() -> None:
        async with resolving():
            reader, writer = await asyncio.open_connection(str(resolver.ADDRESS), of(CLIENT).tcp)
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()

    scene()
