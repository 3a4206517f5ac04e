"""Built-in servers in a task's namespace, asked by the clients that people use."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import subprocess
import threading
from collections.abc import Awaitable, Callable

import pytest

from meshnet.errors import LabError
from meshnet.lab.net.inside import run
from meshnet.lab.workloads import Catalogue
from tests.lab.walled import walled
from tests.lab.workloads.task import CONTAINER, Place

pytestmark = pytest.mark.lab

PATIENCE = 10.0
ME = CONTAINER[:12]


def in_a_place(test: Callable[[Place], Awaitable[None]]) -> Callable[[], None]:
    """A test with a task's place, in an event loop, behind walls."""

    def body() -> None:
        async def main() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(Place.make())

        asyncio.run(main())

    body.__name__ = test.__name__
    return walled(body)


async def client(place: Place, *argv: str) -> str:
    """What a client program inside the task's namespace prints; it has to end well."""

    def ask() -> str:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    return await asyncio.to_thread(run, place.inside, ask)


@in_a_place
async def test_whoami_answers_with_its_container_id_and_nothing_else(place: Place) -> None:
    await Catalogue().workload("jwilder/whoami:latest").start(place.task("jwilder/whoami:latest"))
    assert await client(place, "curl", "-s", "http://127.0.0.1:8000/any/path") == f"I'm {ME}\n"
    assert await client(place, "wget", "-qO-", "http://127.0.0.1:8000") == f"I'm {ME}\n"


@in_a_place
async def test_whoami_listens_where_port_says(place: Place) -> None:
    whoami = Catalogue().workload("jwilder/whoami")
    await whoami.start(place.task("jwilder/whoami", env={"PORT": "8001"}))
    assert await client(place, "curl", "-s", "http://127.0.0.1:8001") == f"I'm {ME}\n"
    with pytest.raises(LabError, match="PORT must be a port number, not 'http'"):
        await whoami.start(place.task("jwilder/whoami", env={"PORT": "http"}))


@pytest.mark.parametrize("image", ["nginx:1.25", "httpd", "wordpress:6"])
def test_web_servers_are_stood_in_for_by_one_that_says_who_it_is(image: str) -> None:
    @in_a_place
    async def body(place: Place) -> None:
        await Catalogue().workload(image).start(place.task(image))
        said = await client(place, "curl", "-s", "http://127.0.0.1/shop?a=1")
        first, second, third = said.splitlines()
        assert first.startswith(image)
        assert "stood in for" in first
        assert second == f"container {ME} on swarm-manager"
        assert third == "GET /shop?a=1 HTTP/1.1"

    body()


@in_a_place
async def test_mysql_is_stood_in_for_by_a_greeting(place: Place) -> None:
    await Catalogue().workload("mysql:5.7").start(place.task("mysql:5.7"))
    said = await client(place, "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3306; head -n 2 <&3")
    assert said == f"mysql:5.7 (stood in for by meshnet)\ncontainer {ME} on swarm-manager\n"


@in_a_place
async def test_one_connection_carries_several_requests(place: Place) -> None:
    await Catalogue().workload("jwilder/whoami").start(place.task("jwilder/whoami"))
    listed = await client(place, "curl", "-sv", *["http://127.0.0.1:8000"] * 3, "--stderr", "-")
    assert listed.count("Re-using existing connection") == 2

    def talk() -> list[tuple[int, bytes]]:
        connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=PATIENCE)
        answers = []
        for method in ("GET", "HEAD", "POST", "GET"):
            connection.request(method, "/", body=b"x" * 200_000 if method == "POST" else None)
            response = connection.getresponse()
            answers.append((response.status, response.read()))
        connection.close()
        return answers

    answer = f"I'm {ME}\n".encode()
    wanted = [(200, answer), (200, b""), (200, answer), (200, answer)]
    assert await asyncio.to_thread(run, place.inside, talk) == wanted


@in_a_place
async def test_a_server_is_reached_from_its_own_namespace_only(place: Place) -> None:
    await Catalogue().workload("jwilder/whoami").start(place.task("jwilder/whoami"))
    with pytest.raises(OSError, match=r"refused|unreachable"), socket.socket() as elsewhere:
        elsewhere.connect(("127.0.0.1", 8000))


@in_a_place
async def test_a_stopped_server_lets_go_of_its_port_and_its_clients(place: Place) -> None:
    mysql = Catalogue().workload("mysql")
    running = await mysql.start(place.task("mysql"))
    with place.sandbox.entered():
        listener = socket.socket()
    listener.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(listener, ("127.0.0.1", 3306))
    assert await loop.sock_recv(listener, 100)
    running.stop()
    running.stop()
    with contextlib.suppress(ConnectionResetError):
        assert await loop.sock_recv(listener, 100) == b""
    listener.close()
    await mysql.start(place.task("mysql"))


@in_a_place
async def test_a_port_that_is_taken_is_an_error_that_names_the_task(place: Place) -> None:
    whoami = Catalogue().workload("jwilder/whoami")
    await whoami.start(place.task("jwilder/whoami"))
    with pytest.raises(LabError, match=r"whoami\.2\..* can't listen on port 8000: Address already in use"):
        await whoami.start(place.task("jwilder/whoami"))


@in_a_place
async def test_three_hundred_servers_are_answered_by_one_thread(place: Place) -> None:
    whoami = Catalogue().workload("jwilder/whoami")
    before = threading.active_count()
    for port in range(9000, 9300):
        await whoami.start(place.task("jwilder/whoami", env={"PORT": str(port)}))
    assert threading.active_count() == before
    assert await client(place, "curl", "-s", "http://127.0.0.1:9299") == f"I'm {ME}\n"
