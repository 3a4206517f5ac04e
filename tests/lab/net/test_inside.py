"""Programs and functions inside a node's namespaces."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from meshnet.lab.net.inside import Child, Inside, run, start
from meshnet.lab.net.interior import Interior, make_interior
from tests.lab.walled import walled

pytestmark = pytest.mark.lab

PATIENCE = 10.0


def output_of(inside: Inside, *argv: str, **options: object) -> str:
    """What the program writes, once it has ended well."""
    read, write = os.pipe2(os.O_CLOEXEC)
    child = start(inside, argv, stdout=write, **options)  # type: ignore[arg-type]  # passed on as they came
    os.close(write)
    with os.fdopen(read) as output:
        text = output.read()
    assert child.wait(PATIENCE) == 0, text
    return text


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    master, slave = os.openpty()
    try:
        yield master, slave
    finally:
        os.close(master)


def read_until(fd: int, text: bytes) -> bytes:
    """Everything up to and with ``text``, or up to the end."""
    data = b""
    while text not in data:
        try:
            piece = os.read(fd, 1000)
        except OSError:
            break
        if not piece:
            break
        data += piece
    return data


def a_node(name: str = "swarm-worker1") -> Interior:
    hosts = Path("/run/hosts")
    hosts.write_text("192.0.2.7 elsewhere\n")
    return make_interior(name, hosts)


@walled
def test_a_program_on_a_node_sees_the_nodes_name_links_and_files() -> None:
    inside = a_node().inside
    assert output_of(inside, "hostname") == "swarm-worker1\n"
    assert output_of(inside, "ls", "/sys/class/net") == "lo\n"
    assert output_of(inside, "ls", "-A", "/var/run/docker/netns") == ""
    assert output_of(inside, "cat", "/etc/hosts") == "192.0.2.7 elsewhere\n"


@walled
def test_two_nodes_share_neither_links_nor_docker_folder() -> None:
    one, other = a_node("one"), a_node("other")
    run(one.inside, lambda: Path("/run/docker/netns/mark").touch())
    assert output_of(one.inside, "ls", "/var/run/docker/netns") == "mark\n"
    assert output_of(other.inside, "ls", "/var/run/docker/netns") == ""
    inodes = [os.fstat(node.network).st_ino for node in (one, other)]
    assert len({*inodes, Path("/proc/self/ns/net").stat().st_ino}) == 3


@walled
def test_the_caller_stays_where_it_was() -> None:
    before = {kind: Path(f"/proc/thread-self/ns/{kind}").readlink() for kind in ("net", "mnt", "uts")}
    here, machine = Path.cwd(), os.uname().nodename
    node = a_node()
    run(node.inside, lambda: os.chdir("/proc"))
    start(node.inside, ["true"]).wait(PATIENCE)
    assert {kind: Path(f"/proc/thread-self/ns/{kind}").readlink() for kind in ("net", "mnt", "uts")} == before
    assert (Path.cwd(), os.uname().nodename) == (here, machine)
    assert Path("/etc/hosts").read_text() != "192.0.2.7 elsewhere\n"


@walled
def test_a_function_inside_raises_and_returns_to_the_caller() -> None:
    node = a_node()
    assert run(node.inside, lambda: os.uname().nodename) == "swarm-worker1"
    with pytest.raises(ZeroDivisionError):
        run(node.inside, lambda: 1 / 0)


@walled
def test_the_three_streams_may_be_any_descriptors_in_any_order() -> None:
    """Also numbers that are among the three the child has: nothing is overwritten before it's copied."""
    os.closerange(0, 3)
    read, write = os.pipe2(os.O_CLOEXEC)
    other_read, other_write = os.pipe2(os.O_CLOEXEC)
    assert (read, write, other_read) == (0, 1, 2)
    script = "read word; echo out $word; echo err $word >&2"
    os.write(write, b"hello\n")
    child = start(Inside(), ["sh", "-c", script], stdin=read, stdout=other_write, stderr=write)
    assert child.wait(PATIENCE) == 0
    assert os.read(other_read, 100) == b"out hello\n"
    assert os.read(read, 100) == b"err hello\n"


@walled
def test_a_program_inherits_none_of_pythons_other_descriptors() -> None:
    for entry in tuple(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # the one that listed the folder is closed
            os.set_inheritable(int(entry.name), int(entry.name) < 3)
    listed = output_of(Inside(), "ls", "/proc/self/fd").split()
    assert listed == ["0", "1", "2", "3"]  # 3 is ls's own, on that folder


@walled
def test_a_terminal_becomes_the_sessions_and_its_ctrl_c_interrupts() -> None:
    with terminal() as (master, slave):
        node = a_node()
        child = start(
            node.inside,
            ["bash", "--norc", "-c", "tty; ps -o sid= -p $$; echo pid $$; sleep 1000"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            controlling_terminal=True,
        )
        name = os.ttyname(slave)
        os.close(slave)
        words = read_until(master, b"pid").decode().split()
        assert words[:2] == [name, str(child.pid)]
        os.write(master, b"\x03")
        assert child.wait(PATIENCE) == -signal.SIGINT


@walled
def test_a_program_may_stay_in_the_callers_session_in_a_group_of_its_own() -> None:
    words = output_of(Inside(), "sh", "-c", "ps -o pid=,pgid=,sid= -p $$", process_group=0).split()
    assert words[0] == words[1]
    assert words[2] == str(os.getsid(0))


@walled
def test_signals_that_the_lab_ignores_reach_its_programs() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("INT", "PIPE", "TERM"):
        child = start(Inside(), ["sh", "-c", f"kill -{name} $$; exit 7"])
        assert child.wait(PATIENCE) == -getattr(signal, f"SIG{name}")


@walled
def test_a_program_that_is_not_there_is_a_file_not_found() -> None:
    with pytest.raises(FileNotFoundError) as missing:
        start(Inside(), ["no-such-program"])
    assert missing.value.filename == "no-such-program"
    Path("/run/text").touch(mode=0o644)
    with pytest.raises(PermissionError):
        start(Inside(), ["/run/text"])


@walled
def test_a_program_is_looked_for_in_the_path_it_is_given() -> None:
    folder = Path("/run/tools")
    folder.mkdir()
    (folder / "greet").write_text("#!/bin/sh\necho hello from $PWD\n")
    (folder / "greet").chmod(0o755)
    assert output_of(Inside(), "greet", env={"PATH": str(folder)}, cwd="/run") == "hello from /run\n"
    assert output_of(Inside(), "greet", env={"PATH": str(folder)}, cwd="/not/there") == "hello from /\n"


@walled
def test_a_child_tells_how_it_ended_as_often_as_it_is_asked() -> None:
    child: Child = start(Inside(), ["sh", "-c", "exit 3"])
    assert child.wait(PATIENCE) == 3
    assert (child.wait(), child.poll(), child.returncode) == (3, 3, 3)
    sleeper = start(Inside(), ["sleep", "1000"])
    assert sleeper.poll() is None
    with pytest.raises(TimeoutError, match="sleep still runs"):
        sleeper.wait(0.01)
    sleeper.kill()
    assert sleeper.wait(PATIENCE) == -signal.SIGKILL
    sleeper.kill()


@walled
def test_a_closed_interior_holds_no_namespace() -> None:
    node = a_node()
    held = (node.network, node.mount, node.uts)
    node.close()
    for fd in held:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
