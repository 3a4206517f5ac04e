"""What a lab shows to the world besides its packets: APIs that people speak to on its nodes.

Faces are plug-ins: entry points of the group ``meshnet.faces``, each a function that is called once the nodes are
there, in the event loop's thread, with the lab's engines and what each node of the swarm is like inside. The launcher
finds them, where imports are cheap, and the lab's process imports those it is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from meshnet.errors import MachineError
from meshnet.lab.engines import Engines
from meshnet.lab.net.interior import Interior

GROUP = "meshnet.faces"

Face = Callable[[Engines, Mapping[str, Interior]], None]


def installed() -> tuple[str, ...]:
    """The faces there are, as ``module:function``, by name."""
    from importlib.metadata import entry_points

    return tuple(entry.value for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def open_all(values: Iterable[str], engines: Engines, nodes: Mapping[str, Interior]) -> None:
    """Open these faces. Raises ``MachineError`` for one that can't be imported."""
    from importlib import import_module

    for value in values:
        module, _, name = value.partition(":")
        try:
            face: Face = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise MachineError(f"expected a face of group {GROUP} at {value!r}, found: {error}") from error
        face(engines, nodes)
