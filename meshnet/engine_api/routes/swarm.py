"""The swarm itself: made, joined, left and looked at."""

from __future__ import annotations

from aiohttp import web

from meshnet.engine_api import asked
from meshnet.engine_api.answers import BY_SWARM, HttpError, as_json, nothing
from meshnet.engine_api.context import context_of
from meshnet.engine_api.given import Given
from meshnet.engine_api.swarm_json import LOCKED, swarm_json, swarm_spec
from meshnet.model import Availability, ClusterState, Node
from meshnet.orchestrator.commands import InitSwarm, JoinSwarm, LeaveSwarm, UpdateSwarm


def routes() -> list[web.RouteDef]:
    return [
        web.get("/swarm", _inspect),
        web.post("/swarm/init", _init),
        web.post("/swarm/join", _join),
        web.post("/swarm/leave", _leave),
        web.post("/swarm/update", _update),
        web.get("/swarm/unlockkey", _unlock_key),
        web.post("/swarm/unlock", _unlock),
    ]


async def _inspect(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    swarm = context.state.swarm
    assert swarm is not None
    return as_json(swarm_json(swarm))


async def _init(request: web.Request) -> web.Response:
    context = context_of(request)
    given = Given(await asked.body(request, needed=True), "InitRequest")
    if given.flag("AutoLockManagers"):
        raise HttpError(400, LOCKED)
    _check_address(given.text("AdvertiseAddr"), context.node)
    pools = given.words("DefaultAddrPool")
    if len(pools) > 1:
        raise HttpError(400, "a lab's swarm has one default address pool")
    context.engines.submit(
        InitSwarm(
            context.machine,
            spec=swarm_spec(given.within("Spec")),
            availability=_availability(given),
            pool=pools[0] if pools else "",
            pool_prefix=given.number("SubnetSize"),
        )
    )
    return as_json(context.node.id)


async def _join(request: web.Request) -> web.Response:
    context = context_of(request)
    given = Given(await asked.body(request, needed=True), "JoinRequest")
    addresses = given.words("RemoteAddrs")
    if not addresses:
        raise HttpError(400, "at least 1 RemoteAddr is required to join")
    if not any(_is_manager(context.state, address) for address in addresses):
        raise HttpError(503, f"rpc error: code = Unavailable desc = connection error: {addresses[0]} is no manager")
    request[BY_SWARM] = True
    context.engines.submit(JoinSwarm(context.machine, given.text("JoinToken"), _availability(given)))
    await context.engines.followed()
    return nothing(200)


async def _leave(request: web.Request) -> web.Response:
    context = context_of(request)
    context.engines.submit(LeaveSwarm(context.machine, force=asked.flag(request, "force")))
    await context.engines.followed()
    return nothing(200)


async def _update(request: web.Request) -> web.Response:
    context = context_of(request)
    context.manager()
    version = asked.version(request)
    given = Given(await asked.body(request, needed=True), "Spec")
    if asked.flag(request, "rotateManagerUnlockKey"):
        raise HttpError(400, LOCKED)
    request[BY_SWARM] = True
    context.engines.submit(
        UpdateSwarm(
            swarm_spec(given),
            version,
            rotate_worker_token=asked.flag(request, "rotateWorkerToken"),
            rotate_manager_token=asked.flag(request, "rotateManagerToken"),
        )
    )
    return nothing(200)


async def _unlock_key(request: web.Request) -> web.Response:
    context_of(request).manager()
    return as_json({"UnlockKey": ""})


async def _unlock(request: web.Request) -> web.Response:
    context_of(request).manager()
    raise HttpError(409, "swarm is not locked")


def _availability(given: Given) -> Availability:
    text = given.text("Availability") or Availability.ACTIVE
    if text not in set(Availability):
        raise HttpError(400, f'invalid Availability: "{text}"')
    return Availability(text)


def _check_address(text: str, node: Node) -> None:
    """A machine of a lab has one address to be reached at, and its interface's name says the same."""
    wanted = text.rpartition(":")[0] if ":" in text else text
    if wanted and wanted != str(node.address.ip) and wanted.replace(".", "").isdigit():
        raise HttpError(400, f"advertise address must be an address of this node: {node.address.ip}, not {wanted}")


def _is_manager(state: ClusterState, address: str) -> bool:
    wanted = address.partition(":")[0]
    return any(node.manages and wanted in (str(node.address.ip), node.name) for node in state.nodes.values())
