"""Services and tasks in the Engine API's form."""

from __future__ import annotations

from typing import Any

from meshnet.engine_api.instants import written
from meshnet.engine_api.swarm_json import meta_json
from meshnet.model import (
    ClusterState,
    EndpointMode,
    Network,
    PortConfig,
    PublishMode,
    RestartPolicy,
    Service,
    ServiceMode,
    ServiceSpec,
    StoredFile,
    StoredKind,
    Task,
    TaskState,
    UpdateConfig,
    UpdateStatus,
)
from meshnet.model.service import DEFAULT_STOP_GRACE

Json = dict[str, Any]


def service_json(state: ClusterState, service: Service, *, defaults: bool = False, status: bool = False) -> Json:
    """A service. ``defaults`` fills in what its spec doesn't say; ``status`` counts its tasks."""
    shown: Json = {
        "ID": service.id,
        **meta_json(service.meta),
        "Spec": spec_json(state, service.spec, defaults=defaults),
        "Endpoint": _endpoint(service),
    }
    if service.previous is not None:
        shown["PreviousSpec"] = spec_json(state, service.previous, defaults=defaults)
    if service.update_status is not None:
        shown["UpdateStatus"] = _update_status(service.update_status)
    if status:
        shown["ServiceStatus"] = _service_status(state, service)
    return shown


def spec_json(state: ClusterState, spec: ServiceSpec, *, defaults: bool = False) -> Json:
    shown: Json = {
        "Name": spec.name,
        "Labels": dict(spec.labels),
        "TaskTemplate": task_spec_json(state, spec, defaults=defaults),
        "Mode": {"Global": {}} if spec.mode is ServiceMode.GLOBAL else {"Replicated": {"Replicas": spec.replicas}},
        "EndpointSpec": _endpoint_spec(spec.endpoint_mode, spec.ports),
    }
    for key, config in (("UpdateConfig", spec.update), ("RollbackConfig", spec.rollback)):
        if config is not None or defaults:
            shown[key] = _update_config(config or UpdateConfig())
    return shown


def task_spec_json(state: ClusterState, spec: ServiceSpec, *, defaults: bool = False) -> Json:
    shown: Json = {
        "Resources": {},
        **spec.task_extras,
        "ContainerSpec": _container(state, spec, defaults=defaults),
        "Placement": _placement(spec),
        "ForceUpdate": spec.force_update,
        "Runtime": "container",
    }
    if spec.restart is not None or defaults:
        shown["RestartPolicy"] = _restart(spec.restart_policy)
    networks = [_network_target(state, spec, name) for name in spec.networks]
    if networks:
        shown["Networks"] = networks
    return shown


def task_json(state: ClusterState, task: Task) -> Json:
    shown: Json = {
        "ID": task.id,
        **meta_json(task.meta),
        "Labels": {},
        "Spec": task_spec_json(state, task.spec),
        "ServiceID": task.service,
        "Status": _task_status(task),
        "DesiredState": task.desired.name.lower(),
    }
    if task.slot:
        shown["Slot"] = task.slot
    if task.node is not None:
        shown["NodeID"] = task.node
    attached = [_attachment(state.networks[each.network], str(each.address)) for each in task.attachments
                if each.network in state.networks]  # fmt: skip
    if attached:
        shown["NetworksAttachments"] = attached
    return shown


def _container(state: ClusterState, spec: ServiceSpec, *, defaults: bool) -> Json:
    said = {
        "Labels": dict(spec.container_labels),
        "Command": list(spec.command),
        "Args": list(spec.args),
        "Hostname": spec.hostname,
        "Env": list(spec.env),
        "StopSignal": spec.stop_signal,
    }
    shown: Json = {"Image": spec.image, **{key: value for key, value in said.items() if value}, "Isolation": "default"}
    if spec.stop_grace is not None or defaults:
        shown["StopGracePeriod"] = DEFAULT_STOP_GRACE if spec.stop_grace is None else spec.stop_grace
    if defaults:
        shown["DNSConfig"] = {}
    for kind in StoredKind:
        files = [_file(state, file) for file in spec.files if file.kind is kind]
        if files:
            shown[f"{kind.capitalize()}s"] = files
    return {**shown, **spec.container_extras}


def _file(state: ClusterState, file: StoredFile) -> Json:
    stored = next((each for each in state.stored.values() if (each.kind, each.name) == (file.kind, file.source)), None)
    title = file.kind.capitalize()
    return {
        "File": {"Name": file.target, "UID": file.uid, "GID": file.gid, "Mode": file.mode},
        f"{title}ID": stored.id if stored else "",
        f"{title}Name": file.source,
    }


def _placement(spec: ServiceSpec) -> Json:
    shown: Json = {}
    if spec.constraints:
        shown["Constraints"] = list(spec.constraints)
    if spec.preferences:
        shown["Preferences"] = [{"Spread": {"SpreadDescriptor": label}} for label in spec.preferences]
    if spec.max_replicas:
        shown["MaxReplicas"] = spec.max_replicas
    return shown


def _network_target(state: ClusterState, spec: ServiceSpec, name: str) -> Json:
    network = state.network_named(name)
    shown: Json = {"Target": network.id if network else name}
    if name in spec.aliases:
        shown["Aliases"] = list(spec.aliases[name])
    return shown


def _restart(policy: RestartPolicy) -> Json:
    return {
        "Condition": policy.condition,
        "Delay": policy.delay,
        "MaxAttempts": policy.max_attempts,
        **({"Window": policy.window} if policy.window else {}),
    }


def _update_config(config: UpdateConfig) -> Json:
    return {
        "Parallelism": config.parallelism,
        **({"Delay": config.delay} if config.delay else {}),
        "FailureAction": config.failure_action,
        "Monitor": config.monitor,
        "MaxFailureRatio": config.max_failure_ratio,
        "Order": config.order,
    }


def _update_status(status: UpdateStatus) -> Json:
    shown: Json = {"State": status.state, "StartedAt": written(status.started), "Message": status.message}
    if status.completed is not None:
        shown["CompletedAt"] = written(status.completed)
    return shown


def _endpoint_spec(mode: EndpointMode, ports: tuple[PortConfig, ...]) -> Json:
    return {"Mode": mode, **({"Ports": [_port(port) for port in ports]} if ports else {})}


def _endpoint(service: Service) -> Json:
    shown: Json = {"Spec": _endpoint_spec(service.spec.endpoint_mode, service.spec.ports)}
    if service.ports:
        shown["Ports"] = [_port(port) for port in service.ports]
    if service.vips:
        shown["VirtualIPs"] = [{"NetworkID": network, "Addr": str(vip)} for network, vip in service.vips.items()]
    return shown


def _port(port: PortConfig) -> Json:
    return {
        "Protocol": port.protocol,
        "TargetPort": port.target,
        **({"PublishedPort": port.published} if port.published else {}),
        "PublishMode": port.mode,
    }


def _service_status(state: ClusterState, service: Service) -> Json:
    tasks = [task for task in state.tasks.values() if task.service == service.id]
    wanted = sum(1 for task in tasks if task.wanted)
    replicated = service.spec.mode is ServiceMode.REPLICATED
    return {
        "RunningTasks": sum(1 for task in tasks if task.state is TaskState.RUNNING),
        "DesiredTasks": service.spec.replicas if replicated else wanted,
        "CompletedTasks": 0,
    }


def _task_status(task: Task) -> Json:
    shown: Json = {
        "Timestamp": written(task.since),
        "State": task.state.name.lower(),
        "Message": task.message,
        "PortStatus": {},
    }
    if task.error:
        shown["Err"] = task.error
    if task.state >= TaskState.STARTING and task.state is not TaskState.REJECTED and task.node is not None:
        shown["ContainerStatus"] = {
            "ContainerID": task.container,
            "PID": task.pid,
            "ExitCode": task.exit_code or 0,
        }
    own = [_port(port) for port in task.ports if port.mode is PublishMode.HOST and port.published]
    if own and task.state is TaskState.RUNNING:
        shown["PortStatus"] = {"Ports": own}
    return shown


def _attachment(network: Network, address: str) -> Json:
    return {
        "Network": {
            "ID": network.id,
            **meta_json(network.meta),
            "Spec": {
                "Name": network.name,
                "Labels": dict(network.labels),
                "DriverConfiguration": {"Name": "overlay"},
                "Ingress": network.ingress,
                "Attachable": network.attachable,
                "Internal": network.internal,
                "Scope": "swarm",
            },
            "DriverState": {
                "Name": "overlay",
                "Options": {"com.docker.network.driver.overlay.vxlanid_list": str(network.vni)},
            },
            "IPAMOptions": {
                "Driver": {"Name": "default"},
                "Configs": [{"Subnet": str(network.subnet), "Gateway": str(network.gateway)}],
            },
        },
        "Addresses": [address],
    }
