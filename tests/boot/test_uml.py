from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshnet.errors import MachineError
from meshnet.kernel.boot import uml


class Filesystem:
    """A statvfs answer."""

    def __init__(self, megabytes: int, flags: int = 0) -> None:
        self.f_bavail, self.f_frsize, self.f_flag = megabytes << 8, 4096, flags


def folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **filesystems: Filesystem) -> tuple[Path, ...]:
    for name in filesystems:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "statvfs", lambda folder: filesystems[Path(folder).name])
    return tuple(tmp_path / name for name in filesystems)


def test_a_small_or_noexec_folder_is_passed_over_for_the_guests_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    candidates = folders(
        monkeypatch,
        tmp_path,
        docker_shm=Filesystem(64),
        hardened=Filesystem(9000, os.ST_NOEXEC),
        roomy=Filesystem(9000),
    )
    assert uml.memory_folder(candidates) == tmp_path / "roomy"


def test_no_folder_for_the_memory_says_of_each_why_and_names_tmpdir(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    candidates = folders(monkeypatch, tmp_path, small=Filesystem(64), hardened=Filesystem(9000, os.ST_NOEXEC))
    with pytest.raises(MachineError, match=r"small has 64 MiB free; .*hardened is mounted noexec; set TMPDIR"):
        uml.memory_folder(candidates)


def test_two_guests_claim_two_cpus_while_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1000, 1001})
    first, second = uml.CpuClaim(), uml.CpuClaim()
    assert {first.cpu, second.cpu} == {1000, 1001}
    third = uml.CpuClaim()
    assert third.cpu in {1000, 1001}
    first.release()
    again = uml.CpuClaim()
    assert again.cpu == first.cpu
    for claim in (second, third, again):
        claim.release()


def test_paths_with_blanks_reach_the_guest_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uml, "find_binary", lambda: "linux.uml")
    line = uml.command_line("/a b/python", "module", ("/c d",), 5)
    assert line[-3:] == ('"/a b/python"', '"module"', '"/c d"')
    with pytest.raises(MachineError, match="double quote"):
        uml.command_line('/a"b/python', "module", (), 5)
