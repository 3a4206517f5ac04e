"""What a test holds of its lab."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING

from meshnet.errors import InputError
from meshnet.lab.control import capture
from meshnet.lab.control.capture import Completed
from meshnet.lab.control.wire import Json
from meshnet.pytest_plugin.bench import Bench

if TYPE_CHECKING:
    from meshnet.pytest_plugin.evidence import Evidence

_USUAL = "swarm-"
"""What the names of the stock topologies' machines begin with, and their attributes leave out."""


class Lab:
    """A running lab. Its nodes are attributes by their short names: ``lab.worker1`` is ``swarm-worker1``,
    ``lab.client`` the client. What it says of itself is as of that moment."""

    def __init__(self, bench: Bench, evidence: Evidence) -> None:
        self.bench = bench
        self.evidence = evidence

    def __repr__(self) -> str:
        return f"<lab {self.bench.spec.name}: {', '.join(self.bench.spec.hosts)}>"

    def __getattr__(self, name: str) -> Node:
        __tracebackhide__ = True
        hosts = {} if name.startswith("_") else {_short(host): host for host in self.bench.spec.hosts}
        if name not in hosts:
            raise AttributeError(f"this lab has no node {name!r}; it has {', '.join(hosts)}")
        return Node(self, hosts[name])

    @property
    def name(self) -> str:
        return self.bench.spec.name

    @property
    def status(self) -> Json:
        """What ``meshnet status --json`` prints."""
        return self.bench.call("status")

    @property
    def nodes(self) -> list[Node]:
        """All hosts, the clients and routers included."""
        return [Node(self, name) for name in self.bench.spec.hosts]

    def node(self, name: str) -> Node:
        """The node of that name, whole (``swarm-worker1``) or short (``worker1``). Raises ``InputError``."""
        hosts = self.bench.spec.hosts
        for host in hosts:
            if name in (host, _short(host)):
                return Node(self, host)
        raise InputError(f"this lab has no node {name!r}; it has {', '.join(hosts)}")

    def tasks(self, service: str | None = None) -> list[Task]:
        """The tasks that run, of one service or of all. Raises ``InputError`` for a service that there isn't."""
        status = self.status
        if service is not None:
            _service(status, service)
        tasks = [_task(self, each) for each in status["tasks"] if each["state"] == "running"]
        return [task for task in tasks if service in (None, task.service)]

    def task(self, name: str) -> Task:
        """The running task of that name, ``whoami.1``. Raises ``InputError``."""
        tasks = self.tasks()
        for task in tasks:
            if task.name == name:
                return task
        raise InputError(f"no task {name!r} runs; there are {', '.join(task.name for task in tasks)}")

    def service(self, name: str) -> Service:
        """Raises ``InputError`` for one that there isn't."""
        return _service(self.status, name)

    def scale(self, service: str, replicas: int) -> None:
        """Have so many tasks of a service, and wait until they run and the mesh has followed."""
        __tracebackhide__ = True
        self.bench.call("scale", service=service, replicas=replicas)

    def docker(self, command: str, *, on: Node | None = None) -> str:
        """``lab.docker("service ls")``: what ``docker`` prints, on the first manager unless another node is said.
        Raises ``LabError`` if it fails."""
        __tracebackhide__ = True
        node = on or self.node(self.status["first_manager"])
        return node.run(f"docker {command}").check().text

    def rules(self, namespace: str | Node | Task) -> str:
        """What ``iptables-save`` prints in a namespace: ``swarm-worker1/ingress_sbox``. Raises ``InputError``."""
        place = namespace if isinstance(namespace, str) else namespace.place
        rules = self.bench.call("rules")["rules"]
        if place not in rules:
            raise InputError(f"expected a namespace, found {place!r}; there are {', '.join(rules)}")
        return str(rules[place])

    def keep(self) -> None:
        """Have tests come back to how the lab is now: for what a fixture of a module sets up."""
        self.bench.call("mark")


@dataclass(frozen=True, slots=True)
class Node:
    """A host of the lab. ``name`` is its whole name."""

    lab: Lab = field(repr=False)
    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def place(self) -> str:
        return self.name

    @property
    def address(self) -> IPv4Address:
        """On the underlay."""
        return IPv4Interface(self._status["address"]).ip

    @property
    def role(self) -> str:
        """``manager``, ``worker`` or ``client``: what is outside the swarm."""
        return str(self._status["role"])

    @property
    def engine(self) -> str | None:
        """Its engine's generation, ``20.10``; None outside the swarm."""
        engine = self._status["engine"]
        return None if engine is None else str(engine)

    @property
    def namespaces(self) -> list[str]:
        """Those inside it, as places: ``swarm-worker1/ingress_sbox``."""
        return [f"{self.name}/{file}" for file in self._status["namespaces"]]

    @property
    def tasks(self) -> list[Task]:
        """Those that run on it."""
        return [task for task in self.lab.tasks() if task.node == self]

    def run(self, command: str, *, stdin: str | bytes = b"") -> Completed:
        """A shell's command on it, run to its end: its ``status``, ``text`` and ``stderr``; ``check()`` raises
        ``LabError`` if it failed. What it puts into the background is ended after the test."""
        __tracebackhide__ = True
        given = stdin.encode() if isinstance(stdin, str) else stdin
        return capture.run(self.lab.bench.client, self.name, ["sh", "-c", command], stdin=given, env=os.environ)

    def says(self, command: str) -> str:
        """What a command prints, without the line's end. Raises ``LabError`` if it fails."""
        __tracebackhide__ = True
        return self.run(command).check().text.strip()

    @property
    def _status(self) -> Json:
        return next(node for node in self.lab.status["nodes"] if node["name"] == self.name)


@dataclass(frozen=True, slots=True)
class Task:
    """One copy of a service, as it was when it was asked for. ``name`` is ``whoami.1``, ``place`` its namespace,
    ``addresses`` those on networks, by the network's name."""

    name: str
    service: str
    node: Node
    container: str
    hostname: str
    place: str
    addresses: Mapping[str, IPv4Interface]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Service:
    """``vips`` are its virtual addresses by network; ``published`` its ports in the mesh, by target port."""

    name: str
    image: str
    replicas: int
    running: int
    vips: Mapping[str, IPv4Address]
    published: Mapping[int, int]

    @property
    def port(self) -> int:
        """The published port, of a service that has one. Raises ``InputError``."""
        if len(self.published) != 1:
            raise InputError(f"{self.name} publishes {len(self.published)} ports; say which of `published` is meant")
        return next(iter(self.published.values()))


def _short(host: str) -> str:
    return host.removeprefix(_USUAL).replace("-", "_")


def _service(status: Json, name: str) -> Service:
    for each in status["services"]:
        if each["name"] == name:
            vips = {network: IPv4Interface(address).ip for network, address in each["vips"].items()}
            published = dict(_port(text) for text in each["ports"])
            return Service(name, each["image"], each["replicas"], each["running"], vips, published)
    raise InputError(f"no service {name!r}; there are {', '.join(each['name'] for each in status['services'])}")


def _port(text: str) -> tuple[int, int]:
    """Target and published port of ``*:8000->80/tcp``."""
    published, _, target = text.removeprefix("*:").partition("->")
    return int(target.partition("/")[0]), int(published)


def _task(lab: Lab, plain: Json) -> Task:
    name = plain["name"].removesuffix(f".{plain['id']}")
    addresses = {network: IPv4Interface(address) for network, address in plain["addresses"].items()}
    place = f"{plain['node']}/{plain['sandbox']}"
    service = name.rpartition(".")[0]
    return Task(name, service, Node(lab, plain["node"]), plain["container"], plain["hostname"], place, addresses)
