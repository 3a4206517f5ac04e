"""A caller every answer to whom is held against the published description."""

from __future__ import annotations

import json

from meshnet.orchestrator.commands import Command
from tests.engine_api import described
from tests.engine_api.bench import Answer, Bench
from tests.orchestrator.swarms import MANAGER

Json = described.Json


class Checked:
    """Asks the manager, or ``machine``. ``asked`` has every operation that was asked for."""

    def __init__(self, bench: Bench, machine: str = MANAGER) -> None:
        self.bench = bench
        self.asked: set[str] = set()
        self._caller = bench[machine]

    async def ok(self, method: str, path: str, /, body: object = None, **query: object) -> Answer:
        """An answer that is no refusal, and what was asked for."""
        answer = await self._ask(method, path, body, **query)
        assert answer.status < 400, answer
        schema = described.operation(method, path).schema(answer.status)
        if schema is not None and answer.data and answer.headers["Content-Type"] == "application/json":
            for line in answer.data.splitlines():  # of a stream, each
                wrong = described.deviations(schema, json.loads(line))
                assert not wrong, f"{method} {path}: {wrong}"
        return answer

    async def get(self, path: str, /, **query: object) -> Answer:
        return await self.ok("GET", path, **query)

    async def refused(self, status: int, method: str, path: str, /, body: object = None, **query: object) -> str:
        """The sentence of a refusal, which has to have that status and the form of one."""
        answer = await self._ask(method, path, body, **query)
        assert answer.status == status, answer
        return answer.message

    async def made(self, path: str, body: object, /, **query: object) -> str:
        """The id of something new."""
        answer = await self.ok("POST", path, body, **query)
        return str(answer.json.get("ID") or answer.json["Id"])

    def tell(self, *commands: Command) -> None:
        """Have something happen that nobody asks of the API."""
        for command in commands:
            self.bench.engines.submit(command)

    async def _ask(self, method: str, path: str, body: object, /, **query: object) -> Answer:
        self.asked.add(str(described.operation(method, path)))
        return await self._caller.ask(method, path, body, **query)


def service(name: str, *, task: Json | None = None, container: Json | None = None, **more: object) -> Json:
    """A body of ``POST /services/create``."""
    return {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": "busybox", **(container or {})}, **(task or {})},
        **more,
    }


def port(target: int, published: int = 0, **more: object) -> Json:
    return {"TargetPort": target, "PublishedPort": published, **more}


def replicated(count: int) -> Json:
    return {"Replicated": {"Replicas": count}}
