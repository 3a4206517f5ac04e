"""Programs started in a container beside its own, as ``docker exec`` does."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from meshnet.errors import RefusedError
from meshnet.lab.programs import FailedStart, Output, Program
from meshnet.lab.workloads import Catalogue, CatalogueEntry
from meshnet.lab.workloads.entering import Container, ContainerProgram
from tests.lab.walled import walled
from tests.lab.workloads.task import CONTAINER, Place

pytestmark = pytest.mark.lab

PATIENCE = 20.0
ME = CONTAINER[:12]
SLEEPER = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")


class Listener:
    """Hears what a program says, and tells it nothing."""

    def __init__(self) -> None:
        self.heard = dict.fromkeys(Output, "")

    async def read(self) -> bytes:
        return b""

    async def write(self, output: Output, data: bytes) -> None:
        self.heard[output] += data.decode()


async def a_container(image: str) -> Container:
    task = Place.make().task(image, args=SLEEPER if image == "busybox" else (), env={"COLOUR": "blue"})
    return Container(task, await Catalogue().workload(image).start(task))


async def said(container: Container, *argv: str, tty: bool = False, **more: object) -> str:
    """What a program in there says; it has to end well."""
    spawn = await container.spawner(ContainerProgram(argv, tty=tty, **more))  # type: ignore[arg-type]
    program = Program.on_terminal(spawn, (33, 101)) if tty else Program.on_pipes(spawn)
    listener = Listener()
    status = await program.run(listener)
    assert status == 0, listener.heard
    return listener.heard[Output.STDOUT]


async def refusal(container: Container, *argv: str, workdir: str = "/") -> tuple[int, str]:
    spawn = await container.spawner(ContainerProgram(argv, workdir=workdir))
    with pytest.raises(FailedStart) as failed:
        Program.on_pipes(spawn)
    text = str(failed.value)
    before, after = "OCI runtime exec failed: exec failed: unable to start container process: ", ": unknown"
    assert text.startswith(before)
    assert text.endswith(after)
    return failed.value.status, text.removeprefix(before).removesuffix(after)


def in_a(*images: str) -> Callable[[Callable[[Container], Awaitable[None]]], Callable[[str], None]]:
    """A test with a container of each of these images, in an event loop, behind walls."""

    def decorate(test: Callable[[Container], Awaitable[None]]) -> Callable[[str], None]:
        def body(image: str) -> None:
            async def main() -> None:
                async with asyncio.timeout(PATIENCE):
                    await test(await a_container(image))

            asyncio.run(main())

        body.__name__ = test.__name__
        marked: Callable[[str], None] = pytest.mark.parametrize("image", images)(walled(body))
        return marked

    return decorate


@in_a("busybox", "jwilder/whoami")
async def test_it_has_the_containers_view_of_everything(container: Container) -> None:
    assert await said(container, "hostname") == f"{ME}\n"
    assert await said(container, "ls", "/sys/class/net") == "lo\n"
    assert await said(container, "cat", "/etc/resolv.conf") == "nameserver 127.0.0.11\noptions ndots:0\n"
    assert f"10.0.2.3\t{ME}\n" in await said(container, "cat", "/etc/hosts")
    processes = await said(container, "sh", "-c", 'for one in /proc/[0-9]*; do echo "${one#/proc/}"; done; echo me $$')
    numbers = [int(word) for word in processes.split() if word.isdecimal()]
    assert numbers[0] == 1
    assert len(numbers) <= 4
    assert processes.endswith(f"me {numbers[-1]}\n")
    assert Path("/etc/hostname").read_text() != f"{ME}\n"


@in_a("busybox", "jwilder/whoami")
async def test_it_has_the_images_environment_and_the_services_and_its_own(container: Container) -> None:
    os.environ["SECRET"] = "the lab's"
    script = 'echo "$COLOUR/$SHAPE/$HOSTNAME/$HOME/$TERM/$SECRET"; pwd'
    assert await said(container, "sh", "-c", script, env={"SHAPE": "round"}) == f"blue/round/{ME}//root//\n/\n"
    assert await said(container, "sh", "-c", script, env={"COLOUR": "red"}, workdir="/etc", tty=True) == (
        f"red//{ME}//root/xterm/\r\n/etc\r\n"
    )
    assert await said(container, "tty", tty=True) != "not a tty\r\n"


@in_a("busybox")
async def test_what_can_not_be_started_is_said_in_dockers_words(container: Container) -> None:
    assert await refusal(container, "nope") == (127, 'exec: "nope": executable file not found in $PATH')
    assert await refusal(container, "/nope") == (127, 'exec: "/nope": stat /nope: no such file or directory')
    assert await refusal(container, "/etc/hosts") == (126, 'exec: "/etc/hosts": permission denied')
    assert await refusal(container, "/etc") == (126, 'exec: "/etc": is a directory')
    assert await refusal(container, "true", workdir="/nope") == (
        127,
        'chdir to cwd ("/nope") set in config.json failed: no such file or directory',
    )


@in_a("busybox", "jwilder/whoami")
async def test_it_ends_with_its_container(container: Container) -> None:
    spawn = await container.spawner(ContainerProgram(("sleep", "1000")))
    program = Program.on_pipes(spawn)
    running = asyncio.create_task(program.run(Listener()))
    again = await container.spawner(ContainerProgram(("true",)))
    container.stop()
    assert await running == 128 + signal.SIGKILL
    with pytest.raises(RefusedError, match=f"container {CONTAINER} is not running"):
        await container.spawner(ContainerProgram(("true",)))
    with pytest.raises(RefusedError, match="is not running"):
        Program.on_pipes(again)


@in_a("jwilder/whoami")
async def test_what_it_leaves_behind_is_buried_in_the_container(container: Container) -> None:
    await said(container, "sh", "-c", "sh -c 'exit 0' & (sleep 0.01 &) & exit 0")
    while "sleep 0.01" in await said(container, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"):
        pass
    assert await said(container, "sh", "-c", "grep -l State:.Z /proc/[0-9]*/status || true") == ""


@in_a("jwilder/whoami")
async def test_only_the_first_program_makes_a_holder_and_a_killed_holder_is_replaced(container: Container) -> None:
    await said(container, "true")
    holder = container._holder
    await said(container, "true")
    assert holder is not None
    assert container._holder is holder
    holder.kill()
    while container._holder is holder:
        await asyncio.sleep(0)
    assert await said(container, "hostname") == f"{ME}\n"


@walled
def test_many_containers_take_programs_at_once_and_leave_nothing_open() -> None:
    async def main() -> None:
        containers = [await a_container(image) for image in ("busybox", "jwilder/whoami") * 5]
        await asyncio.gather(*(said(container, "true") for container in containers))
        before = len(list(Path("/proc/self/fd").iterdir()))
        answers = await asyncio.gather(*(said(container, "hostname") for container in containers * 3))
        assert set(answers) == {f"{ME}\n"}
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    asyncio.run(main())


@walled
def test_another_image_has_no_applets() -> None:
    async def main() -> None:
        entry = CatalogueEntry("mine", "command", command=SLEEPER)
        task = Place.make().task("mine")
        container = Container(task, await Catalogue([entry]).workload("mine").start(task))
        assert "applets" not in await said(container, "sh", "-c", "echo $PATH")
        assert "applets" in await said(await a_container("busybox"), "sh", "-c", "echo $PATH")

    asyncio.run(main())
