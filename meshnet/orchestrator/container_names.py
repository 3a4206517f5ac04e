"""What a container is called that nobody named: two words, as Docker does it."""

from __future__ import annotations

import re
from collections.abc import Collection

from meshnet.errors import RefusedError
from meshnet.model import ContainerId

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

_MOODS = (
    *("amber", "brave", "brisk", "calm", "candid", "clever", "crisp", "deft", "eager", "early", "fair", "fleet"),
    *("frank", "fresh", "gentle", "glad", "golden", "happy", "hardy", "honest", "jolly", "keen", "kind", "lively"),
    *("loyal", "lucky", "mellow", "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "plain", "proud"),
    *("quick", "quiet", "ready", "rosy", "sharp", "shiny", "silent", "smart", "snug", "solid", "steady", "sunny"),
)
_THINGS = (
    *("alder", "anchor", "badger", "beacon", "birch", "brook", "canyon", "cedar", "comet", "compass", "coral", "cove"),
    *("crane", "delta", "dune", "ember", "falcon", "fern", "finch", "fjord", "glacier", "grove", "harbour", "heron"),
    *("island", "juniper", "kestrel", "lagoon", "lantern", "larch", "lynx", "maple", "meadow", "otter", "pebble"),
    *("pine", "plover", "quarry", "raven", "reef", "river", "robin", "sparrow", "spruce", "stork", "summit", "willow"),
)


def check(name: str) -> str:
    """``name``, if a container may be called so. Raises ``RefusedError``."""
    if not _NAME.fullmatch(name):
        raise RefusedError(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return name


def drawn(container: ContainerId, taken: Collection[str]) -> str:
    """A name that follows from the id, and is nobody else's."""
    number = int(container[:12], 16)
    name = f"{_MOODS[number % len(_MOODS)]}_{_THINGS[number // len(_MOODS) % len(_THINGS)]}"
    suffix = 0
    while (free := f"{name}{suffix or ''}") in taken:
        suffix += 1
    return free
