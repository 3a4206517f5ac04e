"""Two LANs a long way apart."""

from __future__ import annotations

from topo.base import LabTopo
from topo.machines import UNDERLAY, deal, on_lan, parse_subnet, places
from topo.shape import Shape, bits_per_second, microseconds, per_cent


class TwoSiteTopo(LabTopo):
    """Two switches, ``site1`` and ``site2``, one subnet, and a slow link between the switches.

    The machines are dealt to the sites in turn: with the defaults ``swarm-manager`` and ``swarm-worker2`` are at the
    first, ``swarm-worker1`` and ``client`` at the second. ``delay`` is one way (a round trip takes two), ``loss`` is
    per cent each way, ``rate`` is in Mbit/s each way. Stock Mininet heeds the three with ``--link tc``.
    """

    def build(
        self,
        managers: int = 1,
        workers: int = 2,
        clients: int = 1,
        subnet: str = UNDERLAY,
        delay: str = "20ms",
        loss: float = 0,
        rate: float = 100,
    ) -> None:
        shape = Shape(microseconds("delay", delay), 0, per_cent("loss", loss), bits_per_second("rate", rate))
        swarm = places(managers, workers, clients)
        machines = {machine.name: machine for machine in on_lan(swarm, parse_subnet(subnet))}
        sites = [self.add_lan("site1"), self.add_lan("site2")]
        for site, group in zip(sites, deal(swarm, len(sites)), strict=True):
            for place in group:
                self.add_machine(machines[place.name], site)
        self.addLink(*sites, **shape.stock_parameters)
