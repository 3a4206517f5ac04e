"""Images as a client sees them: the catalogue's, under ids and digests that follow from their names.

There is no registry and no disk. Every image of the catalogue is on every node, under any tag that somebody asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from meshnet.lab.workloads import Catalogue, CatalogueEntry, image_name
from meshnet.model import ClusterState
from meshnet.model.ids import derived_id
from meshnet.model.image import DEFAULT_TAG

MADE = "2024-01-01T00:00:00Z"
"""When every image here was made."""
MADE_SECONDS = 1_704_067_200
SIZE = 8_388_608
"""Bytes that each is said to have."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is written in an image about how it runs; ``ports`` are those it exposes, as ``80/tcp``."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()


_WRITTEN = {
    "jwilder/whoami": Made((), ("/app/http",), ("8000/tcp",)),
    "nginx": Made(("/docker-entrypoint.sh",), ("nginx", "-g", "daemon off;"), ("80/tcp",)),
    "httpd": Made((), ("httpd-foreground",), ("80/tcp",)),
    "wordpress": Made(("docker-entrypoint.sh",), ("apache2-foreground",), ("80/tcp",)),
    "mysql": Made(("docker-entrypoint.sh",), ("mysqld",), ("3306/tcp", "33060/tcp")),
    "busybox": Made((), ("sh",)),
}
"""What the real ones say."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the catalogue: ``name`` without registry, tag and digest, and the tags it is listed under."""

    name: str
    tags: tuple[str, ...] = (DEFAULT_TAG,)
    made: Made = field(default_factory=Made)

    @property
    def references(self) -> tuple[str, ...]:
        return tuple(f"{self.name}:{tag}" for tag in self.tags)


def made(reference: str, entry: CatalogueEntry | None = None) -> Made:
    """What an image says of how it runs; ``entry`` is its place in the catalogue, where it has one."""
    name = image_name(reference)
    written = _WRITTEN.get(name)
    if written is not None:
        return written
    if entry is not None:
        protocols = ("tcp", "udp") if entry.kind == "echo" else ("tcp",)
        ports = tuple(f"{entry.port}/{protocol}" for protocol in protocols) if entry.port else ()
        return Made((), entry.command or (f"/{name.rpartition('/')[2]}",), ports)
    return Made((), (f"/{name.rpartition('/')[2]}",))


def tag(reference: str) -> str:
    """The tag of a reference; ``latest`` where it says none."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[2] or DEFAULT_TAG


def familiar(reference: str) -> str:
    """As the docker client shows it: without Docker Hub's name and with a tag, ``nginx:latest``."""
    return f"{image_name(reference)}:{tag(reference)}"


def image_id(name: str) -> str:
    """``sha256:`` and 64 digits; every tag of an image is the same image here."""
    return f"sha256:{derived_id('image', image_name(name))}"


def digest(name: str) -> str:
    """The digest that a registry would give for an image."""
    return f"sha256:{derived_id('digest', image_name(name))}"


def listed(state: ClusterState, catalogue: Catalogue) -> list[Image]:
    """Every image there is, with the tags that services and containers ask for beside ``latest``."""
    tags: dict[str, list[str]] = {name: [DEFAULT_TAG] for name in catalogue.names()}
    for reference in asked_for(state):
        known = tags.get(image_name(reference))
        if known is not None and tag(reference) not in known:
            known.append(tag(reference))
    return [Image(name, tuple(sorted(found)), made(name, catalogue.entry(name))) for name, found in tags.items()]


def asked_for(state: ClusterState) -> Iterator[str]:
    """The references that services and containers use now."""
    for service in state.services.values():
        yield service.spec.image
    for container in state.containers.values():
        yield container.spec.image


def find(images: Iterable[Image], asked: str) -> tuple[Image, str] | None:
    """The image of that reference or id (or of an id that begins so, of at least four digits), and the reference it was
    found by; any tag does."""
    digits = asked.removeprefix("sha256:")
    for image in images:
        if image.name == image_name(asked):
            return image, familiar(asked)
        if len(digits) >= 4 and image_id(image.name).removeprefix("sha256:").startswith(digits):
            return image, image.references[0]
    return None
