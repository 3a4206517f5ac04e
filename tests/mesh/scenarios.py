"""The example labs as swarms that have settled, by engines of any generation."""

from __future__ import annotations

from functools import cache, reduce
from pathlib import Path

from meshnet.labfolder import Overrides, load_lab
from meshnet.model import ClusterState, Generation
from meshnet.orchestrator import ScaleService, deploy, form_lab, settled, step

EXAMPLES = ("article", "three-nodes", "wordpress")


@cache
def scenario(example: str, generation: Generation | None = None) -> ClusterState:
    """The swarm of ``examples/``; ``generation`` is every node's, or None for those its lab.yaml says.

    The article's is scaled to two copies of whoami, as the article does it.
    """
    lab = load_lab(Path(example), Overrides(engines=(generation.value,) if generation else ()))
    state = settled(reduce(step, deploy(lab.stack), form_lab(lab)))
    return settled(step(state, ScaleService("whoami", 2))) if example == "article" else state
