"""The plan of a lab that may not exist yet."""

from __future__ import annotations

import uuid
from dataclasses import replace

from labctl.constants import CONTROLLER_PORT, INTERNAL_PORT
from labctl.kafka_ids import encoded_id
from labctl.lab.request import LabRequest
from labctl.plan.model import NO_ENGINE, PAGE_ADDRESS, Decision, EngineFacts, Identity, LabPlan
from labctl.plan.planner import make_plan
from labctl.runtime.access import find_engine, validate
from labctl.runtime.selection import REQUESTED, choose, choose_ui
from labctl.runtime_traits import RUNTIMES
from labctl.spec.model import LabSpec
from labctl.state.identity import service_ports
from labctl.state.store import LabStore
from labctl.system import host
from labctl.system.ports import free_ports

PREVIEW = uuid.UUID("8a5b9d6e-6c1f-4c3e-9b57-2f4f6a0c7d11")  # namespace of the cluster ids below
PREVIEW_LOOPBACK = "127.77.0"


def preview_plan(request: LabRequest, store: LabStore) -> LabPlan:
    """Return the lab's plan: with its identity where it exists, else with a constant identity.

    Raises SpecError; HostError where there are no free ports, or where a swarm can't be asked which nodes it has.
    """
    spec = request.spec
    record = store.load(spec.name)
    if record and record.source == request.source:
        same = spec.runtime in {"auto", record.runtime.name}
        runtime = record.runtime if same else Decision(spec.runtime, REQUESTED)
        validate(spec, runtime)
        identity = record.identity
        if not same:  # the machines of a swarm are those of its own lab
            identity = replace(identity, places=_swarm(runtime, spec).places)
        return make_plan(spec, runtime, host.gather(), identity)
    external = spec.listeners.external
    runtime, found = choose(spec, ask_registry=False)
    validate(spec, runtime)
    engine = found or _swarm(runtime, spec)
    identity = Identity(
        cluster_id=encoded_id(uuid.uuid5(PREVIEW, str(request.folder))),
        state=str(store.lab_folder(spec.name)),
        loopback=PREVIEW_LOOPBACK,
        internal_port=INTERNAL_PORT,
        controller_port=CONTROLLER_PORT,
        external_port=free_ports(external.bind, spec.kafka.brokers) if external.port == "auto" else external.port,
        ui_port=free_ports(PAGE_ADDRESS, 1) if spec.ui.port == "auto" else spec.ui.port,
        service_ports=tuple(service_ports(spec).items()),
        engine_host=engine.host,
        engine_kind=engine.kind,
        places=engine.places,
        ui=choose_ui(spec, runtime, engine.host, ask_registry=False),
    )
    return make_plan(spec, runtime, host.gather(), identity)


def _swarm(runtime: Decision, spec: LabSpec) -> EngineFacts:
    """The swarm, whose nodes are part of the plan; no other engine is asked for a preview."""
    return find_engine(runtime, spec) if RUNTIMES[runtime.name].in_swarm else NO_ENGINE
