"""``trace.json``: the one form in which journeys are written down. docs/trace.md has its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from ipaddress import IPv4Address
from typing import Any

from meshnet.errors import InputError
from meshnet.netstate import NamespaceRef
from meshnet.path.hop import Cause, Hop, RuleRef, Stage, Verdict, Why
from meshnet.path.packet import Packet
from meshnet.path.path import Difference, Journey, Path, Source
from meshnet.path.probe import Probe
from meshnet.path.trace import Parting, Trace

SCHEMA = "meshnet-trace/1"

Json = dict[str, Any]

_ADDRESSES = ("source", "destination")


def dump(trace: Trace) -> Json:
    """As ``json`` takes it."""
    return {
        "schema": SCHEMA,
        "lab": trace.lab,
        "probe": _dump_probe(trace.probe),
        "predicted": [_dump_journey(each) for each in trace.predicted],
        "observed": trace.observed and _dump_journey(trace.observed),
        "difference": trace.parting and _dump_parting(trace.parting),
        "lost": {str(ref): count for ref, count in trace.lost.items()},
        "notes": list(trace.notes),
        "names": {str(ref): name for ref, name in trace.names.items()},
    }


def load(document: Mapping[str, Any]) -> Trace:
    """The inverse of ``dump``. Raises ``InputError`` for another schema."""
    schema = document.get("schema")
    if schema != SCHEMA:
        raise InputError(f"expected a trace of schema {SCHEMA}, found {schema!r}")
    observed, parting = document["observed"], document["difference"]
    return Trace(
        document["lab"],
        _load_probe(document["probe"]),
        tuple(_load_journey(each) for each in document["predicted"]),
        observed and _load_journey(observed),
        parting and _load_parting(parting),
        {NamespaceRef.parse(ref): count for ref, count in document["lost"].items()},
        tuple(document["notes"]),
        {NamespaceRef.parse(ref): name for ref, name in document["names"].items()},
    )


def _dump_probe(probe: Probe) -> Json:
    return _plain(probe) | {"origin": str(probe.origin)}


def _load_probe(plain: Json) -> Probe:
    return Probe(**_with_addresses(plain) | {"origin": NamespaceRef.parse(plain["origin"])})


def _dump_journey(journey: Journey) -> Json:
    return {"request": _dump_path(journey.request), "reply": journey.reply and _dump_path(journey.reply)}


def _load_journey(plain: Json) -> Journey:
    return Journey(_load_path(plain["request"]), plain["reply"] and _load_path(plain["reply"]))


def _dump_path(path: Path) -> Json:
    """``before`` of a hop is ``after`` of the one before it, null at the first."""
    packets = [None, *(_dump_packet(hop.packet) for hop in path.hops)]
    hops = [_dump_hop(hop) | {"before": before} for hop, before in zip(path.hops, packets, strict=False)]
    return {"source": path.source.value, "verdict": path.verdict.value, "copies": path.copies, "hops": hops}


def _load_path(plain: Json) -> Path:
    return Path(Source(plain["source"]), tuple(_load_hop(hop) for hop in plain["hops"]), plain["copies"])


def _dump_hop(hop: Hop) -> Json:
    return {
        "node": hop.at.node,
        "namespace": hop.at.file,
        "interface": hop.interface,
        "stage": hop.stage.value,
        "after": _dump_packet(hop.packet),
        "rule": hop.rule and _plain(hop.rule),
        "cause": hop.cause and _plain(hop.cause),
        "verdict": hop.verdict.value,
        "time": hop.time,
    }


def _load_hop(plain: Json) -> Hop:
    rule, cause = plain["rule"], plain["cause"]
    return Hop(
        NamespaceRef(plain["node"], plain["namespace"]),
        Stage(plain["stage"]),
        _load_packet(plain["after"]),
        plain["interface"],
        rule and RuleRef(**rule),
        Verdict(plain["verdict"]),
        cause and Cause(**cause | {"why": Why(cause["why"])}),
        plain["time"],
    )


def _dump_parting(parting: Parting) -> Json:
    difference = parting.difference
    return {
        "direction": parting.direction,
        "number": difference.number,
        "predicted": difference.predicted and _dump_hop(difference.predicted),
        "observed": difference.observed and _dump_hop(difference.observed),
    }


def _load_parting(plain: Json) -> Parting:
    hops = (plain[source] and _load_hop(plain[source]) for source in ("predicted", "observed"))
    return Parting(plain["direction"], Difference(plain["number"], *hops))


def _dump_packet(packet: Packet) -> Json:
    return _plain(packet) | {"inner": packet.inner and _dump_packet(packet.inner)}


def _load_packet(plain: Json) -> Packet:
    return Packet(**_with_addresses(plain) | {"inner": plain["inner"] and _load_packet(plain["inner"])})


def _plain(value: Any) -> Json:
    """A dataclass of plain values and addresses."""
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: str(each) if isinstance(each, IPv4Address) else each for name, each in found.items()}


def _with_addresses(plain: Json) -> Json:
    return {name: IPv4Address(value) if name in _ADDRESSES and value else value for name, value in plain.items()}
