"""The way of a packet through named namespaces, as a value: what ``predict`` says of it and what ``trace`` saw."""

from meshnet.path.hook import Hook
from meshnet.path.hop import Cause, Hop, RuleRef, Stage, Verdict, Why
from meshnet.path.packet import Packet
from meshnet.path.path import Difference, Journey, Path, Source, first_difference
from meshnet.path.probe import Probe
from meshnet.path.trace import Parting, Trace

__all__ = [
    "Cause",
    "Difference",
    "Hook",
    "Hop",
    "Journey",
    "Packet",
    "Parting",
    "Path",
    "Probe",
    "RuleRef",
    "Source",
    "Stage",
    "Trace",
    "Verdict",
    "Why",
    "first_difference",
]
