"""Who has an address on a wire: permanent neighbour entries, and ARP on paper."""

from __future__ import annotations

from ipaddress import IPv4Address

from meshnet.errors import NotTaughtError
from meshnet.netstate import Bridge, Veth
from meshnet.path import Cause
from meshnet.predict import causes
from meshnet.predict.atlas import Atlas, Place
from meshnet.predict.routing import Way
from meshnet.predict.segment import Station, stations


def resolve(atlas: Atlas, place: Place, address: IPv4Address, source: IPv4Address) -> str | Cause:
    """The MAC of whoever has ``address`` where ``place`` leads, or why there is none. ``source`` is that of the packet
    that wants to go there: if it's one of the namespace's own, ARP asks in its name.

    Raises ``NotTaughtError`` if several answer: whose answer comes first isn't known."""
    link = atlas.link(place)
    if not isinstance(link.kind, Veth | Bridge):
        raise NotTaughtError(f"predict wasn't taught how {place.at} reaches others by {place.link}")
    permanent = atlas.host(place.at).neighbour(place.link, address)
    if permanent is not None:
        return permanent
    if isinstance(link.kind, Veth) and isinstance(end := atlas.far_end(place), Cause):
        return end
    routes = atlas.host(place.at).routes
    asker = source if routes.is_local(source) else routes.address_towards(place.link, address)
    return _ask(atlas, place, address, asker) or causes.no_neighbour(place.at, place.link, address)


def may_remember(atlas: Atlas, place: Place, address: IPv4Address) -> str | None:
    """The MAC that another packet, from the interface's own address, would have been told."""
    if isinstance(atlas.link(place).kind, Veth) and isinstance(atlas.far_end(place), Cause):
        return None
    return _ask(atlas, place, address, atlas.host(place.at).routes.address_towards(place.link, address))


def _ask(atlas: Atlas, place: Place, address: IPv4Address, asker: IPv4Address | None) -> str | None:
    answers = {(station.place, _answer(atlas, station, address, asker)) for station in stations(atlas, place)}
    macs = {(where, mac) for where, mac in answers if mac is not None}
    if len(macs) > 1:
        who = " and ".join(sorted(f"{where.link} of {where.at}" for where, _ in macs))
        raise NotTaughtError(f"predict can't tell who answers first for {address}: {who}")
    return next((mac for _, mac in macs), None)


def mac_of(atlas: Atlas, place: Place) -> str:
    """An interface's own, where it is known."""
    mac = atlas.link(place).mac
    if mac is None:
        raise NotTaughtError(f"predict wasn't told the MAC of {place.link} of {place.at}")
    return mac


def _answer(atlas: Atlas, station: Station, address: IPv4Address, asker: IPv4Address | None) -> str | None:
    """The MAC it answers with. A host does so for any address that it would take in (``arp_process``), on whichever
    interface; a VXLAN device for its permanent neighbours (``arp_reduce``)."""
    if station.proxies:
        return atlas.host(station.place.at).neighbour(station.place.link, address)
    if asker is None:
        return None
    way = atlas.host(station.place.at).way_in(asker, address, station.place.link)
    return mac_of(atlas, station.place) if isinstance(way, Way) and way.is_local else None
