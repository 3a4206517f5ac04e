"""The loop that keeps a lab at what the swarm has decided: state, kernel, containers, and back.

Commands change the state at once. The loop follows: it lets the kernel and the containers become what the state says,
hands their reports back to it, and lets time pass where the state waits for some. Everything in here belongs to the
event loop's thread; only the kernel is worked on in another, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from meshnet.errors import KernelError, MeshnetError
from meshnet.model import SECOND, ClusterState
from meshnet.orchestrator import Command, Tick, next_deadline, step

Listener = Callable[[ClusterState, ClusterState], None]
"""Told of a change: the state before, and after."""


_SHORTEST = 0.01
"""Seconds between two ticks at least: whatever is overdue, the loop stays calm."""

_CALM = 1.0
"""Seconds until a tick that could not be taken is tried again."""


class Follower(Protocol):
    """What becomes as the state has it. It submits its reports by itself."""

    async def prepare(self, state: ClusterState) -> None:
        """Before the kernel follows: let go of what is going."""

    async def follow(self, state: ClusterState) -> None:
        """Once the kernel has followed: start what is new."""


class ControlLoop:
    """``run`` it in the event loop, once; ``submit`` commands from there."""

    def __init__(self, state: ClusterState, apply: Callable[[ClusterState], None], follower: Follower) -> None:
        """``apply`` makes the kernel follow; it is called in a thread of its own, never twice at a time."""
        self.state = state
        self.kernel_busy = asyncio.Lock()
        self._apply = apply
        self._follower = follower
        self._followed = -1
        self._problem: MeshnetError | None = None
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._listeners: list[Listener] = []
        self._calm = False

    @staticmethod
    def now() -> int:
        return time.time_ns()

    def submit(self, command: Command) -> ClusterState:
        """Take the step at once; the rest follows. Raises ``UserError`` with everything as it was."""
        self.become(step(self.state, command, self.now()))
        return self.state

    def become(self, state: ClusterState) -> None:
        """Go over to ``state``, a later version, whatever led to it; the rest follows."""
        before, self.state = self.state, state
        self._wake.set()
        self._tell()
        for listener in tuple(self._listeners):
            listener(before, state)

    def report(self, command: Command) -> None:
        """As ``submit``, for what has happened and nobody asked: what the swarm makes of it that can't be done goes to
        the lab's log, and is tried again with the next step."""
        try:
            self.submit(command)
        except MeshnetError:
            traceback.print_exc(file=sys.stderr)
            self._calm = True

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` told of every change; call what is returned to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def changed(self) -> None:
        """Return after the next change, or after the next time the kernel has followed one."""
        await self._progress.wait()

    async def followed(self) -> None:
        """Return once kernel and containers are where the state of this moment has them. Raises what stood in the
        way."""
        version = self.state.version
        while self._followed < version:
            await self._progress.wait()
        if self._problem is not None:
            raise self._problem

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            self._wake.clear()
            state = self.state
            if self._followed != state.version:
                await self._follow(state)
            elif not await self._woken():
                self.report(Tick())

    async def _woken(self) -> bool:
        """Wait for a change; False when what the state waits for has come first."""
        deadline = next_deadline(self.state)
        least = _CALM if self._calm else _SHORTEST
        self._calm = False
        timeout = None if deadline is None else max(least, (deadline - self.now()) / SECOND)
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _follow(self, state: ClusterState) -> None:
        problem: MeshnetError | None = None
        await self._follower.prepare(state)
        async with self.kernel_busy:
            try:
                await asyncio.to_thread(self._apply, state)
            except KernelError as error:
                traceback.print_exc(file=sys.stderr)
                problem = error
        await self._follower.follow(state)
        self._problem = problem
        self._followed = state.version
        self._tell()

    def _tell(self) -> None:
        """Let everybody go on who waits for progress; whoever waits from now on waits for the next."""
        self._progress.set()
        self._progress = asyncio.Event()
