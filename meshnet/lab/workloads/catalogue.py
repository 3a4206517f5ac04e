"""Which workload an image name stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from meshnet.errors import InputError
from meshnet.lab.workloads.task import Workload
from meshnet.model.image import KINDS, STOOD_IN, CatalogueEntry

GROUP = "meshnet.workloads"
"""The entry-point group: an image name, and a ``CatalogueEntry``, a ``Workload`` or a class of one."""

_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")

BUILT_IN = (
    CatalogueEntry("jwilder/whoami", "http", 8000, "I'm {container}\n", port_variable="PORT"),
    CatalogueEntry("nginx", "http", 80, STOOD_IN + "{request}\n"),
    CatalogueEntry("httpd", "http", 80, STOOD_IN + "{request}\n"),
    CatalogueEntry("wordpress", "http", 80, STOOD_IN + "{request}\n"),
    CatalogueEntry("mysql", "banner", 3306, STOOD_IN),
    CatalogueEntry("busybox", "command", command=("sh",)),
    CatalogueEntry("meshnet/echo", "echo", 7, port_variable="PORT"),
)


def image_name(reference: str) -> str:
    """An image reference without registry, tag and digest: ``jwilder/whoami`` of ``docker.io/jwilder/whoami:latest``,
    ``nginx`` of ``library/nginx@sha256:...``."""
    name = reference.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and (head == "localhost" or "." in head or ":" in head):
        name = rest
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}".removeprefix("library/")


class Catalogue:
    """Image names and what they stand for: the built-in ones, those that packages add, and ``entries`` before both."""

    def __init__(self, entries: Iterable[CatalogueEntry] = ()) -> None:
        self._entries = {entry.name: entry for entry in (*BUILT_IN, *entries)}

    def check(self, image: str, *, where: str | None = None) -> None:
        """Raise ``InputError`` that names the known images if ``image`` isn't one; ``where`` is the user's place."""
        if image_name(image) in self._entries:
            return
        offered = _offered()
        if image_name(image) not in offered:
            known = ", ".join(sorted({*self._entries, *offered}))
            raise InputError(
                f"there is no image {image!r} here; known are {known}; add one to the lab's catalogue "
                f"(name, kind {' or '.join(KINDS)}, port, text) or by a package's entry point in the group {GROUP}",
                where=where,
            )

    def names(self) -> tuple[str, ...]:
        """The images there are, in the order of their names."""
        return tuple(sorted({*self._entries, *_offered()}))

    def entry(self, image: str) -> CatalogueEntry | None:
        """What is written of ``image``; None for one that isn't there, or that a package brings as a program."""
        name = image_name(image)
        if name in self._entries:
            return self._entries[name]
        load = _offered().get(name)
        offer = load() if load else None
        made = offer() if isinstance(offer, type) else offer
        return made if isinstance(made, CatalogueEntry) else None

    def workload(self, image: str, *, where: str | None = None) -> Workload:
        """What runs in a task of ``image``. Raises as ``check`` does."""
        self.check(image, where=where)
        name = image_name(image)
        entry = self._entries.get(name)
        return _built(entry) if entry else _made(_offered()[name]())


def _offered() -> dict[str, Callable[[], object]]:
    from importlib.metadata import entry_points  # slow to import, and the images here need none of it

    return {entry.name: entry.load for entry in entry_points(group=GROUP)}


def _made(offer: object) -> Workload:
    if isinstance(offer, type):
        offer = offer()
    return _built(offer) if isinstance(offer, CatalogueEntry) else cast(Workload, offer)


def _built(entry: CatalogueEntry) -> Workload:
    """The import waits until a task starts: the catalogue is also read where none will."""
    if entry.kind == "command":
        from meshnet.lab.workloads.command import CommandWorkload

        return CommandWorkload(entry.command)
    assert entry.port is not None
    if entry.kind == "echo":
        from meshnet.lab.workloads.echo import EchoWorkload

        return EchoWorkload(entry.port, entry.port_variable)
    from meshnet.lab.workloads.served import BannerWorkload, HttpWorkload

    made = HttpWorkload if entry.kind == "http" else BannerWorkload
    return made(entry.port, entry.text, entry.port_variable)
