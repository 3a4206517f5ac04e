"""``/networks``: listing, looking into, making and removing them, and who is on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from meshnet.engine_api.answers import as_json, nothing
from meshnet.engine_api.asked import Filters, body, filters, flag
from meshnet.engine_api.containers import choosing, residents
from meshnet.engine_api.containers.choosing import labelled
from meshnet.engine_api.containers.residents import Resident
from meshnet.engine_api.context import Context, context_of
from meshnet.engine_api.given import Given
from meshnet.engine_api.networks import requests, seen, views
from meshnet.engine_api.networks.seen import SWARM, Seen
from meshnet.errors import Refusal, RefusedError
from meshnet.model import ClusterState, Node
from meshnet.orchestrator.commands import (
    ConnectNetwork,
    CreateBridge,
    CreateNetwork,
    DisconnectNetwork,
    RemoveBridge,
    RemoveNetwork,
)

FILTERS = frozenset({"dangling", "driver", "id", "label", "name", "scope", "type"})
_YES, _NO = ("1", "true"), ("0", "false")


def find(there: Sequence[Seen], asked: str) -> Seen:
    """The network of that id or name, or whose id alone begins so. Raises ``RefusedError``."""
    exact = [network for network in there if asked == network.id] or [one for one in there if asked == one.name]
    if exact:
        return exact[0]
    begins = [network for network in there if asked and network.id.startswith(asked)]
    if len(begins) > 1:
        raise RefusedError(f"network {asked} is ambiguous ({len(begins)} matches found on ID prefix)")
    if not begins:
        raise RefusedError(f"network {asked} not found", Refusal.NOT_FOUND)
    return begins[0]


def chosen(state: ClusterState, node: Node, there: Sequence[Seen], wanted: Filters) -> list[Seen]:
    """Those that filters let through. Raises ``RefusedError`` for filters that say nothing."""
    for kind in wanted.get("type", ()):
        if kind not in ("builtin", "custom"):
            raise RefusedError(f"invalid filter: 'type'='{kind}'")
    for value in wanted.get("dangling", ()):
        if value.lower() not in (*_YES, *_NO):
            raise RefusedError(f"invalid value for filter 'dangling': \"{value}\"")
    return [network for network in there if _passes(state, node, network, wanted)]


def _passes(state: ClusterState, node: Node, network: Seen, wanted: Filters) -> bool:
    kind = "builtin" if network.predefined else "custom"
    tests: dict[str, Callable[[str], bool]] = {
        "driver": lambda value: network.driver == value,
        "scope": lambda value: network.scope == value,
        "type": lambda value: kind == value,
        "id": lambda value: network.id.startswith(value),
        "name": lambda value: value in network.name,
        "dangling": lambda value: (value.lower() in _YES) is _dangles(state, node, network),
    }
    return all(any(tests[key](value) for value in values) for key, values in wanted.items() if key in tests) and all(
        labelled(network.labels, label) for label in wanted.get("label", ())
    )


def _dangles(state: ClusterState, node: Node, network: Seen) -> bool:
    return not network.predefined and not network.ingress and not views.in_use(state, node, network)


async def listing(request: web.Request) -> web.Response:
    context = context_of(request)
    state, node = context.state, context.node
    there = chosen(state, node, seen.on(state, node), filters(request, FILTERS))
    return as_json([views.summary(state, node, network) for network in there])


async def inspect(request: web.Request) -> web.Response:
    context, network = context_of(request), _network_of(request)
    return as_json(views.details(context.state, context.node, network, verbose=flag(request, "verbose")))


def _network_of(request: web.Request) -> Seen:
    context = context_of(request)
    scope = request.query.get("scope", "")
    there = [network for network in seen.on(context.state, context.node) if scope in ("", network.scope)]
    return find(there, request.match_info["name"])


async def create(request: web.Request) -> web.Response:
    context = context_of(request)
    asked = Given(await body(request, needed=True), "NetworkCreateRequest")
    driver = requests.driver(asked)
    spec = requests.network_spec(asked)
    if driver == "bridge":
        return _made(context, CreateBridge(context.machine, spec))
    node = context.node
    if node.member and not node.manages:
        raise RefusedError(requests.ON_WORKER, Refusal.PERMISSION_DENIED)
    context.manager()
    return _made(context, CreateNetwork(spec))


def _made(context: Context, command: CreateBridge | CreateNetwork) -> web.Response:
    before = context.state
    after = context.engines.submit(command)
    new = (after.bridges.keys() - before.bridges.keys()) | (after.networks.keys() - before.networks.keys())
    return as_json({"Id": next(iter(new)), "Warning": ""}, 201)


async def remove(request: web.Request) -> web.Response:
    context, network = context_of(request), _network_of(request)
    _remove(context, network)
    return nothing()


def _remove(context: Context, network: Seen) -> None:
    if network.overlay is None:
        context.engines.submit(RemoveBridge(context.machine, network.name))
        return
    context.manager()
    try:
        context.engines.submit(RemoveNetwork(network.id))
    except RefusedError as error:
        raise RefusedError(f"rpc error: code = {error.kind} desc = {error}", error.kind) from error


async def connect(request: web.Request) -> web.Response:
    context, network = context_of(request), _network_of(request)
    asked = Given(await body(request, needed=True), "NetworkConnect")
    one = _container_of(context, asked.text("Container"))
    endpoint = asked.within("EndpointConfig")
    address = endpoint.within("IPAMConfig").text("IPv4Address")
    context.engines.submit(ConnectNetwork(one.id, network.name, endpoint.words("Aliases"), address))
    await context.engines.followed()
    return nothing(200)


async def disconnect(request: web.Request) -> web.Response:
    context, network = context_of(request), _network_of(request)
    asked = Given(await body(request, needed=True), "NetworkDisconnect")
    one = _container_of(context, asked.text("Container"))
    context.engines.submit(DisconnectNetwork(one.id, network.name))
    await context.engines.followed()
    return nothing(200)


def _container_of(context: Context, asked: str) -> Resident:
    there = residents.on(context.state, context.node.id, context.engines.catalogue)
    one = choosing.find(there, asked)
    if one.is_task:
        raise RefusedError(
            f"container {one.name} is its service's: docker service update --network-add changes its networks",
            Refusal.PERMISSION_DENIED,
        )
    return one


async def prune(request: web.Request) -> web.Response:
    context = context_of(request)
    wanted = filters(request, ("label", "label!", "until"))
    if "until" in wanted:
        raise RefusedError("networks are pruned whatever their age here: no until")
    deleted = []
    for network in seen.on(context.state, context.node):
        meant = all(labelled(network.labels, label) for label in wanted.get("label", ()))
        kept = any(labelled(network.labels, label) for label in wanted.get("label!", ()))
        reachable = network.scope != SWARM or context.node.manages
        if meant and not kept and reachable and _dangles(context.state, context.node, network):
            _remove(context, network)
            deleted.append(network.name)
    return as_json({"NetworksDeleted": deleted})


def routes() -> list[web.RouteDef]:
    return [
        web.get("/networks", listing),
        web.post("/networks/create", create),
        web.post("/networks/prune", prune),
        web.get("/networks/{name}", inspect),
        web.delete("/networks/{name}", remove),
        web.post("/networks/{name}/connect", connect),
        web.post("/networks/{name}/disconnect", disconnect),
    ]
