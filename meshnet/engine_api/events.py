"""Which events a client of ``docker events`` wants to hear of."""

from __future__ import annotations

from collections.abc import Mapping

from meshnet.engine_api.notices import Notice

FILTERS = frozenset(
    {
        *("config", "container", "daemon", "event", "image", "label", "network"),
        *("node", "plugin", "scope", "secret", "service", "type", "volume"),
    }
)
"""What events can be chosen by."""

_BY_NAME = ("container", "network", "node", "service", "secret", "config", "volume", "plugin")

Filters = Mapping[str, frozenset[str]]


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
