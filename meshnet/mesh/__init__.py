"""Renderers: what every namespace of every swarm node should hold, from what the swarm has decided.

``render`` is the whole of it, a pure function. A renderer adds one concern to one node's namespaces (see ``Renderer``);
the built-in ones are listed in ``registry``, others are found under the entry-point group ``meshnet.renderers``.
Where engines differ by version is said in ``generation`` and nowhere else.
"""

from meshnet.mesh.bridge import UNDERLAY
from meshnet.mesh.draft import Draft, Drafts
from meshnet.mesh.iptables import RulesetDraft
from meshnet.mesh.proxy import Proxy, ProxyKind, proxies
from meshnet.mesh.registry import Renderer, installed_renderers
from meshnet.mesh.render import render
from meshnet.mesh.view import Backend, Endpoint, Interface, Leg, LoadBalancer, NodeView, Occupant

__all__ = [
    "UNDERLAY",
    "Backend",
    "Draft",
    "Drafts",
    "Endpoint",
    "Interface",
    "Leg",
    "LoadBalancer",
    "NodeView",
    "Occupant",
    "Proxy",
    "ProxyKind",
    "Renderer",
    "RulesetDraft",
    "installed_renderers",
    "proxies",
    "render",
]
