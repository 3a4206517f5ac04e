"""Which containers a request means: one by its name or id, or those that filters let through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from meshnet.engine_api import images
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.containers.views import exposed
from meshnet.engine_api.networks import endpoints
from meshnet.errors import Refusal, RefusedError
from meshnet.model import ClusterState

FILTERS = frozenset(
    {
        *("ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name"),
        *("network", "publish", "since", "status", "volume"),
    }
)
STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")

Filters = Mapping[str, frozenset[str]]


def find(there: Iterable[Resident], asked: str) -> Resident:
    """The container of that id or name, or whose id alone begins so. Raises ``RefusedError``."""
    known = list(there)
    name = asked.removeprefix("/")
    for resident in known:
        if asked == resident.id or name == resident.name:
            return resident
    begins = [resident for resident in known if asked and resident.id.startswith(asked)]
    if len(begins) > 1:
        raise RefusedError(f"multiple IDs found with provided prefix: {asked}")
    if not begins:
        raise RefusedError(f"No such container: {asked}", Refusal.NOT_FOUND)
    return begins[0]


def chosen(state: ClusterState, there: Sequence[Resident], filters: Filters, *, every: bool) -> list[Resident]:
    """Those that ``docker ps`` is to list: running ones, or ``every`` one. Raises ``RefusedError`` for filters that
    say nothing."""
    for status in filters.get("status", ()):
        if status not in STATUSES:
            raise RefusedError(
                f"invalid filter 'status={status}': invalid value for state ({status}): must be one of "
                + ", ".join(STATUSES)
            )
    every = every or bool(filters.keys() & {"status", "exited"})
    tests = list(_tests(state, there, filters))
    return [one for one in there if (every or one.running or one.status == "restarting") and all(t(one) for t in tests)]


Test = Callable[[Resident], bool]


def _tests(state: ClusterState, there: Sequence[Resident], filters: Filters) -> Iterable[Test]:
    made: dict[str, Callable[[frozenset[str]], Test]] = {
        "id": lambda values: lambda one: any(one.id.startswith(value) for value in values),
        "name": lambda values: _by_name(values),
        "status": lambda values: lambda one: one.status in values,
        "label": lambda values: lambda one: all(labelled(one.labels, value) for value in values),
        "ancestor": lambda values: lambda one: any(_descends(one, value) for value in values),
        "network": lambda values: lambda one: any(_is_on(state, one, value) for value in values),
        "is-task": lambda values: _whether_task(_switches("is-task", values)),
        "exited": lambda values: _ended_with(_numbers("exited", values)),
        "health": lambda values: lambda one: "none" in values,
        "isolation": lambda values: lambda one: "default" in values,
        "volume": lambda values: lambda one: False,
        "expose": lambda values: lambda one: any(_in(port, value) for port in exposed(one) for value in values),
        "publish": lambda values: (
            lambda one: any(_in(f"{port.published}/{port.protocol}", value) for port in one.ports for value in values)
        ),
        "before": lambda values: _than(there, values, older=True),
        "since": lambda values: _than(there, values, older=False),
    }
    for key, values in filters.items():
        yield made[key](values)


def labelled(labels: Mapping[str, str], asked: str) -> bool:
    """Whether there is a label ``key``, or ``key=value``."""
    key, has_value, value = asked.partition("=")
    return key in labels and (not has_value or labels[key] == value)


def _by_name(values: Iterable[str]) -> Test:
    """Names are regular expressions, matched with and without the slash that Docker puts before them."""
    try:
        patterns = [re.compile(value) for value in values]
    except re.error as error:
        raise RefusedError(f"invalid filter 'name': {error}") from error
    return lambda one: any(pattern.search(name) for pattern in patterns for name in (one.name, f"/{one.name}"))


def _whether_task(wanted: frozenset[str]) -> Test:
    return lambda one: ("true" if one.is_task else "false") in wanted


def _ended_with(codes: frozenset[int]) -> Test:
    return lambda one: one.status == "exited" and one.exit_code in codes


def _descends(one: Resident, image: str) -> bool:
    id = images.image_id(one.image)
    if image.startswith("sha256:") or re.fullmatch("[0-9a-f]{12,64}", image):
        return id.removeprefix("sha256:").startswith(image.removeprefix("sha256:"))
    return images.familiar(image) == images.familiar(one.image)


def _is_on(state: ClusterState, one: Resident, network: str) -> bool:
    return any(
        network == place.network or (network and place.network_id.startswith(network))
        for place in endpoints.of_resident(state, one)
    )


def _in(port: str, asked: str) -> bool:
    """Whether ``80/tcp`` is in ``80``, ``80/tcp`` or ``8000-8100/tcp``."""
    numbers, _, protocol = asked.partition("/")
    first, _, last = numbers.partition("-")
    number, _, own = port.partition("/")
    if own != (protocol or "tcp"):
        return False
    try:
        return int(first) <= int(number) <= int(last or first)
    except ValueError as error:
        raise RefusedError(f"invalid filter 'publish={asked}': that is no port") from error


def _switches(key: str, values: Iterable[str]) -> frozenset[str]:
    meant = {"1": "true", "t": "true", "true": "true", "0": "false", "f": "false", "false": "false"}
    for value in values:
        if value.lower() not in meant:
            raise RefusedError(f"invalid filter '{key}={value}'")
    return frozenset(meant[value.lower()] for value in values)


def _numbers(key: str, values: Iterable[str]) -> frozenset[int]:
    try:
        return frozenset(int(value) for value in values)
    except ValueError as error:
        raise RefusedError(f"invalid filter '{key}': {error}") from error


def _than(there: Sequence[Resident], values: Iterable[str], *, older: bool) -> Test:
    marks = [find(there, value).created for value in values]
    return lambda one: all(one.created < mark if older else one.created > mark for mark in marks)
