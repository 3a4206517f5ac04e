"""One LAN."""

from __future__ import annotations

from topo.base import LabTopo
from topo.machines import UNDERLAY, on_lan, parse_subnet, places


class SwarmTopo(LabTopo):
    """Managers, workers and clients on one switch, ``lan1``.

    With the defaults ``swarm-manager`` is 192.168.56.10, the workers .11 and .12, ``client`` .100.
    """

    def build(self, managers: int = 1, workers: int = 2, clients: int = 1, subnet: str = UNDERLAY) -> None:
        lan = self.add_lan("lan1")
        for machine in on_lan(places(managers, workers, clients), parse_subnet(subnet)):
            self.add_machine(machine, lan)
