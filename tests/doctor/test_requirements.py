"""What the doctor makes of a machine that has all, and of machines that lack something."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from meshnet.doctor.machine import Machine, look
from meshnet.doctor.report import Diagnosis, as_json, as_text, diagnose
from meshnet.doctor.requirements import requirements
from meshnet.doctor.tools import Purpose, Tool, tools
from meshnet.errors import EXIT_DONE, EXIT_USER
from meshnet.kernel.boot.choose import KernelChoice, KernelKind
from meshnet.kernel.boot.needs import Feature, HostFeatures

COMPLETE = Machine(
    python=(3, 11, 2),
    python_path="/usr/bin/python3.11",
    root=True,
    architecture="x86_64",
    commands={tool.command: f"/usr/bin/{tool.command}" for tool in tools()},
    docker=Path("/usr/bin/docker"),
    packages={"mininet": "2.3.0", "scapy": "2.6.1"},
    modules="6.1.1",
    memory_folder=Path("/dev/shm"),
    terminal="",
    host=HostFeatures({}),
    auto=KernelChoice(KernelKind.HOST, "this machine's: it has all that is needed"),
)

NO_IPVS = replace(
    COMPLETE,
    host=HostFeatures({Feature.IPVS: "not in the kernel"}),
    auto=KernelChoice(KernelKind.UML, "user-mode Linux: this machine's kernel lacks ipvs"),
)

BARE = Machine(
    python=(3, 9, 2),
    python_path="/usr/bin/python3",
    root=False,
    architecture="x86_64",
    commands={},
    docker="none",
    packages=None,
    modules=None,
    memory_folder="no folder has room",
    terminal="no more pseudo-terminals",
    host=HostFeatures(dict.fromkeys(Feature, "refused")),
    auto="this machine's kernel lacks everything",
)


def without_command(machine: Machine, command: str) -> Machine:
    return replace(machine, commands={name: path for name, path in machine.commands.items() if name != command})


def lacking(diagnosis: Diagnosis) -> set[str]:
    return {requirement.name for requirement, finding in diagnosis.findings if not finding.have}


def line_of(name: str, diagnosis: Diagnosis) -> str:
    [line] = [line for line in as_text(diagnosis).splitlines() if line[6:].startswith(f"{name} ")]
    return line


def test_complete_machine_lacks_nothing_and_runs_labs_on_its_own_kernel() -> None:
    diagnosis = diagnose(COMPLETE)
    assert lacking(diagnosis) == set()
    assert (diagnosis.kernel, diagnosis.exit_status) == (KernelKind.HOST, EXIT_DONE)


def test_bare_machine_lacks_everything_and_each_has_a_mend() -> None:
    diagnosis = diagnose(BARE)
    assert lacking(diagnosis) == {requirement.name for requirement in requirements()}
    assert all(finding.mend for _, finding in diagnosis.findings)
    assert (diagnosis.kernel, diagnosis.exit_status) == (None, EXIT_USER)


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.command)
def test_missing_command_names_its_package_and_stops_labs_only_where_they_need_it(tool: Tool) -> None:
    diagnosis = diagnose(without_command(COMPLETE, tool.command))
    assert lacking(diagnosis) == {tool.command}
    assert line_of(tool.command, diagnosis).endswith(f"apt-get install --no-install-recommends {tool.package}")
    assert diagnosis.exit_status == (EXIT_USER if tool.purpose is Purpose.LAB else EXIT_DONE)


def test_labs_start_without_a_docker_client_and_its_mend_installs_nothing() -> None:
    diagnosis = diagnose(replace(COMPLETE, docker="none in PATH, none unpacked"))
    assert lacking(diagnosis) == {"docker"}
    assert "none in PATH, none unpacked; mend: scripts/docker-client unpacks one" in line_of("docker", diagnosis)
    assert "apt-get install" not in line_of("docker", diagnosis)
    assert diagnosis.exit_status == EXIT_DONE


def test_named_client_that_is_not_there_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MESHNET_DOCKER", str(tmp_path / "gone"))
    assert f"MESHNET_DOCKER={tmp_path}/gone" in line_of("docker", diagnose(look()))


def test_kernel_without_ipvs_is_no_obstacle_where_user_mode_linux_is() -> None:
    diagnosis = diagnose(NO_IPVS)
    assert lacking(diagnosis) == {"kernel: ipvs"}
    assert "or leave it" in line_of("kernel: ipvs", diagnosis)
    assert (diagnosis.kernel, diagnosis.exit_status) == (KernelKind.UML, EXIT_DONE)


def test_no_room_for_the_guests_memory_stops_a_lab_that_needs_the_guest() -> None:
    full = "/dev/shm has 64 MiB free"
    stopped = diagnose(replace(NO_IPVS, memory_folder=full))
    assert stopped.exit_status == EXIT_USER
    assert full in stopped.reason
    assert diagnose(replace(COMPLETE, memory_folder=full)).exit_status == EXIT_DONE


def test_no_user_mode_linux_is_offered_where_there_is_none() -> None:
    diagnosis = diagnose(without_command(replace(NO_IPVS, architecture="aarch64", modules=None), "linux.uml"))
    assert "aarch64" in line_of("linux.uml", diagnosis)
    assert "user-mode Linux" not in line_of("kernel: ipvs", diagnosis)


def test_feature_that_no_command_could_try_asks_for_the_command_first() -> None:
    machine = replace(NO_IPVS, host=HostFeatures({Feature.IPVS: "ipvsadm is not installed"}))
    assert "modprobe" not in line_of("kernel: ipvs", diagnose(machine))
    assert "modprobe" in line_of("kernel: ipvs", diagnose(NO_IPVS))


def test_missing_python_package_is_named() -> None:
    diagnosis = diagnose(replace(COMPLETE, packages={"mininet": "2.3.0", "scapy": ""}))
    assert "missing: scapy; mend: make setup" in line_of("Python packages", diagnosis)
    assert diagnosis.exit_status == EXIT_USER


def test_text_has_a_line_a_requirement_then_the_verdict() -> None:
    *lines, blank, verdict = as_text(diagnose(NO_IPVS)).splitlines()
    assert len(lines) == len(requirements())
    assert {line[:6] for line in lines} == {"have  ", "lack  "}
    assert (blank, verdict) == ("", "A lab starts here: user-mode Linux: this machine's kernel lacks ipvs.")
    assert "\033" in as_text(diagnose(NO_IPVS), colour=True)


def test_json_says_what_the_text_says() -> None:
    answer = json.loads(as_json(diagnose(NO_IPVS)))
    assert (answer["version"], answer["kernel"]) == (1, "uml")
    rows = {row["name"]: row for row in answer["requirements"]}
    assert rows["curl"] == {"name": "curl", "for": "prompt", "have": True, "found": "/usr/bin/curl", "mend": None}
    assert [name for name, row in rows.items() if not row["have"]] == ["kernel: ipvs"]
    assert json.loads(as_json(diagnose(BARE)))["kernel"] is None


@pytest.mark.thorough
def test_doctor_takes_nothing_but_the_standard_library() -> None:
    """``-S`` hides every installed package, as before the first ``make setup``."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-c", "import meshnet.doctor.__main__"], cwd=root, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
