"""A namespace's iptables and its connections, walked as the kernel walks them."""

from meshnet.predict.netfilter.flow import Flow, FlowState, Tuple
from meshnet.predict.netfilter.local_host import LocalHost
from meshnet.predict.netfilter.netfilter import Netfilter
from meshnet.predict.netfilter.passage import Outcome, Passage

__all__ = ["Flow", "FlowState", "LocalHost", "Netfilter", "Outcome", "Passage", "Tuple"]
