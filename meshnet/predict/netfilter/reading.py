"""A rule as something that can be asked of a packet. Read once, however often it's met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from meshnet.netstate import Rule
from meshnet.netstate.dialects.iptables_save import rule_text
from meshnet.predict.netfilter import header_matches as headers
from meshnet.predict.netfilter import surroundings_matches as surroundings
from meshnet.predict.netfilter.header_matches import Holds, Reader
from meshnet.predict.netfilter.situation import Situation, UntaughtError
from meshnet.predict.netfilter.spelling import Match, Option, spell
from meshnet.predict.netfilter.targets import Target, target_of

_MODULES: Mapping[str, Mapping[str, Reader]] = {
    "": headers.BASIC,
    "tcp": headers.TCP,
    "udp": headers.PORTS,
    "sctp": headers.PORTS,
    "multiport": headers.MULTIPORT,
    "icmp": headers.ICMP,
    "conntrack": surroundings.CONNTRACK,
    "state": surroundings.STATE,
    "mark": surroundings.MARK,
    "connmark": surroundings.CONNMARK,
    "addrtype": surroundings.ADDRTYPE,
    "ipvs": surroundings.IPVS,
    "physdev": surroundings.PHYSDEV,
    "u32": surroundings.U32,
    "comment": surroundings.COMMENT,
}


@dataclass(frozen=True, slots=True)
class ReadRule:
    conditions: tuple[Holds, ...]
    target: Target
    text: str

    def matches(self, at: Situation) -> bool:
        """Raises ``UntaughtError`` if all else holds and it hangs on what isn't known."""
        untaught = None
        for holds in self.conditions:
            try:
                if not holds(at):
                    return False
            except UntaughtError as error:
                untaught = error
        if untaught is not None:
            raise untaught
        return True


@lru_cache(maxsize=8192)
def read(rule: Rule) -> ReadRule:
    spelled = spell(rule)
    conditions = tuple(holds for match in spelled.matches for holds in _conditions(match))
    return ReadRule(conditions, target_of(spelled), rule_text(rule))


def _conditions(match: Match) -> Iterator[Holds]:
    readers = _MODULES.get(match.module)
    if readers is None:
        yield _refusal(f"-m {match.module}")
        return
    for option in match.options:
        yield _condition(readers, option, match)


def _condition(readers: Mapping[str, Reader], option: Option, match: Match) -> Holds:
    try:
        if option.name in readers:
            return readers[option.name](option, match)
    except UntaughtError:
        pass
    return _refusal(f"-m {match.module} {option}" if match.module else str(option))


def _refusal(text: str) -> Holds:
    def refuse(at: Situation) -> bool:
        raise UntaughtError(text)

    return refuse
