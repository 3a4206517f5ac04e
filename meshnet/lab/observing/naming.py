"""What people call places and addresses of a lab, and which they mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import AddressValueError, IPv4Address
from typing import TypeVar

from meshnet.errors import InputError
from meshnet.model import Attachment, ClusterState, Container, NetworkId, Service, Task
from meshnet.netstate import NamespaceRef
from meshnet.netstate.namespace import SWITCHES

_Found = TypeVar("_Found", NamespaceRef, IPv4Address)

_LEAST_ID = 4
"""Digits of a container's id that are enough to name it, if no other begins so."""


@dataclass(frozen=True, slots=True)
class Naming:
    """``hosts`` are the underlay addresses of all machines, by name; ``namespaces`` all there are."""

    state: ClusterState
    hosts: Mapping[str, IPv4Address]
    namespaces: Collection[NamespaceRef]

    def place(self, text: str) -> NamespaceRef:
        """The namespace meant by a machine's name, by ``NODE/FILE`` (the file may be a pattern, or its beginning), or
        by a task's or container's name or id. Raises ``InputError``."""
        if text in self.hosts:
            return NamespaceRef(text)
        if "/" in text:
            return self._file(text)
        found = {self.home(each) for each in self._occupants_called(text)}
        return _only(text, found, "a machine, NODE/NAMESPACE, a task or a container", self._known())

    def address(self, text: str, source: NamespaceRef) -> IPv4Address:
        """The address meant by an IPv4 address, ``localhost``, a machine's name, a service's (its VIP), a task's or a
        container's, as seen from ``source``: of several networks one that it is on. Raises ``InputError``."""
        if text == "localhost":
            return IPv4Address("127.0.0.1")
        with suppress(AddressValueError):
            return IPv4Address(text)
        if text in self.hosts:
            return self.hosts[text]
        service = self.state.service_named(text)
        if service is not None:
            return self._vip(service, source)
        occupants = [each for each in self._occupants_called(text) if each.attachments]
        addresses = {self._shared(each.attachments, source).address.ip for each in occupants}
        return _only(text, addresses, "an address, a machine, a service or a task", self._known())

    def occupant(self, place: NamespaceRef) -> Task | Container | None:
        """Whose namespace it is, if it is a container's."""
        return next((each for each in self.occupants() if self.home(each) == place), None)

    def occupants(self) -> Iterator[Task | Container]:
        """All tasks and containers that have a namespace."""
        yield from self.state.placed_tasks()
        yield from (each for each in self.state.containers.values() if each.placed)

    def home(self, occupant: Task | Container) -> NamespaceRef:
        """The namespace of a task or container."""
        assert occupant.node is not None
        return NamespaceRef(self.state.nodes[occupant.node].name, occupant.sandbox_file)

    @property
    def names(self) -> dict[NamespaceRef, str]:
        """What people call namespaces whose names say nothing: those of tasks, of containers, and of the switches."""
        occupants = {self.home(each): _short_name(each) for each in self.occupants()}
        return {SWITCHES: "the switches between the machines", **occupants}

    def shown(self, place: NamespaceRef) -> str:
        """What people call it: a task's name for its namespace."""
        occupant = self.occupant(place)
        return _short_name(occupant) if occupant is not None else str(place)

    def _vip(self, service: Service, source: NamespaceRef) -> IPv4Address:
        if not service.vips:
            raise InputError(f"{service.spec.name} has no virtual address; name one of its tasks")
        ours = self._networks(source)
        shared = [each for each in service.vips if each in ours]
        beyond_ingress = [each for each in shared if not self.state.networks[each].ingress]
        return service.vips[[*beyond_ingress, *shared, *service.vips][0]].ip

    def _shared(self, attachments: tuple[Attachment, ...], source: NamespaceRef) -> Attachment:
        ours = self._networks(source)
        return next((each for each in reversed(attachments) if each.network in ours), attachments[0])

    def _networks(self, source: NamespaceRef) -> set[NetworkId]:
        occupant = self.occupant(source)
        return {each.network for each in occupant.attachments} if occupant is not None else set()

    def _file(self, text: str) -> NamespaceRef:
        wanted = NamespaceRef.parse(text)
        files = {ref for ref in self.namespaces if ref.node == wanted.node}
        if wanted in files:
            return wanted
        fitting = {ref for ref in files if ref.file and fnmatchcase(ref.file, f"{wanted.file}*")}
        known = sorted(str(ref) for ref in files) or sorted(self.hosts)
        return _only(text, fitting, "a namespace", known)

    def _occupants_called(self, text: str) -> list[Task | Container]:
        return [each for each in self.occupants() if _is_called(each, text)]

    def _known(self) -> list[str]:
        return [*self.hosts, *(_short_name(each) for each in self.occupants())]


def _is_called(occupant: Task | Container, text: str) -> bool:
    names = {occupant.name, _short_name(occupant), occupant.hostname}
    return text in names or (len(text) >= _LEAST_ID and occupant.container.startswith(text))


def _short_name(occupant: Task | Container) -> str:
    """``whoami.1``: without the task's id."""
    return occupant.name.removesuffix(f".{occupant.id}")


def _only(text: str, found: set[_Found], kind: str, known: Iterable[str]) -> _Found:
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise InputError(f"{text!r} may be {' or '.join(sorted(map(str, found)))}; say which")
    raise InputError(f"expected {kind}, found {text!r}; there are {', '.join(known)}")
