"""One packet's path, as tests speak of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address
from itertools import pairwise

from meshnet.netstate import NamespaceRef
from meshnet.path import Hop, Packet, Path, Stage, Verdict
from meshnet.path.changes import changes
from meshnet.pytest_plugin.claim import Claim
from meshnet.pytest_plugin.lab import Node, Task

Place = str | Node | Task
End = str | IPv4Address | bool
"""An address, ``address:port``, or True for whichever."""


@dataclass(frozen=True, slots=True)
class Way:
    """The hops of one packet, in order. False where it was never sent or seen. ``names`` are what people call
    namespaces: a task's name for its own."""

    path: Path | None
    names: Mapping[NamespaceRef, str]

    def __bool__(self) -> bool:
        return bool(self.hops)

    def __repr__(self) -> str:
        return f"<{self._end}>"

    @property
    def hops(self) -> tuple[Hop, ...]:
        return self.path.hops if self.path is not None else ()

    @property
    def namespaces(self) -> list[str]:
        """Those it comes through, in order, each as often as it comes to it."""
        places = [str(hop.at) for hop in self.hops]
        return [place for number, place in enumerate(places) if number == 0 or places[number - 1] != place]

    @property
    def delivered(self) -> Claim:
        """Whether a socket got it."""
        return Claim(self.path is not None and self.path.verdict is Verdict.DELIVERED, self._end)

    def reaches(self, task: str | Node | Task) -> Claim:
        """Whether it is delivered there: to a task by its name (``whoami.1``), to any of a service's by the service's,
        to a node."""
        end = self.hops[-1] if self.hops else None
        wanted = str(task)
        there = set() if end is None else {str(end.at), *_names_of(self.names.get(end.at, ""))}
        return Claim(bool(self.delivered) and wanted in there, self._end)

    def dropped_at(self, place: Place, *, rule: str | None = None, why: str | None = None) -> Claim:
        """Whether it ends there without being delivered; by the rule whose table, chain and text have ``rule`` in them,
        or for the reason ``why`` (``no-route``, ``rp-filter``, ...: the kinds of cause in docs/trace.md)."""
        end = self.hops[-1] if self.hops else None
        holds = end is not None and end.verdict is not Verdict.DELIVERED and _is_at(end, place)
        if end is not None and rule is not None:
            holds = holds and rule in _rule_of(end)
        if end is not None and why is not None:
            holds = holds and end.cause is not None and end.cause.why == why
        return Claim(holds, self._end)

    def passes(
        self,
        place: Place,
        *,
        dnat: End | None = None,
        snat: End | None = None,
        mark: int | None = None,
        ipvs: End | None = None,
        vxlan: int | None = None,
        rule: str | None = None,
    ) -> Claim:
        """Whether it comes through a place (``NODE/NS`` or ``NODE/NS/IF``, parts with wildcards), and there:

        ``mark``   has that mark of netfilter's;
        ``rule``   meets a rule whose table, chain and text have this in them: ``nat PREROUTING``, ``--to-ports 8000``;
        ``ipvs``   is sent by IPVS to that real server;
        ``dnat``   comes there with its destination, or leaves with it, translated to this;
        ``snat``   the same of its source;
        ``vxlan``  goes on from there over the VXLAN of that number.
        """
        visits = [number for number, hop in enumerate(self.hops) if _is_at(hop, place)]
        if not visits:
            through = " > ".join(self.namespaces) or "nowhere"
            return Claim(False, f"it never comes to {place}, it comes through {through}")
        here = [self.hops[number] for number in visits]
        until, since = self.hops[: visits[-1] + 1], self.hops[visits[0] :]
        wants: list[tuple[str, object | None, Callable[[], bool]]] = [
            ("mark", mark, lambda: any(hop.packet.mark == mark for hop in here)),
            ("rule", rule, lambda: any(str(rule) in _rule_of(hop) for hop in here)),
            ("ipvs", ipvs, lambda: any(hop.stage is Stage.IPVS and _is(ipvs, *_to(hop.packet)) for hop in here)),
            ("dnat", dnat, lambda: any(_is(dnat, *end) for end in _translations(until, _to))),
            ("snat", snat, lambda: any(_is(snat, *end) for end in _translations(until, _from))),
            ("vxlan", vxlan, lambda: any(hop.packet.vni == vxlan for hop in since)),
        ]
        lacking = [_said(name, value) for name, value, holds in wants if value is not None and not holds()]
        if not lacking:
            return Claim(True, f"it comes through {place}")
        return Claim(False, f"it comes through {place}, but not with {', '.join(lacking)}; there {self._done(visits)}")

    def _done(self, visits: list[int]) -> str:
        """What becomes of it at those hops."""
        said: list[str] = []
        for number in visits:
            before = self.hops[number - 1].packet if number else None
            said += changes(before, self.hops[number].packet)
        return ", ".join(dict.fromkeys(said)) or "nothing changes"

    @property
    def _end(self) -> str:
        if not self.hops:
            return "it was not seen anywhere"
        end = self.hops[-1]
        at = self.names.get(end.at, str(end.at))
        why = _rule_of(end) or (end.cause.text if end.cause is not None else "")
        if end.verdict is Verdict.DELIVERED:
            why = ""
        word = "not seen any more after" if end.verdict is Verdict.PASSES else f"{end.verdict.value} at"
        return f"{word} {at}" + (f" ({end.at})" if at != str(end.at) else "") + (f": {why}" if why else "")


def _said(name: str, value: object) -> str:
    return f"{name}={value:#x}" if name == "mark" and isinstance(value, int) else f"{name}={value}"


def _is_at(hop: Hop, place: Place) -> bool:
    text = place if isinstance(place, str) else place.place
    node, _, rest = text.partition("/")
    file, _, interface = rest.partition("/")
    if interface and not (hop.stage in (Stage.IN, Stage.OUT) and fnmatchcase(hop.interface, interface)):
        return False
    return fnmatchcase(hop.at.node, node) and fnmatchcase(hop.at.file, file)


def _names_of(task: str) -> set[str]:
    """``whoami.1`` is called that, and is one of ``whoami``."""
    return {task, task.rpartition(".")[0]} - {""}


def _rule_of(hop: Hop) -> str:
    return f"{hop.rule} {hop.rule.text}" if hop.rule is not None else ""


def _to(packet: Packet) -> tuple[IPv4Address, int | None]:
    return packet.innermost.destination, packet.innermost.destination_port


def _from(packet: Packet) -> tuple[IPv4Address, int | None]:
    return packet.innermost.source, packet.innermost.source_port


_EndOf = Callable[[Packet], tuple[IPv4Address, int | None]]


def _translations(hops: tuple[Hop, ...], end: _EndOf) -> list[tuple[IPv4Address, int | None]]:
    """What the end became, each time it changed."""
    ends = [end(hop.packet) for hop in hops]
    return [after for before, after in pairwise(ends) if before != after]


def _is(wanted: End | None, address: IPv4Address, port: int | None) -> bool:
    return wanted is True or str(wanted) in (str(address), f"{address}:{port}")
