"""Several Compose files as one: what a later one says counts, as ``docker stack deploy -c A -c B`` has it.

Mappings are joined key by key, single values and commands replaced, lists of constraints joined, and a port takes the
place of one that is published under the same number.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel

from meshnet.compose.schema import NetworkFile, PortFile, ServiceFile, StackFile

Model = TypeVar("Model", bound=BaseModel)


def merge(earlier: StackFile, later: StackFile) -> StackFile:
    """``earlier`` with what ``later`` says over it."""
    services = dict(earlier.services)
    for name, service in later.services.items():
        services[name] = _services(services[name], service) if name in services else service
    networks: dict[str, NetworkFile] = dict(earlier.networks)
    for name, network in later.networks.items():
        networks[name] = _models(networks[name], network) if name in networks else network
    return StackFile.model_construct(
        version=later.version or earlier.version,
        name=later.name or earlier.name,
        services=services,
        networks=networks,
        configs={**earlier.configs, **later.configs},
        secrets={**earlier.secrets, **later.secrets},
    )


def _services(earlier: ServiceFile, later: ServiceFile) -> ServiceFile:
    constraints = [*earlier.deploy.placement.constraints]
    constraints += [one for one in later.deploy.placement.constraints if one not in constraints]
    merged = _models(earlier, later)
    placement = merged.deploy.placement.model_copy(update={"constraints": constraints})
    deploy = merged.deploy.model_copy(update={"placement": placement})
    return merged.model_copy(update={"deploy": deploy, "ports": _ports(earlier.ports, later.ports)})


def _models(earlier: Model, later: Model) -> Model:
    """Field by field, as far as the later file has the field at all."""
    update: dict[str, object] = {}
    for name in later.model_fields_set:
        before, after = getattr(earlier, name), getattr(later, name)
        if isinstance(before, dict) and isinstance(after, dict):
            update[name] = {**before, **{key: _values(before.get(key), value) for key, value in after.items()}}
        else:
            update[name] = _values(before, after)
    return earlier.model_copy(update=update)


def _values(before: object, after: object) -> object:
    both = isinstance(before, BaseModel) and isinstance(after, BaseModel) and type(before) is type(after)
    return _models(before, after) if both else after  # type: ignore[type-var]


def _ports(earlier: list[PortFile], later: list[PortFile]) -> list[PortFile]:
    replaced = {(port.published, port.protocol) for port in later if port.published}
    return [*(port for port in earlier if (port.published, port.protocol) not in replaced), *later]
