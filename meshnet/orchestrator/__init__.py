"""Swarm's brain as a state machine: ``step(state, command)`` gives the next state, and nothing else happens.

``form`` makes a swarm of machines, ``deploy`` turns a stack into the commands that make it. The same seed and the same
commands always give the same state. Pure: nothing in here reads a clock, a file or a kernel.
"""

from meshnet.orchestrator.commands import (
    Command,
    CreateNetwork,
    CreateService,
    RemoveNetwork,
    RemoveService,
    ScaleService,
    deploy,
)
from meshnet.orchestrator.forming import form, form_lab
from meshnet.orchestrator.step import step

__all__ = [
    "Command",
    "CreateNetwork",
    "CreateService",
    "RemoveNetwork",
    "RemoveService",
    "ScaleService",
    "deploy",
    "form",
    "form_lab",
    "step",
]
