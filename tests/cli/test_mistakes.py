"""Bad input: one sentence, exit status 2, and nothing was started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshnet.cli import main
from meshnet.lab.launcher import LabProcess

STACK = """version: "3.8"
services:
  web:
    image: nginx
    networks: [front]
    ports: ["8080:80"]
networks:
  front: {}
"""


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise AssertionError("a lab was started")

    monkeypatch.setattr(LabProcess, "start", start)


def stack(tmp_path: Path, old: str = "", new: str = "") -> str:
    """A stack file with one thing wrong."""
    assert old in STACK
    file = tmp_path / "stack.yaml"
    file.write_text(STACK.replace(old, new, 1) if old else STACK)
    return str(file)


TWICE = '    ports: ["8080:80"]\n  other:\n    image: nginx\n    ports: ["8080:80"]\n'

STACK_MISTAKES = {
    "a typo": ("image: nginx", "imag: nginx", r"stack\.yaml:4.*imag.*'image'"),
    "a refused key": ("image: nginx", "image: nginx\n    build: .", r"stack\.yaml:5.*build"),
    "a port twice": ('    ports: ["8080:80"]\n', TWICE, r"8080.*web|web.*8080"),
    "an unknown image": ("image: nginx", "image: nginxx", r"stack\.yaml:4.*nginxx.*known are .*nginx"),
    "an overlapping subnet": (
        "front: {}",
        "front:\n    ipam:\n      config:\n        - subnet: 192.168.56.0/25",
        r"stack\.yaml:\d+.*192\.168\.56\.0/25.*192\.168\.56\.0/24",
    ),
    "no YAML": ("services:", "services: [", r"stack\.yaml:\d+"),
}


@pytest.mark.parametrize("mistake", STACK_MISTAKES)
def test_a_mistake_in_a_stack(mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, sentence = STACK_MISTAKES[mistake]
    assert main(["lab", "examples/three-nodes", "--stack", stack(tmp_path, old, new)]) == 2
    said = capsys.readouterr().err
    assert re.search(sentence, said), said
    assert one_sentence(said), said


def one_sentence(said: str) -> bool:
    """One line of ours, besides notes on what is passed over."""
    return len([line for line in said.splitlines() if not line.startswith("note:")]) == 1


LINE_MISTAKES = {
    "lab nowhere": r"nowhere",
    "lab --topo ring": r"ring.*leafspine, swarm, twosite",
    "lab --topo swarm,workers=many": r"workers.*many",
    "lab --topo swarm,spines=2": r"spines.*managers, workers",
    "lab --topo swarm,workers": r"workers.*key=value",
    "lab --engine 17.03": r"17\.03.*18\.03.*18\.06.*20\.10",
    "lab --engine swarm-worker9=18.06": r"swarm-worker9",
    "lab --kernel xen": r"xen.*auto, host, uml",
    "lab --without vxlan": r"vxlan.*ipvs, netem, esp",
    "lab --stack missing.yaml": r"missing\.yaml",
    "lab --on swarm-manager": r"--on wants a command",
    "lab --on nobody -- true": r"nobody.*swarm-manager, swarm-worker1, swarm-worker2, client",
    "lab --colour": r"--colour.*--help",
    "fly": r"fly.*--help",
    "exec swarm-manager": r"command after --",
    "exec --lab none-such swarm-manager -- true": r"none-such|no lab is running",
    "sh --lab none-such swarm-manager": r"none-such|no lab is running",
    "status --lab none-such": r"none-such|no lab is running",
    "down --lab none-such": r"none-such|no lab is running",
}


@pytest.mark.parametrize("line", LINE_MISTAKES)
def test_a_mistake_on_the_command_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("meshnet: "), said
    assert re.search(LINE_MISTAKES[line], said), said
    assert one_sentence(said), said


def test_a_key_without_bearing_on_the_mesh_is_passed_over_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = stack(tmp_path, "image: nginx", "image: nginx\n    volumes: [data:/data]")
    assert main(["lab", "examples/three-nodes", "--stack", file, "--kernel", "xen"]) == 2
    assert re.search(r"note: .*stack\.yaml:5.*volumes.*ignored", capsys.readouterr().err)
