"""Packets, a host and rules, written as shortly as they can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

from meshnet.netstate import NamespaceRef, Ruleset
from meshnet.netstate.dialects import iptables_save
from meshnet.netstate.ruleset import BUILTIN_CHAINS
from meshnet.path import Hop, Packet
from meshnet.predict.netfilter import Netfilter

AT = NamespaceRef("swarm-worker1")
_LOOPBACK = IPv4Interface("127.0.0.1/8")


@dataclass(frozen=True)
class Host:
    """Interfaces with their addresses, each in a subnet of its own."""

    addresses: Mapping[str, tuple[IPv4Interface, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, **addresses: str) -> Host:
        """``Host.of(eth0="10.0.0.1/24 10.0.0.2/24")``."""
        return cls({name: tuple(map(IPv4Interface, text.split())) for name, text in addresses.items()})

    def is_local(self, address: IPv4Address, interface: str = "") -> bool:
        if interface in ("", "lo") and address in _LOOPBACK.network:
            return True
        return any(address == own.ip for own in self._on(interface))

    def is_broadcast(self, address: IPv4Address, interface: str = "") -> bool:
        return any(address == own.network.broadcast_address for own in self._on(interface))

    def first_address(self, interface: str) -> IPv4Address | None:
        return next((own.ip for own in self.addresses.get(interface, ())), None)

    def address_towards(self, interface: str, destination: IPv4Address) -> IPv4Address | None:
        return self.first_address(interface) or next((own.ip for own in self._on("")), None)

    def _on(self, interface: str) -> list[IPv4Interface]:
        return [own for name, found in self.addresses.items() if interface in ("", name) for own in found]


NODE = Host.of(eth0="192.168.0.2/24", docker_gwbridge="172.19.0.1/16")


def rules(**tables: str) -> Ruleset:
    """``rules(filter="-P FORWARD DROP\\n-N MINE\\n-A FORWARD -j MINE")``; a user's chain may go undeclared."""
    return iptables_save.parse("\n".join(_dump(table, text) for table, text in tables.items()))


def _dump(table: str, text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines()]
    chains = dict.fromkeys(BUILTIN_CHAINS[table], "ACCEPT")
    chains |= {line.split()[1]: "-" for line in lines if line.split()[1] not in chains}
    chains |= {line.split()[1]: line.split()[2] for line in lines if line.startswith("-P")}
    declared = [f":{chain} {policy} [0:0]" for chain, policy in chains.items()]
    return "\n".join([f"*{table}", *declared, *(line for line in lines if line.startswith("-A")), "COMMIT"])


def netfilter(host: Host = NODE, **tables: str) -> Netfilter:
    return Netfilter(AT, rules(**tables), host)


def packet(text: str, mark: int = 0) -> Packet:
    """``tcp 10.0.0.1:40000 > 10.0.0.2:80 S``, as a packet prints itself; of an echo only the identifier's first half is
    given: ``icmp 10.0.0.1:7 > 10.0.0.2 echo-request``."""
    protocol, source, _, destination, *kind = text.split()
    (source, _, source_port), (destination, _, port) = source.partition(":"), destination.partition(":")
    ports = int(source_port) if source_port else None, int(port) if port else None
    if protocol == "icmp":
        ports = ports[0], ports[0]
    return Packet(
        IPv4Address(source), IPv4Address(destination), protocol, *ports, kind="".join(kind), length=60, mark=mark
    )


def matched(hops: tuple[Hop, ...]) -> list[str]:
    """``nat PREROUTING 1``, ``filter FORWARD policy``."""
    return [str(hop.rule) for hop in hops]
