"""Topologies for Mininet: who stands where, with which address, and who is cabled to whom.

Each is a ``mininet.topo.Topo``, so stock Mininet builds it too::

    mn --custom topo/custom.py --topo swarm,workers=3 --switch lxbr --controller none

A host's node info carries its ``role``: ``manager``, ``worker``, ``client`` or ``router``.
"""

from topo.leafspine import LeafSpineTopo
from topo.swarm import SwarmTopo
from topo.twosite import TwoSiteTopo

__all__ = ["LeafSpineTopo", "SwarmTopo", "TwoSiteTopo", "topos"]

topos = {"swarm": SwarmTopo, "leafspine": LeafSpineTopo, "twosite": TwoSiteTopo}
"""What ``mn --topo`` calls them."""
