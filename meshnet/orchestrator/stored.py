"""Configs and secrets: made, labelled and removed.

docker-swarm-facts section 5.9; swarmkit manager/controlapi/{config,secret}.go.
"""

from __future__ import annotations

import re
from dataclasses import replace

from meshnet.errors import Refusal, RefusedError
from meshnet.model import Stored, StoredId, StoredKind
from meshnet.orchestrator import networks
from meshnet.orchestrator.commands import CreateStored, RemoveStored, UpdateStored
from meshnet.orchestrator.draft import Draft

LARGEST = {StoredKind.CONFIG: 1000 * 1024, StoredKind.SECRET: 500 * 1024}
"""Bytes."""

_NAME = re.compile(r"[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?")


def create(draft: Draft, command: CreateStored) -> str:
    """Keep a config or a secret. Raises ``RefusedError``."""
    if draft.swarm is None:
        raise RefusedError(networks.NO_SWARM, Refusal.UNAVAILABLE)
    spec = command.spec
    if not _NAME.fullmatch(spec.name) or len(spec.name) > 64:
        raise RefusedError(
            "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, "
            "and the start and end character must be [a-zA-Z0-9]"
        )
    if not 0 < len(spec.data) < LARGEST[spec.kind]:
        raise RefusedError(f"{spec.kind} data must be larger than 0 and less than {LARGEST[spec.kind]} bytes")
    if any((other.kind, other.name) == (spec.kind, spec.name) for other in draft.stored.values()):
        raise RefusedError(f"{spec.kind} {spec.name} already exists", Refusal.ALREADY_EXISTS)
    made = Stored(StoredId(draft.new_swarm_id()), spec.kind, spec.name, spec.data, spec.labels)
    draft.stored[made.id] = made
    return f"{made.kind} {made.name} created"


def update(draft: Draft, command: UpdateStored) -> str:
    """Change its labels. Raises ``RefusedError``."""
    stored = find(draft, command.id)
    if command.version is not None and command.version != stored.meta.version:
        raise RefusedError("update out of sequence")
    draft.stored[stored.id] = replace(stored, labels=command.labels)
    return f"{stored.kind} {stored.name} updated"


def remove(draft: Draft, command: RemoveStored) -> str:
    """Remove one that no service wants. Raises ``RefusedError``."""
    stored = find(draft, command.id)
    users = [
        service.spec.name
        for service in draft.services.values()
        if any((file.kind, file.source) == (stored.kind, stored.name) for file in service.spec.files)
    ]
    if users:
        services = "service" if len(users) == 1 else "services"
        raise RefusedError(f"{stored.kind} '{stored.name}' is in use by the following {services}: {', '.join(users)}")
    del draft.stored[stored.id]
    return f"{stored.kind} {stored.name} removed"


def find(draft: Draft, name: str) -> Stored:
    """The one of that id or name, or whose id alone begins so. Raises ``RefusedError``."""
    there = draft.stored.values()
    for found in (
        [stored for stored in there if stored.id == name],
        [stored for stored in there if stored.name == name],
        [stored for stored in there if name and stored.id.startswith(name)],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            raise RefusedError(f"{name} is ambiguous ({len(found)} configs and secrets are called so)")
    raise RefusedError(f"no config and no secret {name} found", Refusal.NOT_FOUND)
