"""The choice between the host's kernel and user-mode Linux, with its reason in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from meshnet.errors import InputError, MachineError
from meshnet.kernel.boot import uml
from meshnet.kernel.boot.needs import ALWAYS_NEEDED, OPTIONAL, WITHOUT, Feature, HostFeatures, host_features


class KernelKind(StrEnum):
    HOST = "host"
    UML = "uml"


AUTO = "auto"
PREFERENCES = (AUTO, *KernelKind)


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """``reason`` is fit to print after ``kernel:``. ``without`` are the features the lab is to do without."""

    kind: KernelKind
    reason: str
    without: frozenset[Feature] = frozenset()


def parse_without(names: tuple[str, ...]) -> frozenset[Feature]:
    """The features that ``--without`` names."""
    for name in names:
        if name not in OPTIONAL:
            raise InputError(f"no feature called {name}; a lab can do without {', '.join(OPTIONAL)}", where="--without")
    return frozenset(OPTIONAL[name] for name in names)


def choose_kernel(
    preference: str = AUTO,
    *,
    needed: frozenset[Feature] = ALWAYS_NEEDED,
    without: frozenset[Feature] = frozenset(),
    features: HostFeatures | None = None,
) -> KernelChoice:
    """Choose a kernel that has what is ``needed``, less what the lab is to do ``without``.

    ``features`` are the host's, found out when not given. Raises ``MachineError`` where the kernel asked for can't
    carry the lab, naming what it lacks and what would mend it.
    """
    if preference not in PREFERENCES:
        raise InputError(f"no kernel called {preference}; there are {', '.join(PREFERENCES)}", where="--kernel")
    if preference == KernelKind.UML:
        uml.find_binary()
        return KernelChoice(KernelKind.UML, "user-mode Linux, as asked", without)
    lacking = (features or host_features()).lacking
    missing = [feature for feature in Feature if feature in needed - without and feature in lacking]
    if not missing:
        return KernelChoice(KernelKind.HOST, _host_reason(without), without)
    lacks = "; ".join(f"{feature} ({lacking[feature]})" for feature in missing)
    if preference == KernelKind.HOST:
        raise MachineError(f"this machine's kernel lacks {lacks}; {_mend(missing)}")
    try:
        uml.find_binary()
    except MachineError as error:
        raise MachineError(f"this machine's kernel lacks {lacks}, and {error}") from error
    return KernelChoice(KernelKind.UML, f"user-mode Linux: this machine's kernel lacks {', '.join(missing)}", without)


def _host_reason(without: frozenset[Feature]) -> str:
    if not without:
        return "this machine's: it has all that is needed"
    lacks = "; ".join(f"without {feature}, {WITHOUT[feature]}" for feature in sorted(without))
    return f"this machine's; {lacks}"


def _mend(missing: Sequence[Feature]) -> str:
    if all(feature in WITHOUT for feature in missing):
        flags = " ".join(f"--without {feature}" for feature in missing)
        return f"use --kernel uml, or do without: {flags}"
    return "use --kernel uml"
