"""Tests of the mesh, for anybody's own repository: pytest finds this by its entry point once meshnet is installed.

::

    def test_a_node_without_a_task_still_answers(lab, trace):
        lab.scale("whoami", 1)
        assert trace(lab.client, lab.worker1, 8000).reaches("whoami.1")

docs/writing-tests.md has all of it. This module is imported whenever pytest starts, so it imports nothing of the rest
before a test wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from meshnet.pytest_plugin.capturing import StartCapture
    from meshnet.pytest_plugin.expecting import Expect
    from meshnet.pytest_plugin.lab import Lab
    from meshnet.pytest_plugin.sending import Send
    from meshnet.pytest_plugin.traced import TraceIt

_MARKER = (
    "lab(folder=, stack=, topo=, engine=): the lab that the fixture `lab` is of: a folder, Compose files, a topology,"
    " an engine generation; paths are the test file's folder's; without arguments the article's"
)
_HOOKS = "meshnet-lab"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "labs of meshnet")
    group.addoption(
        "--lab-kernel", choices=("auto", "host", "uml"), default="auto", help="which kernel carries labs (auto)"
    )
    group.addoption("--lab-output", metavar="DIR", help="where a failed test's evidence goes (ROOTDIR/.meshnet)")
    group.addoption("--lab-pcap", action="store_true", help="capture all of every test; kept of those that fail")
    group.addoption("--lab-keep", action="store_true", help="leave the last lab running at the end, until Ctrl-C")
    group.addoption("--lab-shell-on-failure", action="store_true", help="open the lab's prompt where a test fails")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        for name in ("--lab-keep", "--lab-shell-on-failure"):
            if config.getoption(name.removeprefix("--").replace("-", "_")):
                raise pytest.UsageError(f"{name} needs this terminal, which the processes of -n don't have")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("lab")
    if marker is None or not (marker.args or marker.kwargs):
        return
    from meshnet.pytest_plugin.order import order_of

    order = order_of(marker, metafunc.definition)
    if "lab" in metafunc.fixturenames:
        metafunc.parametrize("lab", [order], ids=[pytest.HIDDEN_PARAM], indirect=True, scope="module")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What goes on round each test goes on only where some test has a lab."""
    manager = session.config.pluginmanager
    if not manager.has_plugin(_HOOKS) and any("lab" in getattr(item, "fixturenames", ()) for item in session.items):
        from meshnet.pytest_plugin.hooks import Hooks

        manager.register(Hooks(session.config), _HOOKS)


@pytest.fixture(scope="module", name="lab")  # the attribute `lab` of this package is the module of that name
def running_lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A running lab, the module's own; after each test it is put back to what it was."""
    from meshnet.pytest_plugin.hooks import Hooks
    from meshnet.pytest_plugin.order import LabOrder

    hooks = request.config.pluginmanager.get_plugin(_HOOKS)
    assert isinstance(hooks, Hooks)
    with hooks.lab(getattr(request, "param", LabOrder())) as running:
        yield running


@pytest.fixture
def send(lab: Lab) -> Send:
    """``send(packet, at=lab.client)``: send scapy's packets from a place in the lab."""
    from meshnet.pytest_plugin.sending import Send

    return Send(lab)


@pytest.fixture
def capture(lab: Lab) -> StartCapture:
    """``with capture(at=..., filter=...) as frames: ...``: the frames seen there meanwhile, as scapy's packets."""
    from meshnet.pytest_plugin.capturing import StartCapture

    return StartCapture(lab)


@pytest.fixture
def expect_packet(lab: Lab) -> Expect:
    """``with expect_packet(at=..., match=IP(dst=...)/TCP(dport=8000)): ...``: fails unless such a packet comes by."""
    from meshnet.pytest_plugin.expecting import Expect

    return Expect(lab)


@pytest.fixture
def expect_no_packet(lab: Lab) -> Expect:
    """The same, and fails if one does: that there was none is proved by a frame sent last, which was seen."""
    from meshnet.pytest_plugin.expecting import Expect

    return Expect(lab, absent=True)


@pytest.fixture
def trace(lab: Lab) -> TraceIt:
    """``trace(lab.client, lab.worker1, 8000)``: the way of one packet, as predicted and as seen."""
    from meshnet.pytest_plugin.traced import TraceIt

    return TraceIt(lab)
