"""Looking at a running lab: where a packet goes, and what stands in the way of one."""

from meshnet.lab.observing.explaining import explain
from meshnet.lab.observing.tracing import trace

__all__ = ["explain", "trace"]
