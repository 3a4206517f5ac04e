"""What an image's name stands for, where there is no registry."""

from __future__ import annotations

from dataclasses import dataclass

from meshnet.errors import InputError

KINDS = ("http", "banner", "echo", "command")

DEFAULT_TAG = "latest"

STOOD_IN = "{image} (stood in for by meshnet)\ncontainer {container} on {node}\n"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One image of a catalogue.

    ``kind`` is

    * ``http``: answers every request on ``port`` with ``text``;
    * ``banner``: says ``text`` to whoever connects to ``port``, then reads until they go;
    * ``echo``: gives back what it's sent to ``port``, by UDP, TCP and SCTP (where the kernel has it);
    * ``command``: runs the task's command, or ``command`` where it has none.

    In ``text``, ``{image}``, ``{container}``, ``{node}``, ``{task}`` and (of ``http``) ``{request}`` stand for the
    image, the short container id, the node, the task's name and the request line. ``port_variable`` is an environment
    variable that says another port. Raises ``InputError`` when it is not one of these.
    """

    name: str
    kind: str
    port: int | None = None
    text: str = STOOD_IN
    command: tuple[str, ...] = ()
    port_variable: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"image {self.name}: kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind == "command" and not self.command:
            raise InputError(f"image {self.name}: a command image says which command it runs")
        if self.kind != "command" and not (isinstance(self.port, int) and 0 < self.port < 65536):
            raise InputError(f"image {self.name}: port is a number from 1 to 65535, not {self.port!r}")


def tagged(reference: str) -> str:
    """An image's name with its tag, that which Docker takes if it says none; one with a digest needs none."""
    return reference if "@" in reference or ":" in reference.rpartition("/")[2] else f"{reference}:{DEFAULT_TAG}"
