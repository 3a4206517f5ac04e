"""Nodes."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web

from meshnet.engine_api import asked
from meshnet.engine_api.answers import BY_SWARM, HttpError, as_json, nothing
from meshnet.engine_api.context import context_of
from meshnet.engine_api.given import Given
from meshnet.engine_api.lookup import find
from meshnet.engine_api.nodes_json import node_json
from meshnet.model import Availability, ClusterState, Membership, Node, NodeRole
from meshnet.orchestrator.commands import RemoveNode, UpdateNode

Word = TypeVar("Word", NodeRole, Availability)

_FILTERS = ("id", "label", "membership", "name", "node.label", "role")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/nodes", _list),
        web.get("/nodes/{id}", _inspect),
        web.post("/nodes/{id}/update", _update),
        web.delete("/nodes/{id}", _remove),
    ]


async def _list(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    filters = asked.filters(request, _FILTERS)
    for role in filters.get("role", ()):
        if role not in set(NodeRole):
            raise HttpError(400, f"invalid role filter: '{role}'")
    state = context.state
    return as_json([node_json(state, node) for node in known_nodes(state) if _wanted(node, filters)])


def _wanted(node: Node, filters: asked.Filters) -> bool:
    return (
        asked.begins(node.id, filters.get("id"))
        and asked.begins(node.name, filters.get("name"))
        and ("role" not in filters or node.role in filters["role"])
        and ("membership" not in filters or "accepted" in filters["membership"])
        and asked.labels_match(filters.get("node.label", frozenset()), node.labels)
        and asked.labels_match(filters.get("label", frozenset()), {})
    )


async def _inspect(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    return as_json(node_json(context.state, find_node(context.state, request.match_info["id"])))


async def _update(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    node = find_node(context.state, request.match_info["id"])
    version = asked.version(request)
    spec = Given(await asked.body(request, needed=True), "NodeSpec")
    request[BY_SWARM] = True
    context.engines.submit(
        UpdateNode(
            node.id,
            role=_member(NodeRole, spec.text("Role"), "role"),
            availability=_member(Availability, spec.text("Availability"), "availability"),
            labels=spec.names("Labels"),
            spec_name=spec.text("Name"),
            version=version,
        )
    )
    return nothing(200)


async def _remove(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    node = find_node(context.state, request.match_info["id"])
    request[BY_SWARM] = True
    context.engines.submit(RemoveNode(node.id, force=asked.flag(request, "force")))
    return nothing(200)


def _member(kind: type[Word], text: str, what: str) -> Word:
    if text.lower() not in set(kind):
        raise HttpError(400, f'invalid {what.capitalize()}: "{text}"')
    return kind(text.lower())


def known_nodes(state: ClusterState) -> list[Node]:
    """Those that the managers know: members, and those that have left."""
    return [node for node in state.nodes.values() if node.membership is not Membership.OUTSIDE]


def find_node(state: ClusterState, wanted: str) -> Node:
    return find(
        known_nodes(state), wanted, id_of=lambda node: node.id, name_of=lambda node: node.name, kind="node"
    )  # fmt: skip
