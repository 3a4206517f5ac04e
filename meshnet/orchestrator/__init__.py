"""Swarm's brain as a state machine: ``step(state, command)`` gives the next state, and nothing else happens.

``form`` makes a swarm of machines, ``deploy`` turns a stack into the commands that make it, ``settled`` plays engines
that do at once what they are told. The same seed and the same commands always give the same state. Pure: nothing in
here reads a clock, a file or a kernel.
"""

from meshnet.orchestrator.commands import (
    Command,
    CreateNetwork,
    CreateService,
    RemoveNetwork,
    RemoveService,
    ScaleService,
    Tick,
    deploy,
)
from meshnet.orchestrator.deadlines import next_deadline
from meshnet.orchestrator.dirty import is_dirty
from meshnet.orchestrator.forming import form, form_lab
from meshnet.orchestrator.restoring import restored
from meshnet.orchestrator.settling import settled
from meshnet.orchestrator.step import step

__all__ = [
    "Command",
    "CreateNetwork",
    "CreateService",
    "RemoveNetwork",
    "RemoveService",
    "ScaleService",
    "Tick",
    "deploy",
    "form",
    "form_lab",
    "is_dirty",
    "next_deadline",
    "restored",
    "settled",
    "step",
]
