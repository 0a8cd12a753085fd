"""The life of a lab: up, stop, down, reset. Read this first.

lab.yaml is read into a spec. The planner decides everything about it: the plan. The plan is rendered as files, a
runtime starts the nodes, readiness waits for them, checks verify them, and a report says how it went.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from labctl import checks
from labctl.diagnostics.redaction import secrets_in
from labctl.errors import HostError, KafkaFailed, LabError, LabStopped, SpecError
from labctl.kafka.address import split_address
from labctl.kafka.credentials import make_credentials
from labctl.kafka.preferred_leaders import await_preferred_leaders
from labctl.kafka.reset import KeptLogins, reset_kafka
from labctl.lab.changes import Change, find_change
from labctl.lab.contents import (
    add_partitions,
    add_users,
    create_topics,
    require_record_files,
    reset_users,
    write_seed_records,
)
from labctl.lab.ended_brokers import unregister_ended_brokers
from labctl.lab.existing import (
    LOCK_SECONDS,
    ExistingLab,
    answer_seconds,
    connect,
    lab_secrets,
    open_lab,
    overall_state,
    recorded_spec,
    restore_record,
    with_spec,
)
from labctl.lab.export import unpack_export
from labctl.lab.inner_address import with_free_address
from labctl.lab.live_settings import change_settings, settle_settings
from labctl.lab.network_faults import note_faults
from labctl.lab.preflight import refuse_unfit_machine
from labctl.lab.proxied_ports import with_proxied_ports
from labctl.lab.readiness import start_ended_nodes, wait_for_topics, wait_until_ready
from labctl.lab.removal import remove_failed_lab, remove_lab
from labctl.lab.rendered_files import write_rendered_files
from labctl.lab.reporter import Reporter
from labctl.lab.request import LabRequest
from labctl.lab.rolling import roll
from labctl.lab.run_log import RunLog
from labctl.lab.run_report import collect_outcome, reported, write_report
from labctl.lab.saved_lab import load_lab
from labctl.lab.services import emptied_services, restart_connect, service_kinds, wait_for_services
from labctl.lab.unrecorded import end_processes, refuse_containers, refuse_remains
from labctl.lab.verify import run_selected_checks
from labctl.plan.model import LabPlan
from labctl.plan.planner import plan_topics
from labctl.proxy.process import start_proxy, stop_proxy
from labctl.results import RunResult, StepResult
from labctl.runtime.access import find_engine, validate
from labctl.runtime.selection import choose, choose_ui
from labctl.spec.model import LabSpec
from labctl.state.store import (
    CHANGING,
    INCOMPLETE,
    KEPT,
    RESTORING,
    STARTING,
    STOPPED,
    UP,
    LabRecord,
    LabStore,
    refuse_other_source,
)
from labctl.state.work_folders import work_folder
from labctl.system import host, processes
from labctl.system.connected import connected_programs
from labctl.system.processes import ProcessId
from labctl.system.waiting import Deadline
from labctl.webui.page.process import restart_page, start_page, stop_page, wait_for_page, warm_page
from labctl.wording import first_few

PORT_CHOICES = 3  # attempts with other free ports, where another program was faster
LEADERS_SECONDS = 10.0  # for the preferred leaders, without which a cluster works too
OTHER_FROM = "labctl up --from FILE --name OTHER --ports auto creates another lab; or labctl down removes the first"
OTHER_NAME = "labctl run --name OTHER --ports auto … creates another lab beside it"


def up(
    request: LabRequest, store: LabStore, reporter: Reporter, *, keep: bool = False, owner: ProcessId | None = None
) -> RunResult:
    """Bring the lab up, verify it, and return the report. Remove a lab that this call created and that failed.

    A lab with an `owner` lives for that process alone. Free ports that another program took meanwhile are chosen again.
    Raises SpecError, HostError, RuntimeFailed, NodeDied, ReadinessTimeout or KafkaFailed; LabError where another
    version of labctl wrote the lab's record. A failed check is no error: the report's status says it.
    """
    for _ in range(PORT_CHOICES - 1):
        try:
            return _up(request, store, reporter, keep=keep, owner=owner)
        except LabError as error:
            if error.fault != "port-taken" or not request.spec.picks_all_ports or store.load(request.spec.name):
                raise
            reporter.note(f"{error.message}; choosing other ports")
    return _up(request, store, reporter, keep=keep, owner=owner)


def stop(name: str, store: LabStore, reporter: Reporter) -> bool:
    """Stop the nodes, keep the data, and return whether there is such a lab.

    Raises HostError, for example where another labctl holds the lab; RuntimeFailed where the runtime fails; SpecError
    or LabError where the lab's record can't be used.
    """
    with store.locked(name, doing="stop", seconds=LOCK_SECONDS, note=reporter.note):
        if store.load(name) is None:
            return False
        lab = open_lab(name, store, reporter)
        stop_page(lab.plan)
        stop_proxy(lab.plan)
        lab.runtime.stop()
        if lab.record.phase not in INCOMPLETE:
            store.set_phase(lab.record, STOPPED)
        return True


def down(
    name: str, store: LabStore, reporter: Reporter, only_if: Callable[[LabRecord], bool] = lambda _record: True
) -> list[str]:
    """Remove everything of the lab but its reports and lab.yaml, and return what was removed. Safe to repeat.

    `only_if` examines its record when no other labctl can be at work on it. Raises HostError, for example where another
    labctl holds the lab; RuntimeFailed where the runtime fails; SpecError or LabError where its record can't be used.
    """
    with store.locked(name, doing="down", seconds=LOCK_SECONDS, note=reporter.note):
        record = store.load(name)
        if record and not only_if(record):
            return []
        if record:
            removed = remove_lab(open_lab(name, store, reporter).runtime, record, store)
        else:
            refuse_containers(name, store)
            removed = end_processes(name, store)
        if store.remove(name):
            removed.append(f"data of incomplete lab {name}")
        store.sweep()
        return removed


def reset(name: str, store: LabStore, reporter: Reporter) -> dict[str, list[str]]:
    """Empty the running lab without a restart, create its topics again, and return what was removed, by its kind.

    Raises LabStopped where it does not run; KafkaFailed where Kafka refuses, or a program still uses the lab; NodeDied,
    ReadinessTimeout; HostError, RuntimeFailed, SpecError or LabError as `stop`.
    """
    with store.locked(name, doing="reset", seconds=LOCK_SECONDS, note=reporter.note):
        lab = open_lab(name, store, reporter)
        plan = lab.plan
        if (state := lab.state()) != "running":
            raise LabStopped(f"the lab {name} is {state}: only a running lab can be reset", "labctl up starts it")
        require_record_files(plan.topics)
        deadline = Deadline.after(plan.timeout)
        subjects: list[str] = []
        with emptied_services(lab, deadline, subjects), connect(plan, answer=answer_seconds(deadline)) as client:
            security = plan.security
            kept = KeptLogins(security.every_user, security.mechanism, security.acls) if security else None
            removed = reset_kafka(client, deadline, kept, dict(plan.broker_config), lambda: _connected_programs(plan))
            reset_users(plan, client)
            new = create_topics(plan, client)
            if len(new) < len(plan.topics):
                raise KafkaFailed(
                    f"a program created a topic of the lab as soon as it was deleted{_connected_programs(plan)}",
                    "end the programs that produce and consume, then run labctl reset again",
                )
            for _layer in wait_for_topics(plan, lab.runtime, client, deadline):
                pass
            for sentence in write_seed_records(plan, client, new):
                reporter.note(sentence)
        return removed | ({"schema": subjects} if subjects else {})


def _connected_programs(plan: LabPlan) -> str:
    """What a message says of the programs that use the lab; "" where none is known."""
    inside = {(node.address, listener.port) for node in plan.brokers for listener in node.listeners}
    outside = set(map(split_address, plan.host_addresses.values()))
    found = connected_programs(inside | outside, {process.pid for process in processes.servers_of_lab(plan.state)})
    return f"; connected from this machine: {first_few(found)}" if found else ""


# -- the steps of `up` -----------------------------------------------------


def _up(request: LabRequest, store: LabStore, reporter: Reporter, *, keep: bool, owner: ProcessId | None) -> RunResult:
    spec = request.spec
    log = RunLog("up", spec.name, reporter)
    log.hide(secrets_in({key: str(value) for key, value in spec.kafka.config.items()}))
    with (
        reported(log, spec, request.folder, store),
        store.locked(spec.name, doing="up", seconds=spec.timeout, note=reporter.note),
    ):
        record, created = _find_or_create(request, store, log, reporter, owner)
        lab: ExistingLab | None = None
        started = False
        try:
            with log.step("prepare"):
                lab = with_free_address(with_spec(record, spec, reporter), spec, store, reporter)
                lab = with_proxied_ports(lab, spec, store, reporter)
                record = lab.record
                state, idle, change = _prepare(lab, spec, store, log)
            if created and request.export:
                with log.step("data"):
                    started = True
                    record = _load_export(request.export, lab, store, log)
                    lab = replace(lab, record=record)
            deadline = Deadline.after(spec.timeout)
            with log.step("start"):
                if change.settings:
                    for changed in change_settings(lab.plan, change.settings):
                        log.note(f"changed: {changed}")
                record = _write_files(lab, spec, store, CHANGING if change.restarts else record.phase)
                started = True
                if idle:
                    log.note(f"{', '.join(idle)} did not work: connected and resumed")
                    lab.runtime.resume(idle)
                if state == "partly running":
                    unregister_ended_brokers(lab, deadline)
                lab.runtime.up()
                start_proxy(lab.plan)
                start_page(lab.plan, lab.folder)
                log.hide(lab_secrets(lab.plan))
            if change.restarts:
                _restart(lab, log)
                deadline = Deadline.after(spec.timeout)
            _wait_until_ready(lab, log, deadline)
            record = store.set_phase(record, UP)
            _fill_and_check_twice(lab, change, log, deadline)
        except BaseException as error:
            runtime = lab.runtime if lab else None
            artifacts = collect_outcome(log, runtime, error)
            if created and not keep:
                remove_failed_lab(runtime, record, store, log, started=started)
            elif created and record.phase == STARTING:
                with contextlib.suppress(LabError):  # what stopped `up` may stop this too; that must not hide it
                    store.set_phase(record, KEPT)
            write_report(log, spec, Path(record.folder), store, artifacts)
            raise
        return write_report(log, spec, lab.folder, store, collect_outcome(log, lab.runtime))


def _find_or_create(
    request: LabRequest, store: LabStore, log: RunLog, reporter: Reporter, owner: ProcessId | None
) -> tuple[LabRecord, bool]:
    """Return the lab's record, and whether this call created it. What a killed `up` left is removed first."""
    spec = request.spec
    record = store.load(spec.name)
    if record:
        restore_record(record, store, reporter)
    if record and record.phase in {STARTING, KEPT}:
        reporter.note(f"the lab {record.name} is incomplete: removing it first")
        remove_lab(open_lab(record.name, store, reporter).runtime, record, store)
        record = None
    if record:
        if record.phase == RESTORING:
            raise HostError(
                f"a snapshot was being restored in the lab {record.name}, and half of its data may be the snapshot's",
                f"restore one again (labctl snapshot restore NAME), or labctl down --name {record.name}",
            )
        _refuse_other_lab(request, record, owner)
        validate(spec, record.runtime)
        return record, False
    refuse_remains(spec.name, store)
    require_record_files(plan_topics(spec))
    store.sweep()
    runtime, engine = choose(spec)
    validate(spec, runtime)
    reporter.note(f"runtime {runtime.name}, {runtime.reason}")
    engine = engine or find_engine(runtime, spec)
    created = store.create(
        spec,
        source=request.source,
        folder=request.folder,
        runtime=runtime,
        engine=engine,
        ui=choose_ui(spec, runtime, engine.host),
        facts=host.gather(),
        created_at=log.started_at,
        owner=owner,
    )
    return created, True


def _load_export(path: Path, lab: ExistingLab, store: LabStore, log: RunLog) -> LabRecord:
    """Give a new lab the data of an export, and return its record."""
    write_rendered_files(lab)  # containers are created from them
    with work_folder(store.root, "import") as folder:
        saved = unpack_export(path, folder, lab.plan)
        load_lab(saved, lab.plan, lab.runtime)
    log.note(f"{saved.bytes // 2**20} MiB of data from {path}, of the lab {saved.name} ({saved.created_at})")
    return store.save(replace(lab.record, identity=replace(lab.record.identity, kafka_version=saved.kafka_version)))


def _refuse_other_lab(request: LabRequest, record: LabRecord, owner: ProcessId | None) -> None:
    """Raise SpecError where the existing lab is not the one that was requested."""
    if request.export:
        raise SpecError([f"the lab {record.name} exists already, and has data of its own"], OTHER_FROM)
    refuse_other_source(record, request.source)
    if owner and not record.belongs_to(owner):
        raise SpecError([f"the lab {record.name} exists already, and does not belong to this run"], OTHER_NAME)
    if request.spec.runtime not in {"auto", record.runtime.name}:
        raise SpecError(
            [f"the lab {record.name} runs in the runtime {record.runtime.name}, not {request.spec.runtime}"],
            f"run labctl down --name {record.name}, then labctl up again",
        )


def _prepare(lab: ExistingLab, spec: LabSpec, store: LabStore, log: RunLog) -> tuple[str, list[str], Change]:
    """Refuse what can't work, then download or pull, and create the credentials.

    Return the lab's state, the nodes that run and do not work, and what lab.yaml changes.
    """
    log.plan = lab.plan
    note_faults(lab, log.note)
    states = lab.runtime.nodes()
    state = overall_state(states)
    change = find_change(lab, spec, states)
    if state == "stopped":
        stop_proxy(lab.plan)  # it may be there where somebody else ended the nodes, and so may services
        if lab.plan.services:
            lab.runtime.stop([service.name for service in lab.plan.services])
    refuse_unfit_machine(spec, lab, store, state)
    earlier = recorded_spec(lab.record).kafka.version
    if earlier != spec.kafka.version:
        log.note(f"the lab {spec.name} ran Kafka {earlier}, and runs Kafka {spec.kafka.version} from now on")
    lab.runtime.prepare()
    make_credentials(lab.plan, renew=state == "stopped")
    log.hide(lab_secrets(lab.plan))
    return state, [node.name for node in states if node.hindrance], change


def _write_files(lab: ExistingLab, spec: LabSpec, store: LabStore, phase: str) -> LabRecord:
    """Write the rendered files, for the nodes and for people, and return the record with the spec of this `up`."""
    write_rendered_files(lab)
    return store.save(replace(lab.record, spec=spec.model_dump(mode="json"), phase=phase))


def _restart(lab: ExistingLab, log: RunLog) -> None:
    """Start each node again with the files that are written, while the others work."""
    with log.step("restart"):
        for name, seconds in roll(lab):
            log.add(StepResult(f"restart: {name}", "passed", seconds, detail="has the new settings"))
            log.note(f"restarted {name} ({seconds:.1f} s)")
        restart_connect(lab, Deadline.after(lab.plan.timeout))
    restart_page(lab.plan, lab.folder)


def _wait_until_ready(lab: ExistingLab, log: RunLog, deadline: Deadline) -> None:
    with connect(lab.plan, seconds=1) as client, log.step("ready"):
        for layer in wait_until_ready(lab.plan, lab.runtime, client, deadline):
            log.add(layer)
    warm_page(lab.plan)


def _fill_and_check_twice(lab: ExistingLab, change: Change, log: RunLog, deadline: Deadline) -> None:
    """Fill and check the lab; again where it failed because a node ended that this `up` did not start."""
    try:
        _fill_and_check(lab, change, log, deadline)
    except KafkaFailed:
        if not start_ended_nodes(lab.runtime):
            raise
    else:
        if log.status == "passed" or not start_ended_nodes(lab.runtime):
            return
    log.begin_again()
    _wait_until_ready(lab, log, deadline)
    _fill_and_check(lab, change, log, deadline)


def _fill_and_check(lab: ExistingLab, change: Change, log: RunLog, deadline: Deadline) -> None:
    plan = lab.plan
    with connect(plan, answer=answer_seconds(deadline)) as client:
        with log.step("topics"):
            add_users(plan, client)
            new = create_topics(plan, client)
            for changed in [*add_partitions(plan, client, new), *settle_settings(plan, change, new, client)]:
                log.note(f"changed: {changed}")
            client.create_internal_topics()
            for layer in wait_for_topics(plan, lab.runtime, client, deadline):
                log.add(layer)
            if len(plan.brokers) > 1:  # brokers that start one after another lead what they find without a leader
                await_preferred_leaders(client, deadline.within(LEADERS_SECONDS))
            for sentence in write_seed_records(plan, client, new):
                log.note(sentence)
        if plan.services:
            with log.step("services"):
                for layer in wait_for_services(plan, lab.runtime, deadline):
                    log.add(layer)
        run_selected_checks(log, lab, client, checks.selected(plan.checks, services=service_kinds(plan)), deadline)
    wait_for_page(plan)
