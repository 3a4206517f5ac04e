"""Answers in the form that Docker's clients take: plain ``application/json``, and errors as ``{"message": ...}``.

The Go client compares the content type as a whole, and prints what isn't exactly that as it stands.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from meshnet.errors import AllocationError, InputError, Refusal, RefusedError, UserError

Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BY_SWARM: web.RequestKey[bool] = web.RequestKey("by_swarm", bool)
"""Set on a request that the swarm's managers decide on, from then on."""

STATUS = {
    Refusal.INVALID_ARGUMENT: 400,
    Refusal.FAILED_PRECONDITION: 400,
    Refusal.NOT_FOUND: 404,
    Refusal.ALREADY_EXISTS: 409,
    Refusal.PERMISSION_DENIED: 403,
    Refusal.UNAVAILABLE: 503,
    Refusal.UNIMPLEMENTED: 501,
    Refusal.UNKNOWN: 500,
}
"""HTTP's word for a refusal, as moby has it (docker-swarm-facts section 5.1)."""


class HttpError(RefusedError):
    """A refusal with a status of its own, where the kind alone doesn't say it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def as_json(value: object, status: int = 200) -> web.Response:
    body = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    return web.Response(body=body, status=status, content_type="application/json")


def nothing(status: int = 204) -> web.Response:
    return web.Response(status=status)


def refused(error: UserError, *, by_swarm: bool = False) -> web.Response:
    """The answer for a refusal; what the swarm's managers refuse carries their kind of it in the text."""
    if isinstance(error, HttpError):
        return as_json({"message": str(error)}, error.status)
    kind = error.kind if isinstance(error, RefusedError) else Refusal.INVALID_ARGUMENT
    prefix = f"rpc error: code = {kind} desc = " if by_swarm and kind is not Refusal.UNAVAILABLE else ""
    return as_json({"message": f"{prefix}{error}"}, STATUS[kind])


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what handlers raise into answers. What isn't ours is a defect: the lab's log has it in full."""
    try:
        return await handler(request)
    except (InputError, AllocationError) as error:
        return refused(error, by_swarm=request.get(BY_SWARM, False))
    except web.HTTPNotFound:
        return as_json({"message": "page not found"}, 404)
    except web.HTTPMethodNotAllowed:
        return as_json({"message": "page not found"}, 404)
    except web.HTTPRequestEntityTooLarge:
        return as_json({"message": "http: request body too large"}, 413)
    except web.HTTPException as error:
        return as_json({"message": error.reason}, error.status)
    except ConnectionError:
        return nothing()  # nobody is there any more to read it
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return as_json({"message": f"meshnet failed at {request.method} {request.path}: {error!r}"}, 500)
