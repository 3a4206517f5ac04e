"""What ``docker events`` tells of: the difference between two states, in Docker's words.

moby daemon/events.go and daemon/cluster/; docker-swarm-facts 5.2. What leaves no trace in the state (a signal sent, a
program run in a container) is told by whoever did it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from meshnet.engine_api.containers import residents
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.networks import endpoints
from meshnet.engine_api.networks.endpoints import Endpoint
from meshnet.lab.engines import Engines
from meshnet.model import SECOND, ClusterState, ContainerId, Membership, Node, Service, ServiceMode, Task

LOCAL, SWARM = "local", "swarm"
KEPT = 256
"""How many past ones an engine remembers."""

_SIGTERM = "15"

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Notice:
    """One line of ``docker events``. ``id`` is whom it is about, ``time`` in nanoseconds. ``machine`` is the name of
    the one whose engine tells of it; None is for every manager."""

    type: str
    action: str
    id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    scope: str = LOCAL
    time: int = 0
    machine: str | None = None

    def json(self) -> dict[str, Any]:
        """As the API sends it; containers and images have the older fields, too."""
        older: dict[str, Any] = {}
        if self.type in ("container", "image"):
            older = {"status": self.action, "id": self.id}
            if self.type == "container":
                older["from"] = self.attributes.get("image", "")
        return {
            **older,
            "Type": self.type,
            "Action": self.action,
            "Actor": {"ID": self.id, "Attributes": dict(self.attributes)},
            "scope": self.scope,
            "time": self.time // SECOND,
            "timeNano": self.time,
        }


def notices(before: ClusterState, after: ClusterState) -> list[Notice]:
    """What the engines have to tell of a step from ``before`` to ``after``, at the time of its last event."""
    time = after.events[-1].time if after.events else 0
    return [*_swarm(before, after, time), *_bridges(before, after, time), *_containers(before, after, time)]


class Hub:
    """Every engine's events. It belongs to the event loop's thread, and follows the lab until ``close``."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._kept: dict[str, deque[Notice]] = {}
        self._listening: dict[asyncio.Queue[Notice], str] = {}
        self._unlisten = engines.listen(self._changed)

    def close(self) -> None:
        self._unlisten()

    def tell(self, notice: Notice) -> None:
        """Have a machine's listeners told, or every manager's."""
        machines = [notice.machine] if notice.machine is not None else _managers(self._engines.state)
        for machine in machines:
            self._kept.setdefault(machine, deque(maxlen=KEPT)).append(notice)
            for queue, listener in self._listening.items():
                if listener == machine:
                    queue.put_nowait(notice)

    def past(self, machine: str, since: int) -> list[Notice]:
        """What a machine's engine remembers from that instant on, oldest first."""
        return [notice for notice in self._kept.get(machine, ()) if notice.time >= since]

    @contextmanager
    def listening(self, machine: str) -> Iterator[asyncio.Queue[Notice]]:
        """What a machine's engine tells from now on."""
        queue: asyncio.Queue[Notice] = asyncio.Queue()
        self._listening[queue] = machine
        try:
            yield queue
        finally:
            del self._listening[queue]

    def _changed(self, before: ClusterState, after: ClusterState) -> None:
        for notice in notices(before, after):
            self.tell(notice)


def about_container(resident: Resident, action: str, time: int, **further: str) -> Notice:
    """What an engine tells of one of its containers; ``further`` attributes come beside its labels, image and name."""
    attributes = {**resident.labels, **further, "image": resident.image, "name": resident.name}
    return Notice("container", action, resident.id, attributes, LOCAL, time, resident.node.name)


def _swarm(before: ClusterState, after: ClusterState, time: int) -> Iterator[Notice]:
    for id, was, now in _changes(before.nodes, after.nodes):
        known, known_now = _known(was), _known(now)
        if _node_told(known) != _node_told(known_now):
            yield _notice("node", id, known, known_now, _node_attributes(known, known_now), time)
    for network_id, was_network, network in _changes(before.networks, after.networks):
        name = (network or was_network).name  # type: ignore[union-attr]  # one of them is there
        yield _notice("network", network_id, was_network, network, {"name": name}, time)
    for service_id, was_service, service in _changes(before.services, after.services):
        attributes = _service_attributes(was_service, service)
        yield _notice("service", service_id, was_service, service, attributes, time)
    for stored_id, was_stored, stored in _changes(before.stored, after.stored):
        kept = stored or was_stored
        if kept is not None:
            yield _notice(kept.kind.value, stored_id, was_stored, stored, {"name": kept.name}, time)


def _notice(
    type: str, id: str, before: object | None, after: object | None, attributes: dict[str, str], time: int
) -> Notice:
    action = "create" if before is None else "remove" if after is None else "update"
    return Notice(type, action, id, attributes, SWARM, time)


def _changes(
    before: Mapping[Key, Value], after: Mapping[Key, Value]
) -> Iterator[tuple[Key, Value | None, Value | None]]:
    """What differs, in the order of the keys: those there were, then new ones."""
    if before is after:
        return
    for key, value in before.items():
        now = after.get(key)
        if now is not value and now != value:
            yield key, value, now
    for key, value in after.items():
        if key not in before:
            yield key, None, value


def _known(node: Node | None) -> Node | None:
    """A node that the managers have in their list."""
    return node if node is not None and node.membership is not Membership.OUTSIDE else None


def _node_told(node: Node | None) -> object:
    """What of a node the managers keep; the rest is its engine's own."""
    if node is None:
        return None
    return node.spec_name or node.name, node.role, node.availability, node.labels, node.status, node.membership


def _node_attributes(was: Node | None, now: Node | None) -> dict[str, str]:
    told = now or was
    attributes = {"name": (told.spec_name or told.name) if told else ""}
    if was is None or now is None:
        return attributes
    for what, old, new in (
        ("availability", was.availability, now.availability),
        ("role", was.role, now.role),
        ("state", was.status, now.status),
    ):
        if old != new:
            attributes |= {f"{what}.old": old.value, f"{what}.new": new.value}
    return attributes


def _service_attributes(was: Service | None, now: Service | None) -> dict[str, str]:
    told = now or was
    attributes = {"name": told.spec.name if told else ""}
    if was is None or now is None:
        return attributes
    if was.spec.image != now.spec.image:
        attributes |= {"image.old": was.spec.image, "image.new": now.spec.image}
    replicated = ServiceMode.GLOBAL not in (was.spec.mode, now.spec.mode)
    if replicated and was.spec.replicas != now.spec.replicas:
        attributes |= {"replicas.old": str(was.spec.replicas), "replicas.new": str(now.spec.replicas)}
    if now.update_status is not None and now.update_status != was.update_status:
        attributes["updatestate.new"] = now.update_status.state.value
        if was.update_status is not None:
            attributes["updatestate.old"] = was.update_status.state.value
    return attributes


def _bridges(before: ClusterState, after: ClusterState, time: int) -> Iterator[Notice]:
    for id, was, now in _changes(before.bridges, after.bridges):
        bridge = now or was
        if bridge is None or (was is not None and now is not None):
            continue
        node = after.nodes.get(bridge.node) or before.nodes.get(bridge.node)
        action = "create" if was is None else "destroy"
        attributes = {"name": bridge.name, "type": "bridge"}
        yield Notice("network", action, id, attributes, LOCAL, time, node.name if node else None)


def _containers(before: ClusterState, after: ClusterState, time: int) -> Iterator[Notice]:
    for _, task, task_now in _changes(before.tasks, after.tasks):
        stopping = task_now is not None and task_now.stopping and not (task is not None and task.stopping)
        yield from _life(
            before,
            after,
            _of_task(before, task),
            _of_task(after, task_now),
            time,
            asked=stopping,
            stopped=task is not None and task.stopping,
        )
    for id in {**before.containers, **after.containers}:
        yield from _life(before, after, _of_container(before, id), _of_container(after, id), time)


def _of_task(state: ClusterState, task: Task | None) -> Resident | None:
    return residents.of_task(state, task) if task is not None else None


def _of_container(state: ClusterState, id: ContainerId) -> Resident | None:
    container = state.containers.get(id)
    return residents.of_container(state.nodes[container.node], container) if container is not None else None


def _life(
    before: ClusterState,
    after: ClusterState,
    was: Resident | None,
    now: Resident | None,
    time: int,
    *,
    asked: bool = False,
    stopped: bool = False,
) -> Iterator[Notice]:
    """One container's; ``asked`` says that it has just been asked to end, ``stopped`` that this was why it did."""
    told = now or was
    if told is None:
        return
    ran, runs = was is not None and was.running, now is not None and now.running
    if was is None:
        yield about_container(told, "create", time)
    there, here = _places(before, was), _places(after, now)
    for place in _new(here, there):
        yield _joint(told, place, "connect", time)
    if runs and not ran:
        yield about_container(told, "start", time)
    if asked and ran:
        yield about_container(told, "kill", time, signal=_SIGTERM)
    if ran and not runs:
        yield about_container(
            told, "die", time, exitCode=str(now.exit_code if now else 0), execDuration=_ran(was, time)
        )
    for place in _new(there, here):
        yield _joint(told, place, "disconnect", time)
    if stopped and ran and not runs:
        yield about_container(told, "stop", time)
    if now is None:
        yield about_container(told, "destroy", time)


def _ran(resident: Resident | None, time: int) -> str:
    """Whole seconds that a container ran."""
    return str(max(0, time - resident.started) // SECOND) if resident is not None else "0"


def _places(state: ClusterState, resident: Resident | None) -> dict[str, Endpoint]:
    if resident is None or not resident.running:
        return {}
    return {place.network_id: place for place in endpoints.of_resident(state, resident)}


def _new(places: Mapping[str, Endpoint], others: Mapping[str, Endpoint]) -> list[Endpoint]:
    return [place for id, place in places.items() if id not in others]


def _joint(resident: Resident, place: Endpoint, action: str, time: int) -> Notice:
    driver = {"none": "null", "host": "host"}.get(place.network, "bridge" if place.gateway else "overlay")
    attributes = {"container": resident.id, "name": place.network, "type": driver}
    return Notice("network", action, place.network_id, attributes, LOCAL, time, resident.node.name)


def _managers(state: ClusterState) -> list[str]:
    return [node.name for node in state.nodes.values() if node.manages]
