"""What goes through docker exec, and what is left behind by clients that don't behave."""

from __future__ import annotations

import pytest

from tests.lab.docker.terminal import WORKER2, Docker

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("docker-streams")]

CLIENT = "633ddfc082b9"
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
    pid = "$(cat /proc/1/stat | cut -d' ' -f1)"
    count = f"ls /proc/{pid}/fd | wc -l"
    docker(f"exec {CLIENT} true", on=WORKER2)
    lines = "docker exec -i {0} cat >/dev/null & docker logs -f {0} >/dev/null & docker events >/dev/null &"
    stubborn = lines.format(CLIENT)
    script = f"before=$({count}); {stubborn} sleep 2; kill -9 $(jobs -p); wait; sleep 1; echo $before $({count})"
    before, after = docker.typed(script, on=WORKER2).check().text.split()[-2:]
    assert int(after) <= int(before)
    assert "cat" not in docker(f"top {CLIENT}", on=WORKER2)
