"""The engines that the generations stand for: the version each calls itself by."""

from __future__ import annotations

from meshnet.model import Generation

_VERSIONS = {
    Generation.G18_03: "18.03.1-ce",
    Generation.G18_06: "18.06.3-ce",
    Generation.G20_10: "20.10.24",
}


def of_generation(generation: Generation) -> str:
    return _VERSIONS[generation]
