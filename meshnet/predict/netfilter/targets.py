"""What rules do with a packet that matches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from typing import TypeAlias

from meshnet.predict.netfilter.situation import UntaughtError
from meshnet.predict.netfilter.spelling import Option, Spelling
from meshnet.predict.netfilter.surroundings_matches import number_and_mask


class Simple(Enum):
    ACCEPT = "ACCEPT"
    DROP = "DROP"
    REJECT = "REJECT"
    RETURN = "RETURN"
    NOTRACK = "NOTRACK"
    NOTHING = ""
    """The packet goes on to the next rule as it is, as far as is looked at here."""


@dataclass(frozen=True, slots=True)
class Jump:
    """To a user's chain; with ``goto``, its end is the end of this one too."""

    chain: str
    goto: bool = False


@dataclass(frozen=True, slots=True)
class SetMark:
    """The ``mask``'s bits go, then the ``value``'s are flipped."""

    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class SetConnectionMark:
    """As ``SetMark``, of the connection's mark."""

    value: int
    mask: int


@dataclass(frozen=True, slots=True)
class CopyMark:
    """To the connection, or back from there. ``into`` are the bits that go from the mark that is written, ``of`` those
    that are taken from the other."""

    restores: bool
    into: int
    of: int


@dataclass(frozen=True, slots=True)
class DestinationNat:
    """What is None stays."""

    address: IPv4Address | None
    port: int | None


@dataclass(frozen=True, slots=True)
class Redirect:
    port: int | None


@dataclass(frozen=True, slots=True)
class SourceNat:
    """``address`` None stays. The source port becomes one of ``ports``, and stays if it may; ``drawn`` says that the
    kernel draws it in any case."""

    address: IPv4Address | None
    ports: range | None = None
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Masquerade:
    """As ``SourceNat``, to the address that the packet leaves from."""

    ports: range | None = None
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Untaught:
    """Refused when the rule matches."""

    text: str


Target: TypeAlias = (
    Simple
    | Jump
    | SetMark
    | SetConnectionMark
    | CopyMark
    | DestinationNat
    | Redirect
    | SourceNat
    | Masquerade
    | Untaught
)

_WITHOUT_EFFECT = ("", "LOG", "NFLOG", "TRACE", "AUDIT", "TCPMSS", "CHECKSUM", "TOS", "DSCP", "CLASSIFY")
_PLAIN = ("ACCEPT", "DROP", "RETURN", "NOTRACK")
_DRAWING = ("--random", "--random-fully")
_EVERY_BIT = 0xFFFFFFFF


def target_of(rule: Spelling) -> Target:
    """What ``-j`` or ``-g`` and the words after it say."""
    name, options = rule.target, {option.name: option for option in rule.target_options}
    try:
        return Jump(name, goto=True) if rule.goto else _target(name, options)
    except UntaughtError as error:
        return Untaught(f"-j {name} {error}")


def _target(name: str, options: dict[str, Option]) -> Target:
    if name in _WITHOUT_EFFECT:
        return Simple.NOTHING
    if name in _PLAIN:
        _only(options)
        return Simple(name)
    reader = _READERS.get(name)
    return reader(options) if reader else Jump(name)


def _only(options: dict[str, Option], *known: str) -> None:
    for option in options.values():
        if option.name not in known or option.negated:
            raise UntaughtError(str(option))


def _reject(options: dict[str, Option]) -> Target:
    _only(options, "--reject-with")
    return Simple.REJECT


def _conntrack(options: dict[str, Option]) -> Target:
    _only(options, "--notrack")
    return Simple.NOTRACK


def _mark(options: dict[str, Option]) -> Target:
    """Always saved as ``--set-xmark``, which the other ways are spelled as here."""
    _only(options, "--set-xmark", "--set-mark", "--or-mark", "--and-mark", "--xor-mark")
    return SetMark(*_value_and_mask(options))


def _value_and_mask(options: dict[str, Option]) -> tuple[int, int]:
    for option in options.values():
        value, mask = number_and_mask(option)
        match option.name:
            case "--set-xmark":
                return value, mask
            case "--set-mark":  # clears what it sets as well
                return value, value | mask
            case "--or-mark":
                return value, value
            case "--and-mark":
                return 0, ~value & _EVERY_BIT
            case "--xor-mark":
                return value, 0
    raise UntaughtError("without an option")


def _connmark(options: dict[str, Option]) -> Target:
    copies = options.keys() & {"--save-mark", "--restore-mark"}
    if not copies:
        _only(options, "--set-xmark", "--set-mark", "--or-mark", "--and-mark", "--xor-mark")
        return SetConnectionMark(*_value_and_mask(options))
    _only(options, "--save-mark", "--restore-mark", "--nfmask", "--ctmask", "--mask")
    both = options.get("--mask")
    packet, connection = (
        number_and_mask(option)[0] if (option := options.get(name, both)) else _EVERY_BIT
        for name in ("--nfmask", "--ctmask")
    )
    restores = "--restore-mark" in copies
    return CopyMark(True, packet, connection) if restores else CopyMark(False, connection, packet)


def _dnat(options: dict[str, Option]) -> Target:
    """``--persistent`` chooses among several addresses, of which there are none here."""
    _only(options, "--to-destination", "--persistent")
    option = _needed(options, "--to-destination")
    address, _, port = option.value.partition(":")
    ports = _port_range(port, option)
    if ports is not None and len(ports) != 1:
        raise UntaughtError(str(option))
    return DestinationNat(_single(address, option) if address else None, ports[0] if ports else None)


def _redirect(options: dict[str, Option]) -> Target:
    _only(options, "--to-ports")
    option = options.get("--to-ports")
    ports = _port_range(option.value, option) if option else None
    if option and (ports is None or len(ports) != 1):
        raise UntaughtError(str(option))
    return Redirect(ports[0] if ports else None)


def _snat(options: dict[str, Option]) -> Target:
    _only(options, "--to-source", "--persistent", *_DRAWING)
    option = _needed(options, "--to-source")
    address, _, ports = option.value.partition(":")
    return SourceNat(_single(address, option) if address else None, _port_range(ports, option), _drawn(options))


def _masquerade(options: dict[str, Option]) -> Target:
    _only(options, "--to-ports", *_DRAWING)
    option = options.get("--to-ports")
    return Masquerade(_port_range(option.value, option) if option else None, _drawn(options))


def _drawn(options: dict[str, Option]) -> bool:
    return any(name in options for name in _DRAWING)


def _needed(options: dict[str, Option], name: str) -> Option:
    if name not in options:
        raise UntaughtError(f"without {name}")
    return options[name]


def _single(text: str, option: Option) -> IPv4Address:
    """The one address; a range of several, of which the kernel chooses, is refused."""
    low, _, high = text.partition("-")
    try:
        if IPv4Address(low) == IPv4Address(high or low):
            return IPv4Address(low)
    except ValueError:
        pass
    raise UntaughtError(str(option))


def _port_range(text: str, option: Option) -> range | None:
    low, _, high = text.partition("-")
    try:
        return range(int(low), int(high or low) + 1) if text else None
    except ValueError:
        raise UntaughtError(str(option)) from None


_READERS = {
    "REJECT": _reject,
    "CT": _conntrack,
    "MARK": _mark,
    "CONNMARK": _connmark,
    "DNAT": _dnat,
    "REDIRECT": _redirect,
    "SNAT": _snat,
    "MASQUERADE": _masquerade,
}
