"""Configs and secrets."""

from __future__ import annotations

import pytest

from meshnet.errors import Refusal
from meshnet.model import ClusterState, Stored, StoredFile, StoredKind, StoredSpec
from meshnet.orchestrator import RemoveService, step
from meshnet.orchestrator.commands import CreateStored, RemoveStored, UpdateStored
from tests.orchestrator.machines import refusal
from tests.orchestrator.swarms import run, service, swarm

CONFIG, SECRET = StoredKind.CONFIG, StoredKind.SECRET


def create(name: str = "demo", kind: StoredKind = CONFIG, data: bytes = b"x") -> CreateStored:
    return CreateStored(StoredSpec(kind, name, data))


def only(state: ClusterState) -> Stored:
    (found,) = state.stored.values()
    return found


def test_what_is_made_is_kept() -> None:
    made = only(run(swarm(), create(data=b"\x00\xff")))
    assert (made.kind, made.name, made.data, len(made.id)) == (CONFIG, "demo", b"\x00\xff", 25)


def test_config_and_secret_can_share_a_name_and_two_configs_cannot() -> None:
    state = run(swarm(), create(), create(kind=SECRET))
    assert len(state.stored) == 2
    assert refusal(state, create()) == (Refusal.ALREADY_EXISTS, "config demo already exists")


@pytest.mark.parametrize("name", ["", "-a", "a b", "x" * 65])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    kind, words = refusal(swarm(), create(name))
    assert (kind, words[:12]) == (Refusal.INVALID_ARGUMENT, "invalid name")


@pytest.mark.parametrize(("kind", "size"), [(CONFIG, 0), (SECRET, 0), (SECRET, 512_000), (CONFIG, 1_024_000)])
def test_sizes_that_cannot_be_are_refused(kind: StoredKind, size: int) -> None:
    assert (
        f"{kind} data must be larger than 0 and less than" in refusal(swarm(), create(kind=kind, data=b"x" * size))[1]
    )


def test_only_labels_change() -> None:
    state = run(swarm(), create())
    made = only(state)
    after = only(step(state, UpdateStored(made.id, {"a": "b"}, made.meta.version)))
    assert (after.labels, after.data) == ({"a": "b"}, made.data)
    stale = UpdateStored(made.id, {}, made.meta.version + 1)
    assert refusal(state, stale) == (Refusal.INVALID_ARGUMENT, "update out of sequence")


@pytest.mark.parametrize(
    ("users", "sentence"),
    [(("web",), "following service: web"), (("web", "db"), "following services: web, db")],
)
def test_what_services_want_is_removed_after_them(users: tuple[str, ...], sentence: str) -> None:
    wanted = (StoredFile(CONFIG, "demo", "/demo"),)
    state = run(swarm(), create(), *(service(user, 0, files=wanted) for user in users))
    id = only(state).id
    assert refusal(state, RemoveStored(id)) == (
        Refusal.INVALID_ARGUMENT,
        f"config 'demo' is in use by the {sentence}",
    )
    assert not run(state, *map(RemoveService, users), RemoveStored(id)).stored


def test_service_that_wants_a_secret_of_the_name_keeps_no_config() -> None:
    state = run(swarm(), create(), create(kind=SECRET))
    state = run(state, service("web", 0, files=(StoredFile(SECRET, "demo", "demo"),)))
    config = next(each.id for each in state.stored.values() if each.kind is CONFIG)
    assert [each.kind for each in step(state, RemoveStored(config)).stored.values()] == [SECRET]


def test_it_is_found_by_id_name_and_beginning_unless_two_are_meant() -> None:
    state = run(swarm(), create())
    for name in (only(state).id, "demo", only(state).id[:6]):
        assert not step(state, RemoveStored(name)).stored
    assert refusal(state, RemoveStored("other"))[0] is Refusal.NOT_FOUND
    assert "ambiguous" in refusal(state, create(kind=SECRET), RemoveStored("demo"))[1]
