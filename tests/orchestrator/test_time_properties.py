"""What holds whatever is asked, whatever fails and however much time passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from meshnet.errors import AllocationError, InputError
from meshnet.model import (
    MINUTE,
    SECOND,
    Availability,
    ClusterState,
    FailureAction,
    NodeStatus,
    RestartCondition,
    RestartPolicy,
    ServiceMode,
    TaskState,
    UpdateConfig,
    UpdateOrder,
)
from meshnet.orchestrator import RemoveService, ScaleService, next_deadline
from tests.orchestrator.clocked import Clocked, Outcome
from tests.orchestrator.swarms import MANAGER, WORKER1, WORKER2, network, publish, service

NAMES = ("one", "two")
PER_SLOT = 9
"""Tasks that a slot can hold: five of history, one that runs or waits, and those of overtaken updates on their way."""

Action = Callable[[Clocked], None]


def create(name: str, **spec: object) -> Action:
    return lambda swarms: swarms.ask(service(name, **spec))  # type: ignore[arg-type]  # drawn field by field


def update(name: str, env: str) -> Action:
    return lambda swarms: swarms.update(name, env=(env,)) if swarms.state.service_named(name) else None


def fail(choice: int, code: int) -> Action:
    def act(swarms: Clocked) -> None:
        running = list(swarms.state.placed_tasks())
        if running:
            swarms.exits(running[choice % len(running)], code)

    return act


def fare(outcome: Outcome, seconds: float) -> Action:
    """For a while, whatever runs or is started comes to this end."""

    def act(swarms: Clocked) -> None:
        swarms.fares = lambda task: outcome
        swarms.wait(seconds)
        swarms.fares = lambda task: None

    return act


names, nodes = st.sampled_from(NAMES), st.sampled_from((MANAGER, WORKER1, WORKER2))
orders, actions_on_failure = st.sampled_from(UpdateOrder), st.sampled_from(FailureAction)
seconds = st.sampled_from((0, 1, 3))
configs = st.builds(
    UpdateConfig,
    parallelism=st.integers(0, 2),
    delay=seconds.map(lambda length: length * SECOND),
    failure_action=actions_on_failure,
    order=orders,
)
policies = st.builds(
    RestartPolicy,
    condition=st.sampled_from((RestartCondition.ANY, RestartCondition.ANY, RestartCondition.ON_FAILURE)),
    delay=st.sampled_from((SECOND, 3 * SECOND)),
)
ports = st.sampled_from(((), (publish(80),), (publish(80, 8080, mode="host"),)))
action = st.one_of(
    st.builds(
        create,
        names,
        replicas=st.integers(0, 4),
        mode=st.sampled_from((ServiceMode.REPLICATED, ServiceMode.REPLICATED, ServiceMode.GLOBAL)),
        networks=st.sampled_from(((), ("a",), ("small",))),
        ports=ports,
        update=configs,
        restart=policies,
    ),
    st.builds(update, names, st.sampled_from("ABC")),
    st.builds(update, names, st.sampled_from("ABC")),
    st.builds(lambda name, count: lambda swarms: swarms.ask(ScaleService(name, count)), names, st.integers(0, 5)),
    st.builds(lambda name: lambda swarms: swarms.ask(RemoveService(name)), names),
    st.builds(lambda name: lambda swarms: swarms.roll_back(name), names),
    st.builds(fail, st.integers(0, 20), st.integers(0, 1)),
    st.builds(fail, st.integers(0, 20), st.integers(0, 1)),
    st.builds(lambda length: lambda swarms: swarms.wait(length), st.sampled_from((0.5, 2, 5, 30))),
    st.builds(
        lambda name, to: lambda swarms: swarms.node_update(name, availability=to), nodes, st.sampled_from(Availability)
    ),
    st.builds(lambda name, to: lambda swarms: swarms.lose(name, to), nodes, st.sampled_from(NodeStatus)),
    st.builds(fare, st.sampled_from(("no image", 0, 1)), st.sampled_from((1, 4))),
)


def play(asked: list[Action], stop_time: float) -> Clocked:
    swarms = Clocked(stop_time=stop_time)
    swarms.ask(network("a"), network("small", "10.9.0.0/28"))
    for act in asked:
        try:
            act(swarms)
        except (InputError, AllocationError, AssertionError):
            continue
        check(swarms.state)
    return swarms


@settings(max_examples=25, deadline=None)
@given(st.lists(action, min_size=4, max_size=12), st.sampled_from((0.0, 1.5)))
def test_swarm_stays_whole_and_comes_to_rest(asked: list[Action], stop_time: float) -> None:
    swarms = play(asked, stop_time)
    for name in (MANAGER, WORKER1, WORKER2):
        swarms.lose(name, NodeStatus.READY)
        swarms.node_update(name, availability=Availability.ACTIVE)
    swarms.wait(5 * MINUTE / SECOND)
    check(swarms.state)
    assert next_deadline(swarms.state) is None
    for made in swarms.state.services.values():
        rest(swarms.state, made.spec.name)
    for made in list(swarms.state.services.values()):
        swarms.ask(RemoveService(made.spec.name))
    swarms.wait(10)
    assert not swarms.state.tasks
    own = [replace(where, id=where.id) for where in swarms.state.networks.values() if not where.ingress]
    assert all(swarms.state.counters.taken[where.id] == {where.gateway} for where in own)


def rest(state: ClusterState, name: str) -> None:
    """Every slot holds one task that runs, waits for a place, or is done and not to be restarted; and the one it is to
    replace, where an update waits for a place."""
    made = state.service_named(name)
    assert made is not None
    wanted = [task for task in state.tasks.values() if task.service == made.id and task.wanted]
    assert all(task.state in (TaskState.NEW, TaskState.PENDING, TaskState.RUNNING) for task in wanted)
    assert all(task.error for task in wanted if task.state is not TaskState.RUNNING)
    last = {task.slot_key: task for task in state.tasks.values() if task.service == made.id}
    done = [task for task in last.values() if task.state is TaskState.COMPLETE]
    slots = made.spec.replicas if made.spec.mode is ServiceMode.REPLICATED else 3
    begun = {task.slot_key for task in wanted if task.state is not TaskState.RUNNING} if made.rollout else set()
    replaced = sum(task.slot_key in begun and task.state is TaskState.RUNNING for task in wanted)
    assert len(wanted) - replaced + len(done) == slots
    assert made.spec.restart_policy.condition is not RestartCondition.ANY or not done


def check(state: ClusterState) -> None:
    addresses = Counter((leg.network, leg.address) for task in state.tasks.values() for leg in task.attachments)
    assert not addresses or max(addresses.values()) == 1
    for where in state.networks.values():
        held = {leg.address.ip for task in state.tasks.values() for leg in task.attachments if leg.network == where.id}
        held |= {made.vips[where.id].ip for made in state.services.values() if where.id in made.vips}
        held |= {node.attachments[where.id].ip for node in state.nodes.values() if where.id in node.attachments}
        assert state.counters.taken[where.id] == held | {where.gateway}
    for task in state.tasks.values():
        assert not (task.ended and (task.wanted or task.attachments))
        assert task.wanted or task.state > TaskState.READY
    for made in state.services.values():
        own = [task for task in state.tasks.values() if task.service == made.id]
        serving = Counter(task.slot_key for task in own if task.serves)
        assert not serving or max(serving.values()) <= 2
        assert max(Counter(task.slot_key for task in own).values(), default=0) <= PER_SLOT
    bound = Counter(
        (task.node, port.protocol, port.published)
        for task in state.placed_tasks()
        for port in task.ports
        if port.mode == "host"
    )
    assert not bound or max(bound.values()) == 1
