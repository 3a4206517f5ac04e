"""The name server outside the swarm: it stands on a client's host, and knows the topology's hosts and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from meshnet.lab.resolver.listening import Enter, Listener, Reply
from meshnet.lab.resolver.names import Answer, address_in_reverse


class NameServer:
    """Answers by UDP and TCP on ``address``, with authority, until it is closed. Belongs to the event loop's thread.

    ``hosts`` are the names it knows. Raises ``OSError`` when the port can't be had.
    """

    def __init__(self, enter: Enter, address: IPv4Address, hosts: Mapping[str, IPv4Address], port: int = 53) -> None:
        self._hosts = {name.lower(): host for name, host in hosts.items()}
        self._names: Mapping[IPv4Address | None, str] = {host: name for name, host in hosts.items()}
        self._listener = Listener(enter, address, port, port, self._handle)

    def close(self) -> None:
        self._listener.close()

    def _handle(self, data: bytes, tcp: bool, reply: Reply) -> None:
        from meshnet.lab.resolver import wire

        try:
            query = wire.read(data)
        except wire.BadQuery as error:
            if error.reply is not None:
                reply(error.reply)
            return
        answer = self._answer(query.name.lower(), query.kind)
        reply(
            wire.reply(
                query,
                addresses=answer.addresses if answer else (),
                pointer=answer.pointer if answer else "",
                code=wire.Rcode.NOERROR if answer else wire.Rcode.NXDOMAIN,
                authoritative=True,
                size=wire.TCP_SIZE if tcp else query.size,
            )
        )

    def _answer(self, name: str, kind: str) -> Answer | None:
        """What there is of that kind; None where there is no such name."""
        if name in self._hosts:
            return Answer((self._hosts[name],) if kind == "A" else ())
        host = self._names.get(address_in_reverse(name))
        if host is None:
            return None
        return Answer(pointer=host if kind == "PTR" else "")
