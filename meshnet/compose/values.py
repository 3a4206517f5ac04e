"""Values as Compose allows them to be written, brought to one form each."""

from __future__ import annotations

import re
import shlex
from ipaddress import IPv4Network
from typing import Annotated, Any

from pydantic import BeforeValidator

from meshnet.model import MILLISECOND, MINUTE, SECOND

_PORTS = re.compile(r"(\d+)(?:-(\d+))?")
LAST_PORT = 65535
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": 60 * MINUTE}


def text(value: Any) -> Any:
    """A number as it was written; text as it is."""
    return getattr(value, "written", value)


def words(value: Any) -> Any:
    """A command: a list of words, or text that a shell would take apart."""
    if not isinstance(value, str):
        return [text(word) for word in value] if isinstance(value, list) else value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError(f"this command has an unfinished quotation: {value!r}") from error


def pairs(value: Any) -> Any:
    """A mapping of names to text, or a list of ``name=text``. A name without text is None."""
    if isinstance(value, list):
        found: dict[str, Any] = {}
        for item in value:
            if not isinstance(item, str):
                raise ValueError(f"a list of NAME=value is wanted, and {item!r} is not text")
            name, equals, rest = item.partition("=")
            if name in found:
                raise ValueError(f"{name!r} is given twice")
            found[name] = rest if equals else None
        return found
    return {name: text(item) for name, item in value.items()} if isinstance(value, dict) else value


def names_to_mappings(value: Any) -> Any:
    """A list of names, or a mapping of names to settings or to nothing."""
    if isinstance(value, list):
        doubled = next((name for index, name in enumerate(value) if name in value[:index]), None)
        if doubled is not None:
            raise ValueError(f"{doubled!r} is given twice")
        return {name if isinstance(name, str) else str(name): {} for name in value}
    return settings(value)


def settings(value: Any) -> Any:
    """A mapping of names to settings, of which an empty one may be left out."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {name: {} if item is None else item for name, item in value.items()}
    return value


def port_range(value: Any) -> Any:
    """``8000`` or ``8000-8010`` as its first and last port."""
    match = _PORTS.fullmatch(str(text(value))) if isinstance(value, str | int) else None
    if match is None or isinstance(value, bool):
        raise ValueError(f"a port, or a range such as 8000-8010, is wanted, not {text(value)!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= LAST_PORT:
        raise ValueError(f"ports go from 1 to {LAST_PORT}, and {text(value)} does not")
    return (first, last)


def published_range(value: Any) -> Any:
    """As ``port_range``; 0 and an empty text leave the port to the swarm."""
    return None if value is None or str(text(value)) in ("", "0") else port_range(value)


def port(value: Any) -> Any:
    """``TARGET``, ``PUBLISHED:TARGET``, each with ``/udp`` or so, as the mapping that says the same."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = text(value)
    if not isinstance(value, str):
        return value
    ports, slash, protocol = value.partition("/")
    published, colon, target = ports.rpartition(":")
    if ":" in published:
        raise ValueError(f"{value!r} names an address, and a swarm's port is published on every address of a node")
    mapping = {"target": target}
    if colon:
        mapping["published"] = published
    if slash:
        mapping["protocol"] = protocol.lower()
    return mapping


def source(value: Any) -> Any:
    """The name of a config or secret alone, or a mapping that says more."""
    return {"source": value} if isinstance(value, str) else value


def octal(value: Any) -> Any:
    """A number that begins with 0 is octal, as in YAML 1.1, which Docker reads these files by."""
    written = str(text(value))
    return int(written, 8) if re.fullmatch("0[0-7]+", written) else value


def duration(value: Any) -> Any:
    """A length of time as Go writes it (``1m30s``, ``500ms``), in nanoseconds."""
    written = text(value)
    parts = _DURATION.findall(written) if isinstance(written, str) else []
    if written != 0 and written != "0" and (not parts or "".join(map("".join, parts)) != written):
        raise ValueError(f"a length of time such as 10s, 500ms or 1m30s is wanted, not {written!r}")
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts))


def subnet(value: Any) -> Any:
    """An IPv4 network, with its prefix length."""
    wanted = "an IPv4 network such as 10.0.2.0/24 is wanted"
    if not isinstance(value, str) or "/" not in value:
        raise ValueError(f"{wanted}, not {text(value)!r}")
    try:
        return IPv4Network(value)
    except ValueError as error:
        raise ValueError(f"{wanted}, not {value!r}: {error}") from error


Text = Annotated[str, BeforeValidator(text)]
Words = Annotated[list[str], BeforeValidator(words)]
Pairs = Annotated[dict[str, str | None], BeforeValidator(pairs)]
Ports = Annotated[tuple[int, int], BeforeValidator(port_range)]
PublishedPorts = Annotated[tuple[int, int] | None, BeforeValidator(published_range)]
Subnet = Annotated[IPv4Network, BeforeValidator(subnet)]
Duration = Annotated[int, BeforeValidator(duration)]
