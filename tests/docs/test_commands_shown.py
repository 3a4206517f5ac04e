"""What README and docs/ show is what there is: commands, options, files, and the output of the first one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshnet.cli import main
from meshnet.path import trace_json
from meshnet.path.picture import picture, plain
from tests.lab.labs import RunningLab, running

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def shown() -> list[tuple[str, str]]:
    """Every ``meshnet ...`` and ``make ...`` in code, with its page."""
    found = []
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`|^\$ (.+)$", page.read_text(), re.MULTILINE):
            text = "".join(code).removeprefix("sudo ")
            if text.startswith(("meshnet ", "make ")):
                found.append((page.name, text))
    return found


@pytest.fixture
def help_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    monkeypatch.setenv("COLUMNS", "200")

    def ask(command: str) -> str:
        assert main([command, "--help"]) == 0
        return capsys.readouterr().out

    return ask


def test_every_command_shown_exists_with_the_options_shown(help_of: Callable[[str], str]) -> None:
    texts: dict[str, str] = {}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in shown():
        words = text.partition(" -- ")[0].split()
        if words[0] == "make":
            assert words[1] in targets, f"{page}: {text}"
            continue
        if words[1] in ("COMMAND", "--version"):
            continue
        name = words[1]
        if name not in texts:
            texts[name] = help_of(name)
        for option in re.findall(r"--[a-z]+", " ".join(words)):
            assert option == "--help" or option in texts[name], f"{page}: {text}: no option {option}"


def test_every_option_of_a_lab_is_explained(help_of: Callable[[str], str]) -> None:
    explained = (ROOT / "docs" / "commands.md").read_text()
    for option in set(re.findall(r"--[a-z]+", help_of("lab"))) - {"--help"}:
        assert option in explained, f"docs/commands.md says nothing of {option}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.lab
def test_every_docker_command_shown_works_in_a_lab() -> None:
    """Those that stand in blocks, in their order, in one lab."""
    page = (ROOT / "docs" / "docker.md").read_text()
    blocks = re.findall(r"^```\n(docker .*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    with running() as lab:
        for line in "".join(blocks).splitlines():
            lab.run("swarm-manager", line).check()


@pytest.mark.lab
def test_the_readme_shows_what_the_first_command_prints() -> None:
    readme = (ROOT / "README.md").read_text()
    with running() as lab:
        status = lab.status
    for node in status["nodes"]:
        pattern = rf"^{node['name']} .*{node['address']}.*{' '.join(node['namespaces'])}$"
        assert re.search(pattern, readme, re.MULTILINE), pattern
    for task in status["tasks"]:
        assert re.search(rf"^{task['name'][:20]}.*{task['node']} .*{task['hostname']} +running", readme, re.MULTILINE)
    for hint in status["hints"]:
        assert f"  {hint}\n" in readme


def test_the_readmes_way_is_a_part_of_the_one_shown_whole() -> None:
    page = (ROOT / "docs" / "trace.md").read_text().splitlines()
    (way,) = re.findall(r"^mininet> trace .*\n((?:.+\n)+?)```", (ROOT / "README.md").read_text(), re.MULTILINE)
    parts = [part.strip("\n").splitlines() for part in way.split("  ...\n")]
    at = 0
    for part in parts:
        at = next(at for at in range(at, len(page)) if page[at : at + len(part)] == part) + len(part)


@pytest.mark.lab
def test_the_ways_shown_are_those_that_packets_go() -> None:
    """docs/trace.md's pictures, but for times."""
    page = (ROOT / "docs" / "trace.md").read_text()
    healthy, broken = re.findall(r"^\$ meshnet trace .*\n(request(?:.*\n)+?)```", page, re.MULTILINE)
    with running() as lab:
        lab.client.call("scale", service="whoami", replicas=2)
        assert timeless(healthy) == timeless(way(lab, "client", "swarm-worker1", answers=False))
        lab.run("swarm-worker1", "iptables -t nat -D POSTROUTING 1").check()
        assert timeless(broken) == timeless(way(lab, "swarm-worker1", "localhost"))


def way(lab: RunningLab, source: str, destination: str, *, answers: bool = True) -> str:
    asked: dict[str, Any] = {"source": source, "destination": destination, "port": 8000, "source_port": 40000}
    return plain(picture(trace_json.load(lab.client.call("trace", **asked)), answers=answers))


def timeless(text: str) -> list[str]:
    """Lines without times, and without what a switch happened to have learned by then."""
    lines = [re.sub(r" *\+\d+ µs$", "", line).rstrip() for line in text.splitlines()]
    return [line for line in lines if "flooded" not in line]
