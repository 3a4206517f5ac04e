"""Who has told what and who listens: ``docker events``, with what the last 256 were for those who ask what has been."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from meshnet.engine_api.notices import Notice, notices
from meshnet.lab.engines import Engines
from meshnet.model import ClusterState

KEPT = 256
"""How many past ones an engine remembers."""

FILTERS = frozenset(
    {
        *("config", "container", "daemon", "event", "image", "label", "network"),
        *("node", "plugin", "scope", "secret", "service", "type", "volume"),
    }
)
"""What events can be chosen by."""

_BY_NAME = ("container", "network", "node", "service", "secret", "config", "volume", "plugin")

Filters = Mapping[str, frozenset[str]]


class EventHub:
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


def wanted(notice: Notice, filters: Filters) -> bool:
    """Whether ``filters`` let it through (moby daemon/events/filter.go)."""
    return (
        _exact(filters, "type", notice.type)
        and _exact(filters, "scope", notice.scope)
        and _action(filters, notice.action)
        and _labels(filters, notice.attributes)
        and _image(filters, notice)
        and not filters.get("daemon")
        and all(_named(filters, kind, notice) for kind in _BY_NAME)
    )


def _managers(state: ClusterState) -> list[str]:
    return [node.name for node in state.nodes.values() if node.manages]


def _exact(filters: Filters, key: str, value: str) -> bool:
    return key not in filters or value in filters[key]


def _action(filters: Filters, action: str) -> bool:
    """``exec_start: sh`` is also ``exec_start``."""
    return _exact(filters, "event", action) or _exact(filters, "event", action.partition(":")[0])


def _labels(filters: Filters, attributes: Mapping[str, str]) -> bool:
    for label in filters.get("label", ()):
        key, has_value, value = label.partition("=")
        if key not in attributes or (has_value and attributes[key] != value):
            return False
    return True


def _image(filters: Filters, notice: Notice) -> bool:
    if "image" not in filters:
        return True
    name = notice.id if notice.type == "image" else notice.attributes.get("image", "")
    return any(asked in (name, name.rpartition(":")[0]) for asked in filters["image"])


def _named(filters: Filters, kind: str, notice: Notice) -> bool:
    """By the beginning of its id or name."""
    if kind not in filters:
        return True
    if notice.type != kind:
        return False
    names = (notice.id, notice.attributes.get("name", ""))
    return any(name.startswith(asked) for asked in filters[kind] for name in names)
