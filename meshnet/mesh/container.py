"""Namespaces of containers outside services: made as a task's are, with nothing to guard."""

from __future__ import annotations

from meshnet.mesh import sandbox
from meshnet.mesh.draft import Drafts
from meshnet.mesh.view import NodeView


def render(view: NodeView, drafts: Drafts) -> None:
    """Make the namespace of every container that has one of its own on the node."""
    for container in view.containers:
        sandbox.make(view, drafts, container)
