"""Labs whose machines wait for somebody's ``docker swarm init``."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnet.errors import InputError
from meshnet.model import Membership, Stack, Story
from meshnet.orchestrator import form_lab
from tests.labfolder.conftest import Load

LAB = """\
swarm: false
nodes:
  swarm-worker1:
    labels: {rack: "1"}
"""


@pytest.mark.parametrize(("lab", "more"), [(LAB, {}), (LAB.replace("false", "true"), {"no_swarm": True})])
def test_machines_are_outside_and_nothing_is_deployed(load: Load, lab: str, more: dict[str, bool]) -> None:
    spec = load(lab, **more)
    assert (spec.forms_swarm, spec.stack, spec.story) == (False, Stack(), Story())
    state = form_lab(spec)
    assert {each.membership for each in state.nodes.values()} == {Membership.OUTSIDE}
    assert [each.labels for each in state.nodes.values() if each.name == "swarm-worker1"] == [{"rack": "1"}]
    assert (state.swarm, state.networks) == (None, {})


def test_stack_left_aside_is_named(load: Load) -> None:
    assert load(LAB).warnings == (
        "mine/stack.yaml is not deployed: the machines form no swarm until you make one (docker swarm init)",
    )
    (Path("mine") / "stack.yaml").unlink()
    assert load(LAB, stack=None).warnings == ()


@pytest.mark.parametrize(
    ("lab", "more", "reason"), [("", {"no_swarm": True}, "--no-swarm"), (LAB, {}, "mine/lab.yaml:1")]
)
def test_stack_asked_for_without_a_swarm_is_refused(load: Load, lab: str, more: dict[str, bool], reason: str) -> None:
    with pytest.raises(InputError, match=rf"^--stack: a stack is deployed to a swarm, and {reason}\S* asks for none"):
        load(lab, stacks=(Path("mine/stack.yaml"),), **more)


def test_lab_forms_a_swarm_unless_told_otherwise(load: Load) -> None:
    assert load("").forms_swarm
