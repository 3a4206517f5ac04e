"""The embedded resolver at 127.0.0.11 of every sandbox, and the name server outside the swarm that it asks.

``names`` says what is answered, a pure function of the swarm's state; ``serving`` answers; ``NameService`` is all of it
for a lab.
"""

from meshnet.lab.resolver.forwarding import Upstream
from meshnet.lab.resolver.name_service import NameService
from meshnet.lab.resolver.serving import Resolvers
from meshnet.lab.resolver.upstream import NameServer

__all__ = ["NameServer", "NameService", "Resolvers", "Upstream"]
