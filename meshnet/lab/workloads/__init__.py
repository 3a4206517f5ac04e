"""What runs in a task: the program that an image stands for.

A catalogue maps image names to workloads. Some are the real thing (``busybox`` runs its command, ``jwilder/whoami`` is
small enough to be answered word for word); others are stood in for by servers that say who they are.
"""

from meshnet.lab.workloads.catalogue import BUILT_IN, GROUP, Catalogue, image_name
from meshnet.lab.workloads.task import Running, TaskContext, Workload
from meshnet.model.image import CatalogueEntry

__all__ = [
    "BUILT_IN",
    "GROUP",
    "Catalogue",
    "CatalogueEntry",
    "Running",
    "TaskContext",
    "Workload",
    "image_name",
]
