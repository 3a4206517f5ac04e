"""pyroute2's message classes come without the rest of it, and don't get in its way."""

from __future__ import annotations

import subprocess
import sys

import pytest

LEAN = """
import sys
import meshnet.kernel.lean_pyroute2 as lean
assert not [name for name in sys.modules if name.startswith(("pyroute2", "asyncio"))]
message = lean.ifaddrmsg()
message["attrs"] = [("IFA_LOCAL", "10.0.0.1")]
message.encode()
assert bytes([10, 0, 0, 1]) in bytes(message.data)
"""
AFTERWARDS = """
import pyroute2.netlink.generic.ipvs
assert pyroute2.netlink.generic.GenericNetlinkSocket is not object
assert pyroute2.IPRoute.__module__.startswith("pyroute2")
"""
BEFORE = """
import pyroute2.netlink.rtnl.rtmsg
import meshnet.kernel.lean_pyroute2 as lean
assert lean.rtmsg is pyroute2.netlink.rtnl.rtmsg.rtmsg
"""


@pytest.mark.thorough
@pytest.mark.parametrize("script", [LEAN, LEAN + AFTERWARDS, BEFORE], ids=["alone", "before", "after"])
def test_with_and_without_the_rest(script: str) -> None:
    subprocess.run([sys.executable, "-c", script], check=True)
