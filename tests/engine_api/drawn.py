"""Requests drawn at random: of what the description says, of what clients really send, and of neither.

Everything follows from one ``random.Random``, so that a seed is a whole story.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from meshnet.model import ClusterState
from tests.engine_api import described
from tests.engine_api.checked import Json, port, replicated, service
from tests.engine_api.described import Operation

_NUMBERS = (
    -(1 << 70),
    -(1 << 63),
    -1,
    0,
    1,
    2,
    3,
    80,
    8000,
    30000,
    65535,
    65536,
    1 << 31,
    (1 << 63) - 1,
    1 << 64,
    10**30,
)
_OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    1e300,
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"a": {"b": []}},
)
_WORDS = (
    *(
        "",
        " ",
        "x",
        "a" * 300,
        "\0",
        "\ud7ff\u2603",
        "../..",
        "a/b",
        "-1",
        "0",
        "1",
        "true",
        "no",
        "NaN",
        "1e9",
        "\u0661",
    ),
    *("busybox", "nginx:1.27", "jwilder/whoami", "busybox@sha256:00", "overlay", "bridge", "host", "none", "ingress"),
    *(
        "my-demo",
        "own",
        "whoami",
        "box",
        "kept",
        "swarm-manager",
        "swarm-worker1",
        "self",
        "docker_gwbridge",
        "default",
    ),
    *("80/tcp", "8000", "80-90/udp", "10.9.0.0/24", "10.9.0.1", "10.0.0.0/33", "fe80::1", "999.1.1.1", "0.0.0.0/0"),
    *("node.role==worker", "node.labels.a!=b", "a==", "==", "sh", "missing", "SIGTERM", "SIGFOO", "999999", "A=b", "="),
    *(
        "YQ==",
        "?",
        "manager",
        "worker",
        "drain",
        "active",
        "running",
        "label=a",
        "{{.Node.Hostname}}",
        "192.168.56.10:2377",
    ),
    *(
        "any",
        "on-failure",
        "always",
        "host",
        "vip",
        "dnsrr",
        "tcp",
        "sctp",
        "previous",
        "removed",
        "next-exit",
        "(",
        "[a",
    ),
)
_FILTERS = (
    *(
        "id",
        "name",
        "label",
        "label!",
        "names",
        "role",
        "membership",
        "node.label",
        "mode",
        "runtime",
        "service",
        "node",
    ),
    *("desired-state", "_up-to-date", "ancestor", "before", "since", "until", "exited", "expose", "publish", "health"),
    *("is-task", "network", "status", "volume", "dangling", "driver", "scope", "type", "reference", "event", "image"),
    *("container", "daemon", "plugin", "secret", "config", "no-such"),
)
_USUAL = {
    "/services/create": service("other", Mode=replicated(2), EndpointSpec={"Ports": [port(80, 8080)]}),
    "/services/{id}/update": service("whoami", task={"Networks": [{"Target": "my-demo"}]}, Mode=replicated(1)),
    "/networks/create": {"Name": "further", "Driver": "overlay", "IPAM": {"Config": [{"Subnet": "10.8.0.0/24"}]}},
    "/networks/{id}/connect": {"Container": "box", "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.9.0.7"}}},
    "/networks/{id}/disconnect": {"Container": "box", "Force": True},
    "/containers/create": {
        "Image": "busybox",
        "Cmd": ["sh"],
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"NetworkMode": "own", "PortBindings": {"80/tcp": [{"HostPort": "8081"}]}},
        "NetworkingConfig": {"EndpointsConfig": {"own": {"Aliases": ["a"]}}},
    },
    "/containers/{id}/exec": {"Cmd": ["sh"], "AttachStdin": True, "Env": ["A=b"], "ConsoleSize": [24, 80]},
    "/exec/{id}/start": {"Detach": False, "Tty": True, "ConsoleSize": [24, 80]},
    "/configs/create": {"Name": "further", "Data": "YQ==", "Labels": {"a": "b"}},
    "/secrets/create": {"Name": "further", "Data": "YQ==", "Labels": {"a": "b"}},
    "/configs/{id}/update": {"Name": "kept", "Data": "YQ==", "Labels": {"a": "b"}},
    "/secrets/{id}/update": {"Name": "kept", "Data": "YQ==", "Labels": {"a": "b"}},
    "/nodes/{id}/update": {"Role": "worker", "Availability": "active", "Labels": {"a": "b"}},
    "/swarm/init": {"ListenAddr": "0.0.0.0", "DefaultAddrPool": ["10.20.0.0/16"], "SubnetSize": 24, "Spec": {}},
    "/swarm/join": {"RemoteAddrs": ["192.168.56.10"], "JoinToken": "SWMTKN-1-a-b"},
    "/swarm/update": {"Orchestration": {"TaskHistoryRetentionLimit": 5}, "Dispatcher": {"HeartbeatPeriod": 5 * 10**9}},
}
"""Bodies that are taken as they are, mostly."""

_MEANT = (
    "Name",
    "Image",
    "TaskTemplate",
    "ContainerSpec",
    "Target",
    "Cmd",
    "HostConfig",
    "Mode",
    "Role",
    "Availability",
)
"""Members that little comes of a body without."""


@dataclass(frozen=True)
class Request:
    operation: Operation
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: object = None

    def __str__(self) -> str:
        return f"{self.operation.method} {self.path} {self.query} {self.body}"


def request(random: Random, state: ClusterState, execs: list[str]) -> Request:
    """One for an operation that is as likely as any other; ``execs`` are the programs that may be asked about."""
    operation = random.choice(described.operations())
    path, query, body = operation.path, {}, None
    for parameter in operation.parameters:
        place, name = parameter["in"], parameter["name"]
        if place == "path":
            path = path.replace(f"{{{name}}}", _named(random, operation.path, state, execs))
        elif place == "query" and random.random() < 0.5:
            query[name] = _asked(random, parameter, state)
        elif place == "body":
            body = _body(random, operation, parameter.get("schema", {}))
    return Request(operation, path, query, body)


def _named(random: Random, path: str, state: ClusterState, execs: list[str]) -> str:
    kind = path.split("/")[1]
    known: dict[str, list[str]] = {
        "containers": [*state.containers, *(one.name for one in state.containers.values()), *_of_tasks(state)],
        "exec": execs,
        "services": [*state.services, *(one.spec.name for one in state.services.values())],
        "tasks": list(state.tasks),
        "nodes": [*state.nodes, *(one.name for one in state.nodes.values())],
        "networks": [*state.networks, *(one.name for one in state.networks.values()), *state.bridges, "bridge", "host"],
        "images": ["busybox", "nginx:latest", "jwilder/whoami"],
        "distribution": ["busybox", "nginx:latest", "nothing"],
    }
    there = known.get(kind) or list(state.stored)
    if not there or random.random() < 0.1:
        return random.choice([word for word in _WORDS if word.isalnum()] + ["%00", "%2F", "%FF", "..%2f", "a%20b"])
    name = random.choice(there)
    return name if random.random() < 0.9 else name[: random.randrange(1, 6)]


def _of_tasks(state: ClusterState) -> Iterator[str]:
    return (task.container for task in state.tasks.values())


def _asked(random: Random, parameter: Json, state: ClusterState) -> str:
    """A value for a query."""
    name = parameter["name"]
    if name == "filters":
        chosen = random.sample(_FILTERS, random.choice((1, 1, 1, 2)))
        wanted: Any = {key: [random.choice(_WORDS)] for key in chosen}
        return json.dumps(_mutated(random, wanted) if random.random() < 0.3 else wanted)
    if name == "version" and random.random() < 0.8:
        services = [one.meta.version for one in state.services.values()]
        nodes = [one.meta.version for one in state.nodes.values()]
        return str(random.choice([*services, *nodes, 0]))
    if name in ("since", "until", "timestamp"):
        return random.choice(("0", "1", "1700000000.5", "9" * 30, "-1", "1e3", "inf", "1.x", "", "9" * 5000))
    if random.random() < 0.2:
        return random.choice(_WORDS)
    return str(_value(random, parameter, 0))


def _body(random: Random, operation: Operation, schema: Json) -> object:
    fate = random.random()
    usual = copy.deepcopy(_USUAL.get(operation.path, {}))
    if fate < 0.35:
        return usual
    if fate < 0.7:
        for _ in range(random.choice((1, 1, 2, 3))):
            usual = _mutated(random, usual)
        return usual
    drawn = _value(random, schema, 0)
    if fate < 0.85 and isinstance(drawn, dict) and isinstance(usual, dict):
        return {**usual, **drawn}
    return drawn


def _value(random: Random, schema: Json, depth: int) -> Any:
    """What a schema describes, or now and then something else."""
    schema = described.resolved(schema)
    if random.random() < 0.04:
        return random.choice(_OTHERS)
    if "enum" in schema and random.random() < 0.9:
        return random.choice(schema["enum"])
    if "allOf" in schema or "properties" in schema:
        return _object(random, schema, depth)
    match schema.get("type"):
        case "object":
            further = schema.get("additionalProperties")
            inner = further if isinstance(further, dict) else {}
            return {random.choice(_WORDS): _value(random, inner, depth + 1) for _ in range(random.choice((0, 1, 2)))}
        case "array":
            return [_value(random, schema.get("items", {}), depth + 1) for _ in range(random.choice((0, 1, 1, 2)))]
        case "integer" | "number":
            return random.choice(_NUMBERS)
        case "boolean":
            return random.random() < 0.5
        case "string":
            return random.choice(_WORDS)
    return random.choice(_OTHERS)


def _object(random: Random, schema: Json, depth: int) -> Json:
    members, _ = described.members(schema)
    likely = 0.5 if depth < 2 else 0.25
    return {
        name: _value(random, inner, depth + 1)
        for name, inner in members.items()
        if depth < 7 and random.random() < (0.9 if name in _MEANT else likely / max(1, len(members) / 8))
    }


def _mutated(random: Random, value: Any) -> Any:
    """Something in there is another thing, gone, or there twice."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        fate = random.random()
        if fate < 0.1:
            return {name: item for name, item in value.items() if name != key}
        if fate < 0.15:
            return {**value, key.lower(): value[key]}
        return {**value, key: _mutated(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        changed = _mutated(random, value[place])
        return [*value[:place], changed, *value[place + random.randrange(2) :]]
    return random.choice((*_OTHERS, *_NUMBERS, *_WORDS))
