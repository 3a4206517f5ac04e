"""``ipvsadm -Sn``: what ``ipvsadm -R`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from meshnet.netstate.ipvs import Destination, VirtualService

_FORWARDING = {"-m": "masq", "-g": "route", "-i": "tunnel"}
_OPTION = {forwarding: option for option, forwarding in _FORWARDING.items()}


def parse(text: str) -> dict[int, VirtualService]:
    """The services by firewall mark, by their marks. Services by address and port, which Docker has none of, are passed
    over. Raises ``ValueError`` for a line that ``ipvsadm`` does not write."""
    services: dict[int, VirtualService] = {}
    destinations: dict[int, list[Destination]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match line.split():
            case ["-A", "-f", mark, "-s", scheduler, *rest]:
                persistent = int(rest[rest.index("-p") + 1]) if "-p" in rest else 0
                services[int(mark)] = VirtualService(int(mark), scheduler, persistent=persistent)
                destinations[int(mark)] = []
            case ["-a", "-f", mark, "-r", server, option, "-w", weight, *_] if int(mark) in services:
                if option not in _FORWARDING:
                    raise ValueError(f"line {number}: expected one of {', '.join(_FORWARDING)}, found: {line}")
                address, _, port = server.partition(":")
                destination = Destination(IPv4Address(address), int(weight), int(port), _FORWARDING[option])
                destinations[int(mark)].append(destination)
            case [] | ["-A" | "-a", "-t" | "-u", *_]:
                pass
            case _:
                raise ValueError(f"line {number}: expected a line of ipvsadm -Sn, found: {line}")
    return {
        mark: VirtualService(mark, service.scheduler, tuple(destinations[mark]), service.persistent)
        for mark, service in services.items()
    }


def write(services: Mapping[int, VirtualService]) -> str:
    """``services`` as ``ipvsadm -Sn`` lists them."""
    lines = []
    for service in services.values():
        lines.append(" ".join(f"-A -f {service.mark} -s {service.scheduler} {_persistence(service)}".split()))
        for server in service.destinations:
            how = f"{_OPTION[server.forwarding]} -w {server.weight}"
            lines.append(f"-a -f {service.mark} -r {server.address}:{server.port} {how}")
    return "".join(f"{line}\n" for line in lines)


def _persistence(service: VirtualService) -> str:
    return f"-p {service.persistent}" if service.persistent else ""
