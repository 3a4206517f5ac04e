"""``lab.yaml``, checked by pydantic. examples/article/lab.yaml shows and explains nearly every key."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from meshnet.compose import values
from meshnet.compose.strict import Strict
from meshnet.errors import InputError
from meshnet.labfolder.overrides import parse_generation
from meshnet.model import Generation
from meshnet.model.ids import CONTAINER_ID_LENGTH, SWARM_ID_LENGTH
from meshnet.model.image import STOOD_IN


def _generation(value: Any) -> Any:
    try:
        return parse_generation(str(values.text(value)))
    except InputError as error:
        raise ValueError(str(error)) from error


def _topology(value: Any) -> Any:
    """A mapping of ``name`` and parameters, or text as it is: ``swarm,workers=3``, as ``--topo`` takes it."""
    if not isinstance(value, dict):
        return value
    if "name" not in value:
        raise ValueError("a topology has a name: swarm, leafspine, twosite or another package's")
    settings = [f"{key}={values.text(item)}" for key, item in value.items() if key != "name"]
    return ",".join((str(values.text(value["name"])), *settings))


def _address(value: Any) -> Any:
    try:
        return IPv4Address(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(f"an IPv4 address such as 10.0.2.5 is wanted, not {values.text(value)!r}") from error


def _swarm_id(value: Any) -> Any:
    return _id(values.text(value), "0123456789abcdefghijklmnopqrstuvwxyz", SWARM_ID_LENGTH, "letters and digits")


def _container_id(value: Any) -> Any:
    return _id(values.text(value), "0123456789abcdef", CONTAINER_ID_LENGTH, "hexadecimal digits")


def _id(value: Any, alphabet: str, longest: int, what: str) -> Any:
    if not isinstance(value, str) or not 0 < len(value) <= longest or set(value) - set(alphabet):
        raise ValueError(f"an id of up to {longest} lower-case {what} is wanted, not {value!r}")
    return value


GenerationText = Annotated[Generation, BeforeValidator(_generation)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
SwarmId = Annotated[str, BeforeValidator(_swarm_id)]
ContainerIdText = Annotated[str, BeforeValidator(_container_id)]


class NodeFile(Strict):
    """What one node has of its own. ``ingress`` is its balancer's address on the ingress network."""

    engine: GenerationText | None = None
    gwbridge: values.Subnet | None = None
    labels: values.Pairs = Field(default_factory=dict)
    id: SwarmId = ""
    ingress: Address | None = None


class NetworkStoryFile(Strict):
    id: SwarmId = ""
    vni: Annotated[int, Field(ge=1, le=(1 << 24) - 1)] | None = None
    subnet: values.Subnet | None = None


class TaskStoryFile(Strict):
    """Where a slot runs, and what it is called and addressed as there; ``gwbridge`` is its address on that bridge."""

    node: str = ""
    id: SwarmId = ""
    container: ContainerIdText = ""
    sandbox: ContainerIdText = ""
    addresses: dict[str, Address] = Field(default_factory=dict)
    gwbridge: Address | None = None


class ServiceStoryFile(Strict):
    id: SwarmId = ""
    vips: dict[str, Address] = Field(default_factory=dict)
    tasks: dict[Annotated[int, Field(ge=1)], TaskStoryFile] = Field(default_factory=dict)


class StoryFile(Strict):
    networks: Annotated[dict[str, NetworkStoryFile], BeforeValidator(values.settings)] = Field(default_factory=dict)
    services: Annotated[dict[str, ServiceStoryFile], BeforeValidator(values.settings)] = Field(default_factory=dict)


class ImageFile(Strict):
    """An image of the lab's own; see ``meshnet.model.image.CatalogueEntry``."""

    kind: str
    port: int | None = None
    text: str = STOOD_IN
    command: values.Words = Field(default_factory=list)
    port_variable: str | None = None


class LabFile(Strict):
    name: str = ""
    topology: Annotated[str, BeforeValidator(_topology)] = "swarm"
    underlay: values.Subnet | None = None
    engine: GenerationText = Generation.G20_10
    seed: values.Text = ""
    swarm: bool = True
    nodes: Annotated[dict[str, NodeFile], BeforeValidator(values.settings)] = Field(default_factory=dict)
    images: Annotated[dict[str, ImageFile], BeforeValidator(values.settings)] = Field(default_factory=dict)
    story: StoryFile = StoryFile()
