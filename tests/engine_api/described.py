"""Docker's published description of the Engine API (tests/data/engine-api), and answers held against it.

It is Swagger 2.0: its schemas are JSON Schema's draft 4 with ``x-nullable`` besides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

Json = dict[str, Any]

_FILE = Path(__file__).parents[1] / "data" / "engine-api" / "v1.50.json"
_VERSION = re.compile(r"/v\d+\.\d+(?=/)")

_ERROR: Json = {"$ref": "#/definitions/ErrorResponse"}

_NULL_TO_GO = frozenset(
    {
        *("Aliases", "Authorization", "Binds", "CapAdd", "CapDrop", "Data", "DNSNames", "DeviceCgroupRules"),
        *("DeviceRequests", "Dns", "DnsOptions", "DnsSearch", "Entrypoint", "ExitCode", "ExtraHosts"),
        *("GenericResources", "GroupAdd", "ImagesDeleted", "Labels", "Links", "MemorySwappiness"),
        *("OomKillDisable", "Options", "SecurityOpt", "Volumes", "VolumesFrom", "Warnings"),
        "io_service_bytes_recursive",
    }
)
"""Members that the real engine sends as null where there is nothing: slices, maps and pointers of Go's. The description
says of only some that they may be."""


@dataclass(frozen=True)
class Operation:
    """One method of one path, as described."""

    method: str
    path: str
    described: Json

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> list[Json]:
        found: list[Json] = self.described.get("parameters", [])
        return found

    def schema(self, status: int) -> Json | None:
        """What an answer of that status holds; None for nothing. Raises ``KeyError`` for a status it never has."""
        found: Json | None = self.described["responses"][str(status)].get("schema")
        return found


@cache
def description() -> Json:
    """As published, set right where the real engine does something else: its clients go by that."""
    found: Json = json.loads(_FILE.read_text(), object_hook=_with_nulls)
    definitions = found["definitions"]
    # moby's types ConfigCreateResponse and SecretCreateResponse have no other name for it, and docker-py wants it so.
    for kind in ("configs", "secrets"):
        made = {"type": "object", "required": ["ID"], "properties": {"ID": {"type": "string"}}}
        found["paths"][f"/{kind}/create"]["post"]["responses"]["201"]["schema"] = made
    # A service's rollback, and what it goes back to.
    states = definitions["Service"]["properties"]["UpdateStatus"]["properties"]["State"]["enum"]
    states += ["rollback_started", "rollback_paused", "rollback_completed"]
    definitions["Service"]["properties"]["PreviousSpec"] = {"$ref": "#/definitions/ServiceSpec"}
    # A task's networks are the swarm's objects, not the engine's; and with ``verbose`` a network has its services.
    definitions["NetworkAttachment"]["properties"]["Network"] = {"type": "object"}
    definitions["Network"]["properties"]["Services"] = {"type": "object"}
    # Older names that events have beside their own, and one that Go writes with a small letter.
    definitions["EventMessage"]["properties"] |= {name: {"type": "string"} for name in ("status", "id", "from")}
    container = definitions["TaskSpec"]["properties"]["ContainerSpec"]["properties"]
    container["Healthcheck"] = container["HealthCheck"]
    return found


def _with_nulls(read: Json) -> Json:
    properties = read.get("properties")
    if isinstance(properties, dict):
        for name in _NULL_TO_GO & properties.keys():
            properties[name]["x-nullable"] = True
    return read


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(method.upper(), path, described)
        for path, methods in description()["paths"].items()
        for method, described in methods.items()
    )


def operation(method: str, path: str) -> Operation:
    """The one that answers a request; where several could, the one with the most of its path written out."""
    bare = _VERSION.sub("", path.partition("?")[0])
    fitting = [one for one in operations() if one.method == method and _pattern(one.path).fullmatch(bare)]
    assert fitting, f"nothing described answers {method} {bare}"
    return max(fitting, key=lambda one: len(re.sub("{[^}]*}", "", one.path)))


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]*\\}", "(.+)", re.escape(path)))


def deviations(schema: Json, value: object) -> list[str]:
    """Where ``value`` isn't what a schema says, each as ``Place.Within[]: what is wrong``."""
    wrong = [
        f"{_place(error.absolute_path)}: {error.message}" for error in _leaves(_validator(schema).iter_errors(value))
    ]
    return [*wrong, *(f"{place}: not described" for place in _unknown(schema, value, ""))]


def error_deviations(value: object) -> list[str]:
    """Where an answer isn't an error's."""
    return deviations(_ERROR, value)


def resolved(schema: Json) -> Json:
    """What a reference refers to."""
    while "$ref" in schema:
        schema = description()["definitions"][schema["$ref"].rpartition("/")[2]]
    return schema


def _validator(schema: Json) -> Any:
    return Draft4Validator({**_definitions(), "allOf": [_draft4(schema)]})


@cache
def _definitions() -> Mapping[str, Any]:
    return {"definitions": {name: _draft4(schema) for name, schema in description()["definitions"].items()}}


def _draft4(schema: Any) -> Any:
    """Swagger's dialect in JSON Schema's. Beside a reference nothing counts, to either."""
    if isinstance(schema, list):
        return [_draft4(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _draft4(value) for key, value in schema.items() if not key.startswith("x-") and key != "format"}
    if schema.get("x-nullable") is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made


def _leaves(errors: Any) -> Iterator[Any]:
    """Of an error in something combined, the errors that make it one."""
    for error in errors:
        if error.context:
            yield from _leaves(error.context)
        else:
            yield error


def _place(path: Any) -> str:
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _unknown(schema: Json, value: object, place: str) -> Iterator[str]:
    """Members that no part of a schema has a word for, where it lists any at all."""
    schema = resolved(schema)
    if isinstance(value, list):
        for item in value:
            yield from _unknown(schema.get("items", {}), item, f"{place}[]")
    if not isinstance(value, dict):
        return
    known, others = members(schema)
    for key, item in value.items():
        within = f"{place}.{key}".lstrip(".")
        if key in known:
            yield from _unknown(known[key], item, within)
        elif isinstance(others, dict):
            yield from _unknown(others, item, f"{place}.*".lstrip("."))
        elif known and others is None:
            yield within


def members(schema: Json) -> tuple[Json, object]:
    """The properties that an object may have, and what further ones may be: a schema, anything, or None for nothing."""
    schema = resolved(schema)
    found, others = dict(schema.get("properties", {})), schema.get("additionalProperties")
    for part in schema.get("allOf", ()):
        more, further = members(part)
        found |= more
        others = others or further
    return found, others
