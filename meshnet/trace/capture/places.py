"""Where to capture, as a pattern: NODE, NODE/NS or NODE/NS/IF."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from meshnet.errors import InputError
from meshnet.netstate import NamespaceRef
from meshnet.trace.pcapng import Place

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Each part may have the wildcards ``*``, ``?`` and ``[...]``. Parts that are left out stand for all: ``NODE`` for
    everything on a node, ``NODE/NS`` for all interfaces of a namespace. An empty NS is the node's own namespace, as in
    ``swarm-worker1//eth0``, or ``swarm-worker1/``."""

    text: str
    node: str
    file: str = _ANY
    interface: str = _ANY

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Raises ``InputError``."""
        parts = text.split("/")
        if len(parts) > 3 or not parts[0]:
            raise InputError(f"expected a place as NODE, NODE/NS or NODE/NS/IF, found {text!r}")
        if len(parts) == 3 and not parts[2]:
            parts.pop()
        return cls(text, *parts)

    def may_be_in(self, at: NamespaceRef) -> bool:
        """Whether it speaks of that namespace, or of an interface there."""
        return fnmatchcase(at.node, self.node) and fnmatchcase(at.file, self.file)

    def fits(self, place: Place) -> bool:
        return self.may_be_in(place.at) and fnmatchcase(place.interface, self.interface)


@dataclass(frozen=True, slots=True)
class Selection:
    """What fits any of ``patterns``; everything if there are none."""

    patterns: tuple[Pattern, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Selection:
        """Raises ``InputError``."""
        return cls(tuple(Pattern.parse(text) for text in texts))

    def may_be_in(self, at: NamespaceRef) -> bool:
        return not self.patterns or any(pattern.may_be_in(at) for pattern in self.patterns)

    def fits(self, place: Place) -> bool:
        return not self.patterns or any(pattern.fits(place) for pattern in self.patterns)

    def check_namespaces(self, there: Collection[NamespaceRef]) -> None:
        """Raises ``InputError``, with what there is, for a pattern that speaks of no namespace."""
        for pattern in self.patterns:
            if any(map(pattern.may_be_in, there)):
                continue
            on_node = [ref for ref in there if fnmatchcase(ref.node, pattern.node)]
            if not on_node:
                nodes = dict.fromkeys(ref.node for ref in there)
                raise InputError(f"expected a node, found {pattern.text!r}; there are {', '.join(nodes)}")
            names = ", ".join(f"{ref.node}/{ref.file}" for ref in sorted(on_node))
            raise InputError(
                f"expected a namespace, found {pattern.text!r}; there are {names}"
                f" (a node's own has no name: {on_node[0].node}//eth0)"
            )

    def check_interfaces(self, there: Mapping[NamespaceRef, Iterable[str]]) -> None:
        """The same for one that fits no interface."""
        places = [Place(ref, name) for ref, names in there.items() for name in names]
        for pattern in self.patterns:
            if not any(map(pattern.fits, places)):
                names = ", ".join(str(place) for place in places if pattern.may_be_in(place.at))
                raise InputError(f"expected an interface, found {pattern.text!r}; there are {names}")
