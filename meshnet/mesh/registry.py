"""Which renderers there are, and in which order they run."""

from __future__ import annotations

from typing import Protocol

from meshnet.errors import MachineError
from meshnet.mesh import bridge, container, hostport, ingress, overlay, resolver, task, vip
from meshnet.mesh.draft import Drafts
from meshnet.mesh.view import NodeView

ENTRY_POINTS = "meshnet.renderers"
"""The entry-point group in which other distributions offer renderers."""


class Renderer(Protocol):
    """One concern of one node: adds what it answers for to ``drafts``, and leaves the rest alone.

    It makes the namespaces it owns (``drafts.make``) and adds to those that earlier ones made (``drafts[ref]``).
    """

    def __call__(self, view: NodeView, drafts: Drafts) -> None: ...


BUILT_IN: tuple[Renderer, ...] = (
    bridge.render,
    overlay.render,
    ingress.render,
    task.render,
    container.render,
    vip.render,
    hostport.render,
    resolver.render,
)
"""In Docker's order of doing things: the daemon and its bridges, networks, ports, containers, balancing to them; and at
last the embedded resolver, whose rules Docker puts above all others."""


def installed_renderers() -> tuple[Renderer, ...]:
    """The renderers other distributions offer, by name; they run after the built-in ones.

    Raises ``MachineError`` for one that can't be imported.
    """
    # a dear import, some 45 ms: only for whoever asks
    from importlib.metadata import entry_points

    found = []
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        try:
            found.append(entry.load())
        except (ImportError, AttributeError) as error:
            raise MachineError(
                f"expected the renderer {entry.name!r} of group {ENTRY_POINTS!r} at {entry.value!r}, found: {error}"
            ) from error
    return tuple(found)
