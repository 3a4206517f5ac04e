"""The ``deploy`` section of a Compose service: how many tasks, where, and how they are restarted and replaced."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from meshnet.compose import values
from meshnet.compose.strict import Strict
from meshnet.errors import InputError
from meshnet.model import (
    Constraint,
    FailureAction,
    RestartCondition,
    RestartPolicy,
    UpdateConfig,
    UpdateOrder,
)
from meshnet.model.constraint import LABELS


class PreferenceFile(Strict):
    spread: str

    @field_validator("spread")
    @classmethod
    def _label(cls, spread: str) -> str:
        if not spread.startswith(LABELS):
            raise ValueError(f"tasks are spread over {' or '.join(f'{prefix}<label>' for prefix in LABELS)}")
        return spread


class PlacementFile(Strict):
    constraints: list[str] = []
    preferences: list[PreferenceFile] = []
    max_replicas_per_node: Annotated[int, Field(ge=0)] = 0

    @field_validator("constraints")
    @classmethod
    def _constraints(cls, constraints: list[str]) -> list[str]:
        for constraint in constraints:
            try:
                Constraint.parse(constraint)
            except InputError as error:
                raise ValueError(str(error)) from error
        return constraints


class RestartPolicyFile(Strict):
    condition: Literal["none", "on-failure", "any"] = "any"
    delay: values.Duration = RestartPolicy().delay
    max_attempts: Annotated[int, Field(ge=0)] = 0
    window: values.Duration = 0

    def policy(self) -> RestartPolicy:
        return RestartPolicy(RestartCondition(self.condition), self.delay, self.max_attempts, self.window)


class UpdateConfigFile(Strict):
    parallelism: Annotated[int, Field(ge=0)] = 1
    delay: values.Duration = 0
    failure_action: Literal["pause", "continue", "rollback"] = "pause"
    monitor: values.Duration = UpdateConfig().monitor
    max_failure_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    order: Literal["stop-first", "start-first"] = "stop-first"

    def config(self) -> UpdateConfig:
        return UpdateConfig(
            parallelism=self.parallelism,
            delay=self.delay,
            failure_action=FailureAction(self.failure_action),
            monitor=self.monitor,
            max_failure_ratio=self.max_failure_ratio,
            order=UpdateOrder(self.order),
        )


class RollbackConfigFile(UpdateConfigFile):
    """As an update's, but there is nothing to roll a rollback back to."""

    failure_action: Literal["pause", "continue"] = "pause"


class DeployFile(Strict):
    mode: Literal["replicated", "global"] = "replicated"
    replicas: Annotated[int | None, Field(ge=0)] = None
    endpoint_mode: Literal["vip", "dnsrr"] = "vip"
    placement: PlacementFile = PlacementFile()
    labels: values.Pairs = {}
    restart_policy: RestartPolicyFile | None = None
    update_config: UpdateConfigFile | None = None
    rollback_config: RollbackConfigFile | None = None

    @model_validator(mode="after")
    def _counted(self) -> DeployFile:
        if self.mode == "global" and self.replicas is not None:
            raise ValueError("replicas go with mode replicated; a global service has a task on every node")
        return self
