"""For stock Mininet, from anywhere: ``mn --custom PATH/topo/custom.py --topo swarm --switch lxbr --controller none``.

``mn`` runs this file's text without importing it, so it has to find the rest of the package by itself.
"""

import sys
from pathlib import Path

here = Path(sys._getframe().f_code.co_filename).resolve()
if str(here.parent.parent) not in sys.path:
    sys.path.append(str(here.parent.parent))

from topo import topos  # noqa: E402

__all__ = ["topos"]
