"""Network namespaces held by a descriptor; the thread that makes or enters one comes back from it."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from meshnet.kernel import libc
from meshnet.kernel.namespaces import NetNamespace
from tests.kernel.nodes import run
from tests.lab.walled import walled

pytestmark = pytest.mark.lab


def here() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


def name_of(namespace: NetNamespace) -> str:
    return f"net:[{os.fstat(namespace.fd).st_ino}]"


@walled
def test_making_one_leaves_the_thread_where_it_was() -> None:
    before = here()
    namespace = NetNamespace.create()
    assert here() == before != name_of(namespace)


@walled
def test_only_the_entering_thread_is_inside_and_only_while_it_lasts() -> None:
    before = here()
    elsewhere: list[str] = []
    namespace = NetNamespace.create()
    with namespace.entered():
        assert here() == name_of(namespace)
        thread = threading.Thread(target=lambda: elsewhere.append(here()))
        with NetNamespace.create().entered():
            assert here() not in (before, name_of(namespace))
        assert here() == name_of(namespace)
    thread.start()
    thread.join()
    assert [here(), *elsewhere] == [before, before]


@walled
def test_an_error_inside_does_not_leave_the_thread_there() -> None:
    before = here()
    with pytest.raises(ZeroDivisionError), NetNamespace.create().entered():
        raise ZeroDivisionError
    assert here() == before


@walled
def test_one_that_cannot_be_opened_does_not_leave_the_thread_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before, opened, open_descriptors = here(), os.open, len(list(Path("/proc/self/fd").iterdir()))

    def fail_the_second_time(path: str, flags: int) -> int:
        monkeypatch.setattr(os, "open", _refuse)
        return opened(path, flags)

    monkeypatch.setattr(os, "open", fail_the_second_time)
    with pytest.raises(OSError, match="no descriptor left"):
        NetNamespace.create()
    monkeypatch.undo()
    assert here() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == open_descriptors


def _refuse(path: str, flags: int) -> int:
    raise OSError(f"no descriptor left for {path}")


@walled
def test_a_socket_stays_where_it_was_opened() -> None:
    namespace = NetNamespace.create()
    run(namespace, "ip link set lo up")
    with namespace.entered():
        server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    server.bind(("127.0.0.1", 0))
    client.sendto(b"hello", server.getsockname())
    assert server.recv(10) == b"hello"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.bind(server.getsockname())  # the same port is free where the thread is
    server.close()
    client.close()


@walled
def test_a_closed_one_is_gone_and_closing_it_again_is_no_error() -> None:
    namespace = NetNamespace.create()
    namespace.close()
    namespace.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        libc.setns(namespace.fd, libc.CLONE_NEWNET)
