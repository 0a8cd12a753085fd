"""The proxy's process: its start, its end, and changes of its faults."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from labctl.errors import HostError, LabStopped, ReadinessTimeout, SpecError
from labctl.kafka.address import split_address
from labctl.plan.model import LabPlan
from labctl.proxy.faults import Faults, Setting
from labctl.proxy.server import APPLIED, BACKLOG, SETTING, Route, bound_socket, read_setting
from labctl.runtime.base import NodeState
from labctl.runtime.lab_process import LabProcess
from labctl.system.files import file_errors, write_private
from labctl.system.processes import PROXY_ARGUMENT
from labctl.system.waiting import Deadline, NotReady, wait_until

APPLY_SECONDS = 10.0
REMEDY = "free some space, or name another folder in XDG_STATE_HOME"


@dataclass(frozen=True, slots=True)
class BrokerFaults:
    """The faults of the connections to one broker, how many connections there are, and the bytes that they carried."""

    node: str
    faults: Faults
    connections: int
    carried: int


def start_proxy(plan: LabPlan) -> None:
    """Start the lab's proxy, unless it runs or the lab has none. Raises HostError where a port is in use."""
    proxy = _process(plan)
    if not plan.proxied or proxy.running:
        return
    with file_errors(proxy.folder, REMEDY), contextlib.ExitStack() as sockets:
        proxy.folder.mkdir(parents=True, exist_ok=True)
        routes = [(route, sockets.enter_context(_bound(route))) for route in _routes(plan)]
        document = [{"route": asdict(route), "socket": bound.fileno()} for route, bound in routes]
        given = sockets.enter_context(tempfile.TemporaryFile("w+", dir=proxy.folder))
        json.dump(document, given)
        inherited = [bound.fileno() for _route, bound in routes]
        proxy.start("labctl.proxy", str(proxy.folder), stdin=given, sockets=inherited)


def stop_proxy(plan: LabPlan) -> list[str]:
    """End the proxy, forget its faults, and return what was ended. Raises HostError where a file can't be deleted."""
    return _process(plan).stop(SETTING, APPLIED)


def proxy_state(plan: LabPlan) -> NodeState | None:
    """Return the proxy with its memory in bytes; None where the lab has none."""
    return _process(plan).state() if plan.proxied else None


def current_faults(plan: LabPlan) -> Mapping[str, Faults]:
    """Return the faults of each broker by the name of its node. Raises LabStopped where the proxy does not run."""
    _require_running(plan)
    nodes = read_setting(_process(plan).folder).nodes
    return {node.name: nodes.get(node.name, Faults()) for node in plan.brokers}


def change_faults(plan: LabPlan, change: Callable[[Faults], Faults], node: str | None) -> list[BrokerFaults]:
    """Change the faults of one broker, of all where `node` is None; return those of each broker when they are in force.

    Raises SpecError for an unknown broker, LabStopped where the proxy does not run, HostError where a file can't be
    written, ReadinessTimeout where the proxy does not respond.
    """
    now = current_faults(plan)
    if node not in {None, *now}:
        raise SpecError([f"there is no broker {node}; there are {', '.join(now)}"])
    changed = {name: change(faults) if node in {None, name} else faults for name, faults in now.items()}
    report = _set_faults(plan, changed)
    return [
        BrokerFaults(name, faults, report[name]["connections"], report[name]["bytes"])
        for name, faults in changed.items()
    ]


def _set_faults(plan: LabPlan, faults: Mapping[str, Faults]) -> dict[str, Any]:
    process = _require_running(plan)
    folder = _process(plan).folder
    setting = Setting(read_setting(folder).number + 1, faults)
    with file_errors(folder / SETTING, REMEDY):
        write_private(folder / SETTING, json.dumps(setting.to_json()))
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGHUP)
    try:
        return wait_until(
            partial(_applied, folder, setting.number),
            what="the faults in force",
            deadline=Deadline.after(APPLY_SECONDS),
        ).result
    except ReadinessTimeout as error:
        raise ReadinessTimeout(
            error.message, f"read {folder / 'proxy.log'}; labctl up starts the proxy again"
        ) from None


def _applied(folder: Path, number: int) -> dict[str, Any]:
    try:
        document = json.loads((folder / APPLIED).read_text())
    except (OSError, ValueError) as error:
        raise NotReady(str(error)) from error
    if document["number"] != number:
        raise NotReady(f"change {document['number']} is in force")
    nodes: dict[str, Any] = document["nodes"]
    return nodes


def _routes(plan: LabPlan) -> list[Route]:
    own = {node: split_address(plan.host_addresses[node.id]) for node in plan.brokers}
    return [
        Route(node.name, plan.bind, node.listener("EXTERNAL").advertised_port, host, port)
        for node, (host, port) in own.items()
    ]


def _bound(route: Route) -> socket.socket:
    try:
        bound = bound_socket(route.address, route.port)
        bound.listen(BACKLOG)  # a client that connects before the proxy is up waits
    except OSError as error:
        raise HostError(
            f"the proxy of {route.node} can't use port {route.port}: {error.strerror}",
            "end the program that uses it, or set another listeners.external.port in lab.yaml",
            "port-taken",
        ) from None
    return bound


def _require_running(plan: LabPlan) -> psutil.Process:
    running = _process(plan).running
    if not plan.proxied:
        raise LabStopped(
            f"the lab {plan.name} has no proxy that could make faults",
            "set listeners: {external: {faults: true}} in lab.yaml, then labctl down and labctl up",
        )
    if running is None:
        raise LabStopped(f"the proxy of the lab {plan.name} does not run", "labctl up starts it")
    return running


def _process(plan: LabPlan) -> LabProcess:
    return LabProcess("proxy", PROXY_ARGUMENT, plan.state)
