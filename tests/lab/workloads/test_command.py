"""Programs in a task's own network, mount, PID and UTS namespaces."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from meshnet.errors import LabError
from meshnet.lab.workloads import Catalogue, CatalogueEntry
from meshnet.lab.workloads.command import RunningCommand
from meshnet.lab.workloads.console import Console
from meshnet.lab.workloads.environment import PATH, image_path
from meshnet.lab.workloads.logs import LogBuffer, LogQuery
from tests.lab.walled import walled
from tests.lab.workloads.task import CONTAINER, Place

pytestmark = pytest.mark.lab

PATIENCE = 10.0


def ran(script: str, image: str = "busybox:1.28.3", **more: object) -> tuple[int, str]:
    """The status and output of a shell script in a task."""
    log = LogBuffer()

    async def main() -> int:
        place = Place.make()
        console = Console()
        console.log = log
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = place.task(image, args=("sh", "-c", script), console=console, on_exit=ended.set_result, **more)
        await Catalogue().workload(image).start(task)
        return await asyncio.wait_for(ended, PATIENCE)

    return asyncio.run(main()), text_of(log)


def text_of(log: LogBuffer, query: LogQuery | None = None) -> str:
    async def main() -> str:
        return "".join([line.text.decode() async for line in log.read(query or LogQuery())])

    return asyncio.run(main())


@walled
def test_a_command_has_the_container_id_for_its_host_name_and_is_process_one() -> None:
    status, output = ran("hostname; echo $$; ls /sys/class/net")
    assert status == 0
    assert output.splitlines() == [CONTAINER[:12], "1", "lo"]


@walled
def test_a_command_sees_no_process_but_its_own() -> None:
    _, output = ran("echo /proc/[0-9]*")
    assert output.split() == ["/proc/1"]


@walled
def test_a_command_finds_dockers_files_in_etc() -> None:
    _, output = ran("cat /etc/hostname; tail -n 1 /etc/hosts; cat /etc/resolv.conf")
    name = CONTAINER[:12]
    assert output == f"{name}\n10.0.2.3\t{name}\nnameserver 127.0.0.11\noptions ndots:0\n"
    assert Path("/etc/hostname").read_text() != f"{name}\n"


@walled
def test_a_command_is_given_the_services_environment_and_no_other() -> None:
    os.environ["SECRET"] = "the lab's"
    _, output = ran('echo "$COLOUR/$HOSTNAME/$SECRET"', env={"COLOUR": "blue"})
    assert output == f"blue/{CONTAINER[:12]}/\n"


@walled
def test_the_end_of_a_command_is_reported_with_its_status() -> None:
    assert ran("exit 3")[0] == 3
    assert (
        ran("kill -TERM $$; trap 'exit 7' USR1; kill -USR1 $$")[0] == 7
    )  # the first process ignores what it can't trap


@walled
def test_a_command_that_is_not_there_ends_with_127() -> None:
    async def main() -> int:
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        workload = Catalogue([CatalogueEntry("mine", "command", command=("no-such-program",))]).workload("mine")
        await workload.start(Place.make().task("mine", on_exit=ended.set_result))
        return await asyncio.wait_for(ended, PATIENCE)

    assert asyncio.run(main()) == 127


@walled
def test_a_stopped_command_takes_its_children_with_it_and_reports_nothing() -> None:
    async def main() -> None:
        reported: list[int] = []
        place = Place.make()
        script = "sleep 1000 & sleep 1000 & wait"
        workload = Catalogue().workload("busybox")
        running = await workload.start(place.task("busybox", args=("sh", "-c", script), on_exit=reported.append))
        assert isinstance(running, RunningCommand)
        namespace = _namespace(str(running.pid))
        await _until(lambda: _processes_in(namespace) == 3)
        running.stop()
        await _until(lambda: _processes_in(namespace) == 0)
        running.stop()
        await asyncio.sleep(0)
        assert reported == []

    asyncio.run(main())


@walled
def test_a_command_that_can_not_be_started_is_an_error_that_names_the_task() -> None:
    async def main() -> None:
        place = Place.make()
        task = place.task("busybox")
        place.sandbox.close()
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(LabError, match=r"task whoami\.2\..* can't be started"):
            await Catalogue().workload("busybox").start(task)
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    asyncio.run(main())


@walled
def test_everything_a_command_says_is_in_its_log_when_its_end_is_reported() -> None:
    log = LogBuffer(limit=10**9)

    async def main() -> None:
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        script = "echo first; yes line | head -n 200000; echo oops >&2; (sleep 1000; echo never) & echo last"
        console = Console()
        console.log = log
        task = Place.make().task("busybox", args=("sh", "-c", script), console=console, on_exit=ended.set_result)
        await Catalogue().workload("busybox").start(task)
        assert await asyncio.wait_for(ended, PATIENCE) == 0
        assert log.closed

    asyncio.run(main())
    assert text_of(log, LogQuery(stderr=False)) == "first\n" + "line\n" * 200_000 + "last\n"
    assert text_of(log, LogQuery(stdout=False)) == "oops\n"


@walled
def test_a_busybox_has_its_own_applets_and_other_images_the_machines_tools() -> None:
    assert ran("for name in nslookup sh; do readlink -f $(command -v $name); done")[1] == "/usr/bin/busybox\n" * 2
    assert image_path("mine") == PATH


def _processes_in(namespace: int) -> int:
    return sum(_namespace(entry.name) == namespace for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _namespace(pid: str) -> int:
    try:
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino
    except OSError:
        return 0


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)
