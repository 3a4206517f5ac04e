"""What goes through docker exec, and what is left behind by clients that don't behave."""

from __future__ import annotations

import time

import pytest

from meshnet.lab.deadlines import ANSWER, scaled
from tests.lab.docker.terminal import WORKER2, Docker

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-streams")]

CLIENT = "633ddfc082b9"
WHOAMI = "f47e05019fd9"
SUM = "sha256sum"


def test_a_hundred_megabytes_pass_each_way_unharmed(docker: Docker) -> None:
    made = "head -c 100000000 /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt -md md5 2>/dev/null"
    through = f"{made} | tee /tmp/sent | docker exec -i {CLIENT} cat | {SUM} | cut -d' ' -f1"
    done = docker.typed(f"{through}; {SUM} /tmp/sent | cut -d' ' -f1; rm /tmp/sent", on=WORKER2)
    back, sent = done.check().text.split()
    assert back == sent


def test_fifty_programs_at_once_all_finish(docker: Docker) -> None:
    one = f"docker exec {CLIENT} sh -c 'echo out $1; echo err >&2; exit $1' sh"
    every = f"for n in $(seq 50); do ({one} $n >/tmp/out.$n 2>/tmp/err.$n; echo $? >/tmp/status.$n) & done; wait"
    told = "for n in $(seq 50); do echo $(cat /tmp/out.$n) $(cat /tmp/err.$n) $(cat /tmp/status.$n); done"
    done = docker.typed(f"{every}; {told}", on=WORKER2)
    assert done.check().text.splitlines() == [f"out {n} err {n}" for n in range(1, 51)]


def test_clients_that_vanish_leave_nothing(docker: Docker) -> None:
    lab = docker(f"top {WHOAMI}", on=WORKER2).splitlines()[1].split()[1]  # the lab's own process serves it
    docker(f"exec {CLIENT} true", on=WORKER2)
    before = int(docker.lab.run(WORKER2, f"ls /proc/{lab}/fd | wc -l").check().text)
    streams = ("exec -i {0} cat", "logs -f {0}", "events", "stats {0}")
    started = "".join(
        f'{docker.client} {each.format(CLIENT)} <$fifo >/dev/null 2>&1 & all="$all $!"; ' for each in streams
    )
    script = f"fifo=$(mktemp -u); mkfifo $fifo; sleep 1000 >$fifo & all=$!; {started} sleep 2; kill -9 $all; rm $fifo"
    docker.lab.run(WORKER2, script).check()
    deadline = time.monotonic() + scaled(ANSWER)
    while int(docker.lab.run(WORKER2, f"ls /proc/{lab}/fd | wc -l").check().text) > before:
        assert time.monotonic() < deadline, docker.lab.run(WORKER2, f"ls -l /proc/{lab}/fd").text
    docker.until(f"top {CLIENT}", lambda said: "cat" not in said, on=WORKER2)
