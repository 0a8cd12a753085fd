"""The story of a lab: up, check, stop, down. Read this first.

lab.yaml is read into a spec, decided into a plan, printed as files, started by a runtime, waited for until ready,
questioned by checks, and told in a report.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labctl import checks, host, processes
from labctl.aftermath import look_back, reported, write_report
from labctl.checks.base import CheckContext, SecureLab
from labctl.client_config import read_client_config
from labctl.credentials import library_settings, make_credentials, page_key, password, secrets_of
from labctl.doctor import refuse_unfit
from labctl.errors import KafkaFailed, LabError, LabStopped, SpecError
from labctl.files import write_files
from labctl.kafka_client import REQUEST_SECONDS, KafkaClient, answers
from labctl.kafkadist.node import lab_mark
from labctl.kraft import node_settings
from labctl.page.process import page_mark, page_runs, start_page, stop_page, wait_for_page, wake_page
from labctl.plan import Choice, LabPlan, image_name, make_plan, plan_topics, refuse_too_little_memory
from labctl.pristine import empty
from labctl.processes import ProcessId
from labctl.readiness import wait_for_topics, wait_until_ready
from labctl.redaction import secrets_in
from labctl.render import COMPOSE_FILE, render
from labctl.results import RunResult
from labctl.runlog import RunLog, Say
from labctl.runtime import choose, choose_ui, find_engine, open_container, open_runtime, validate
from labctl.runtime.base import NodeState, Runtime
from labctl.security import ca_file, secrets_inside
from labctl.spec import LabSpec, default_spec
from labctl.store import LabRecord, LabStore, refuse_other_source
from labctl.waiting import Deadline

LOCK_SECONDS = 60
# ten labs that start at once leave one client little of the machine
CONNECT_SECONDS = 10
ANSWER_SECONDS = 30.0
PORT_CHOICES = 3
OTHER_NAME = "labctl run --name OTHER --ports auto … makes one beside it"


@dataclass(frozen=True, slots=True)
class Wish:
    """The lab that a command is about: its spec, lab.yaml's path ("": built in), and the folder for its files."""

    spec: LabSpec
    source: str
    folder: Path


def up(wish: Wish, store: LabStore, say: Say, *, keep: bool = False, owner: ProcessId | None = None) -> RunResult:
    """Bring the lab up, prove that it works, and report. A lab that this call made and that fails is taken away.

    A lab with an `owner` lives for that process alone. Free ports that another program took meanwhile are chosen again.
    """
    for _ in range(PORT_CHOICES - 1):
        try:
            return _up(wish, store, say, keep=keep, owner=owner)
        except LabError as error:
            if error.fault != "port-taken" or not wish.spec.picks_all_ports or store.load(wish.spec.name):
                raise
            say.note(f"{error.message}; choosing other ports")
    return _up(wish, store, say, keep=keep, owner=owner)


def _up(wish: Wish, store: LabStore, say: Say, *, keep: bool, owner: ProcessId | None) -> RunResult:
    log = RunLog("up", wish.spec.name, say)
    log.hide(secrets_in({key: str(value) for key, value in wish.spec.kafka.config.items()}))
    with (
        reported(log, wish.spec, wish.folder, store),
        store.locked(wish.spec.name, doing="up", seconds=wish.spec.timeout, note=say.note),
    ):
        record, made_here = _find_or_make(wish, store, log, say, owner)
        folder = Path(record.folder)
        runtime: Runtime | None = None
        begun = False
        try:
            with log.step("prepare"):
                plan = log.plan = _plan(wish.spec, record)
                runtime = open_runtime(plan, folder, say)
                seen = state(runtime.nodes())
                _refuse_changes(plan, record, seen)
                refuse_unfit(wish.spec, store)
                if seen == "stopped":
                    _look_before(plan)
                runtime.prepare()
                make_credentials(plan, renew=seen == "stopped")
                log.hide(secrets_of(plan))
            deadline = Deadline.after(wish.spec.timeout)
            with log.step("start"):
                _write_files(plan, folder)
                record = store.save(replace(record, spec=wish.spec.model_dump(mode="json")))
                begun = True
                runtime.up()
                start_page(plan, folder)
            with connect(plan, seconds=1) as client, log.step("ready"):
                for layer in wait_until_ready(plan, runtime, client, deadline):
                    log.add(layer)
            wake_page(plan)
            record = store.set_phase(record, "up")
            with connect(plan, answer=_patience(deadline)) as client:
                with log.step("topics"):
                    _let_users_in(plan, client)
                    new = _make_topics(plan, client)
                    client.wake_coordinators()
                    for layer in wait_for_topics(plan, runtime, client, deadline):
                        log.add(layer)
                    _write_first_records(plan, client, new)
                _check(log, plan, runtime, client, checks.selected(plan.checks), deadline)
            wait_for_page(plan)
        except BaseException as error:
            traces = look_back(log, runtime, error)
            if made_here and not keep:
                _take_failed_away(runtime, record, store, log, begun=begun)
            elif made_here and record.phase == "starting":
                with contextlib.suppress(LabError):  # what stopped `up` may stop this too; it must not hide it
                    store.set_phase(record, "kept")
            write_report(log, wish.spec, folder, store, traces)
            raise
        return write_report(log, wish.spec, folder, store, look_back(log, runtime))


def check(name: str, store: LabStore, say: Say, names: Sequence[str], kind: str) -> RunResult:
    """The checks alone, on a running lab."""
    wanted = checks.selected(kind, names)
    with store.locked(name, doing="check", seconds=LOCK_SECONDS, note=say.note):
        record, plan, runtime = open_lab(name, store, say)
        spec, folder = spec_of(record), Path(record.folder)
        log = RunLog("check", name, say)
        log.plan = plan
        log.hide([*secrets_of(plan), *secrets_in(dict(plan.broker_config))])
        with reported(log, spec, folder, store):
            deadline = Deadline.after(plan.timeout)
            if state(runtime.nodes()) == "stopped":
                raise LabStopped(f"the lab {name} is stopped", "labctl up starts it")
            with connect(plan, answer=_patience(deadline)) as client:
                _check(log, plan, runtime, client, wanted, deadline)
        return write_report(log, spec, folder, store, look_back(log, runtime))


def check_foreign(
    bootstrap: str,
    folder: Path,
    store: LabStore,
    say: Say,
    names: Sequence[str],
    expected: LabSpec | None,
    container: str | None = None,
    client_config: Path | None = None,
) -> RunResult:
    """What can be asked of a Kafka that somebody else started: from outside, and inside where `container` is named.

    `client_config` is a client's file that lets labctl in; reports go to `folder`. Raises SpecError where it can't.
    """
    wanted = checks.selected("full", names)
    settings = read_client_config(client_config) if client_config else {}
    log = RunLog("check", bootstrap, say)
    log.bootstrap = bootstrap
    log.hide([settings[key] for key in ("sasl_plain_password", "ssl_password") if settings.get(key)])
    spec = expected or default_spec()
    seconds = min(ANSWER_SECONDS, spec.timeout)
    with (
        reported(log, spec, folder, store),
        KafkaClient(bootstrap, settings, connect=CONNECT_SECONDS, seconds=seconds) as client,
    ):
        with log.step("connect"):
            refusal = next((why for one in bootstrap.split(",") if (why := answers(one))), None)
            if refusal:
                raise LabStopped(
                    f"no Kafka to check: {refusal}", "is it started, and is that port published on this machine?"
                )
            brokers = len(_let_in(client, client_config))
            inside = _look_inside(container, bootstrap) if container else {"no_tool": "no --container was named"}
        context = CheckContext(
            run=checks.new_run(),
            bootstrap=bootstrap,
            client=client,
            seconds=seconds,
            copies=min(3, brokers),
            topics=plan_topics(expected) if expected else None,
            **inside,
        )
        with log.step("checks"):
            began = time.monotonic()
            log.add_checks(checks.run_checks(context, wanted), began)
        with contextlib.suppress(KafkaFailed):
            log.saw_topics({} if expected is None else client.topics([topic.name for topic in plan_topics(expected)]))
    return write_report(log, spec, folder, store, None)


def reset(name: str, store: LabStore, say: Say) -> list[str]:
    """A pristine lab without a restart: what was in it is gone, the plan's topics are made anew. What was removed."""
    with store.locked(name, doing="reset", seconds=LOCK_SECONDS, note=say.note):
        _record, plan, runtime = open_lab(name, store, say)
        if (seen := state(runtime.nodes())) != "running":
            raise LabStopped(f"the lab {name} is {seen}: only a running one can be emptied", "labctl up starts it")
        deadline = Deadline.after(plan.timeout)
        with connect(plan, answer=_patience(deadline)) as client:
            removed = empty(client, deadline)
            new = _make_topics(plan, client)
            if len(new) < len(plan.topics):
                raise KafkaFailed(
                    "a topic of the lab was made by another program as soon as it was deleted",
                    "end the programs that produce and consume, then labctl reset again",
                )
            for _layer in wait_for_topics(plan, runtime, client, deadline):
                pass
            _write_first_records(plan, client, new)
        return removed


def stop(name: str, store: LabStore, say: Say) -> bool:
    """Stop the nodes and keep the data; False where there is no such lab."""
    with store.locked(name, doing="stop", seconds=LOCK_SECONDS, note=say.note):
        if store.load(name) is None:
            return False
        record, plan, runtime = open_lab(name, store, say)
        stop_page(plan)
        runtime.stop()
        store.set_phase(record, "stopped")
        return True


def down(
    name: str, store: LabStore, say: Say, only_if: Callable[[LabRecord], bool] = lambda _record: True
) -> list[str]:
    """Take everything of the lab away; what was removed. Reports and lab.yaml stay. Safe to repeat.

    `only_if` is asked of its record once nobody else can be at work on it.
    """
    with store.locked(name, doing="down", seconds=LOCK_SECONDS, note=say.note):
        record = store.load(name)
        if record and not only_if(record):
            return []
        runtime = open_lab(name, store, say)[2] if record else None
        removed = _take_away(runtime, record, store) if record else _end_strays(store.lab_folder(name))
        if store.remove(name):
            removed.append(f"data of half-made lab {name}")
        store.sweep()
        return removed


def open_lab(name: str, store: LabStore, say: Say) -> tuple[LabRecord, LabPlan, Runtime]:
    """The lab as it was made. Raises LabStopped where there is none."""
    record = store.load(name)
    if record is None:
        raise LabStopped(f"there is no lab {name}", "labctl ls lists the labs there are, labctl up makes one")
    plan = _plan(spec_of(record), record)
    return record, plan, open_runtime(plan, Path(record.folder), say)


def spec_of(record: LabRecord) -> LabSpec:
    """The lab's spec as it was last brought up. Raises LabError where another version of labctl wrote it."""
    try:
        return LabSpec.model_validate(record.spec)
    except ValueError as error:
        raise LabError(
            f"the lab {record.name} was made by another version of labctl, which says: {error}",
            "take it away with that version",
        ) from None


def plan_in_docker(record: LabRecord) -> LabPlan:
    """The same lab, planned for the compose runtime."""
    return make_plan(spec_of(record), Choice("compose", "the same lab in Docker"), host.gather(), record.identity)


def state(states: list[NodeState]) -> str:
    """running, partly running or stopped."""
    running = sum(one.state == "running" for one in states)
    return "running" if running == len(states) else "partly running" if running else "stopped"


# -- the parts of the story ------------------------------------------------


def _find_or_make(
    wish: Wish, store: LabStore, log: RunLog, say: Say, owner: ProcessId | None
) -> tuple[LabRecord, bool]:
    """The lab's record, and whether this call made it. What a killed `up` left half-made is taken away first."""
    record = store.load(wish.spec.name)
    if record and record.phase in {"starting", "kept"}:
        say.note(f"the lab {record.name} was left half-made: taking it away first")
        _take_away(open_lab(record.name, store, say)[2], record, store)
        record = None
    if record:
        refuse_other_source(record, wish.source)
        if owner and not record.belongs_to(owner):
            raise SpecError([f"the lab {record.name} is there already, and is not this run's own"], OTHER_NAME)
        if wish.spec.runtime not in {"auto", record.runtime.name}:
            raise SpecError(
                [f"the lab {record.name} runs in the runtime {record.runtime.name}, not {wish.spec.runtime}"],
                f"labctl down --name {record.name}, then up again",
            )
        validate(wish.spec, record.runtime)
        return record, False
    facts = host.gather()
    runtime = choose(wish.spec.runtime, image_name(wish.spec), pull=wish.spec.kafka.pull)
    validate(wish.spec, runtime)
    say.note(f"runtime {runtime.name}, {runtime.reason}")
    engine, engine_host = find_engine(runtime)
    made = store.create(
        wish.spec,
        source=wish.source,
        folder=wish.folder,
        runtime=runtime,
        engine=engine,
        engine_host=engine_host,
        ui=choose_ui(wish.spec, runtime, engine_host),
        facts=facts,
        created_at=log.started_at,
        owner=owner,
    )
    return made, True


def connect(plan: LabPlan, seconds: float = CONNECT_SECONDS, answer: float = REQUEST_SECONDS) -> KafkaClient:
    """A client of the lab for labctl itself; `seconds` for one attempt to connect, `answer` for one answer."""
    return KafkaClient(plan.published, library_settings(plan), connect=seconds, seconds=answer)


def _patience(deadline: Deadline) -> float:
    """How long one answer may take, in seconds."""
    return min(ANSWER_SECONDS, max(1.0, deadline.left))


def _plan(spec: LabSpec, record: LabRecord) -> LabPlan:
    return make_plan(spec, record.runtime, host.gather(), record.identity)


def _refuse_changes(plan: LabPlan, record: LabRecord, seen: str) -> None:
    """A lab keeps its nodes, one `seen` running its settings too. Raises SpecError where lab.yaml has others."""
    made = _plan(spec_of(record), record)
    if made.node_names != plan.node_names:
        had, wanted = ", ".join(made.node_names), ", ".join(plan.node_names)
        raise SpecError(
            [f"the lab {plan.name} has the nodes {had}, and would have {wanted}"],
            f"labctl down --name {plan.name} takes it away with its data; then up again",
        )
    if record.phase != "up" or seen == "stopped":
        return
    before, now, folder = render(made), render(plan), Path(record.folder)
    changed = [path for path in now if now[path] != before.get(path) or _read(folder / path) not in {now[path], None}]
    if changed:
        raise SpecError(
            [f"the lab {plan.name} is running with other settings than lab.yaml has now ({', '.join(changed)})"],
            f"labctl stop --name {plan.name} keeps the data, labctl down --name {plan.name} does not; then up again",
        )


def _look_before(plan: LabPlan) -> None:
    """What would stop the lab is found before anything is started."""
    if not plan.engine_host:
        host.refuse_taken_ports(plan, page_too=plan.ui.kind == "page" and not page_runs(plan))
        host.refuse_full_disk(Path(plan.state))
        refuse_too_little_memory(plan, host.gather())


def _write_files(plan: LabPlan, folder: Path) -> None:
    """Write what is rendered. Raises HostError."""
    # a container's user reads mounted settings; no secret is in them
    write_files(render(plan), folder, "start labctl in a folder of yours, or mend this one", mode=0o644)


def _let_users_in(plan: LabPlan, client: KafkaClient) -> None:
    """The users are in the storage from its making; lab.yaml may have more since."""
    if plan.security:
        client.add_users({user: password(plan, user) for user in plan.security.users})
        client.create_acls(plan.security.acls)


def _make_topics(plan: LabPlan, client: KafkaClient) -> list[str]:
    """The plan's topics; which are new."""
    return client.create_topics(
        {one.name: (one.partitions, one.replication_factor, dict(one.config)) for one in plan.topics}
    )


def _write_first_records(plan: LabPlan, client: KafkaClient, new: Sequence[str]) -> None:
    """The first records of topics that never had any.

    A topic that is not `new` may be without: a program that was quicker made it by asking for it, or a labctl that was
    killed did.
    """
    wanted = [topic for topic in plan.topics if topic.records]
    found = client.topics([topic.name for topic in wanted if topic.name not in new])
    ranges = client.ranges({name: range(len(partitions)) for name, partitions in found.items()})
    for topic in wanted:
        if not any(end for _first, end in ranges.get(topic.name, {}).values()):
            client.produce(topic.name, [(None, record.encode()) for record in topic.records], partition=0)


def _check(
    log: RunLog,
    plan: LabPlan,
    runtime: Runtime,
    client: KafkaClient,
    wanted: list[checks.Check],
    deadline: Deadline,
) -> None:
    if wanted:
        context = check_context(plan, runtime, client, deadline)
        with log.step("checks"):
            began = time.monotonic()
            log.add_checks(checks.run_checks(context, wanted), began)
    with contextlib.suppress(KafkaFailed):  # a Kafka that doesn't answer any more: its checks say so
        log.saw_topics(client.topics([topic.name for topic in plan.topics]))


def check_context(plan: LabPlan, runtime: Runtime, client: KafkaClient, deadline: Deadline) -> CheckContext:
    """What a check of the lab is given."""
    node = plan.brokers[0].name
    return CheckContext(
        run=checks.new_run(),
        bootstrap=plan.external,
        client=client,
        seconds=_patience(deadline),
        own=True,
        kafka_version=plan.kafka_version,
        cluster_id=plan.cluster_id,
        voters=frozenset(voter.id for voter in plan.voters),
        topics=plan.topics,
        inside=plan.internal,
        lab=plan.name,
        page=plan.ui.url,
        page_kind=plan.ui.kind,
        page_key=page_key(plan) if plan.ui.url else None,
        no_ui=plan.ui.reason,
        tool=lambda argv, stdin, seconds: runtime.exec(node, argv, stdin, seconds),
        copies=plan.internal_copies,
        outage=lambda broker: _outage(plan, runtime, broker),
        secure=secure_lab(plan, _patience(deadline)),
    )


def secure_lab(plan: LabPlan, seconds: float) -> SecureLab | None:
    """What the checks need to know of a lab with security; its users' clients wait `seconds` for an answer."""
    if plan.security is None:
        return None
    users = {user: library_settings(plan, user) for user in plan.security.users}
    return SecureLab(
        plan=plan.security,
        doors={node.id: address for node, address in zip(plan.brokers, plan.published.split(","), strict=True)},
        controllers=tuple(f"{node.name}:{node.listener('CONTROLLER').port}" for node in plan.voters),
        secrets=secrets_inside(plan, plan.brokers[0]),
        ca=ca_file(plan),
        passwords={user: password(plan, user) for user in users},
        clients={
            user: KafkaClient(plan.published, settings, connect=CONNECT_SECONDS, seconds=seconds)
            for user, settings in users.items()
        },
        settings={node.id: node_settings(plan, node, "") for node in plan.brokers},
    )


@contextlib.contextmanager
def _outage(plan: LabPlan, runtime: Runtime, broker: int) -> Iterator[None]:
    """The broker with the id `broker` is stopped, and comes back in any case."""
    try:
        runtime.stop([node.name for node in plan.brokers if node.id == broker])
        yield
    finally:
        runtime.up()


def _let_in(client: KafkaClient, client_config: Path | None) -> dict[int, str]:
    """The brokers of a Kafka that somebody else started. Raises KafkaFailed where its door does not open."""
    try:
        return client.advertised()
    except KafkaFailed as error:
        what = (
            f"do protocol, mechanism, user, password and CA in {client_config} fit that door?"
            if client_config
            else "does that door ask for TLS or a log-in? --client-config FILE names what it asks for"
        )
        raise KafkaFailed(error.message, what) from error


def _look_inside(name: str, bootstrap: str) -> dict[str, Any]:
    """What a check needs for the inside of a container that somebody else started."""
    container = open_container(name)
    version = container.kafka_version()
    if version is None:
        return {"no_tool": f"the container {name} has no Kafka in /opt/kafka"}
    address, protocol = container.inside_door(bootstrap)
    if protocol != "PLAINTEXT":
        return {"no_tool": f"the door {address} inside {name} is {protocol}, and no client's file is known there"}
    return {"tool": container.exec, "inside": address, "kafka_version": version}


def _take_away(runtime: Runtime | None, record: LabRecord, store: LabStore) -> list[str]:
    removed = runtime.down() if runtime else []
    removed += stop_page(_plan(spec_of(record), record))
    for path in Path(record.folder).glob("*/server.properties"):
        shutil.rmtree(path.parent, ignore_errors=True)
    with contextlib.suppress(OSError):  # a folder that is not the user's any more must not keep the lab here
        (Path(record.folder) / COMPOSE_FILE).unlink(missing_ok=True)
    if store.remove(record.name):
        removed.append(f"data of lab {record.name}")
    return removed


def _end_strays(folder: Path) -> list[str]:
    """End the processes of a lab in `folder` whose record can't be read; which ones."""
    if not folder.exists():
        return []
    strays = [one for mark in (lab_mark, page_mark) for one in processes.with_argument(mark(str(folder)))]
    processes.kill(strays)
    return [f"process {one.pid}" for one in strays]


def _take_failed_away(runtime: Runtime | None, record: LabRecord, store: LabStore, log: RunLog, *, begun: bool) -> None:
    """What stopped `up` may stop this too; it must not hide it."""
    try:
        _take_away(runtime, record, store)
    except LabError as error:
        if begun:
            log.note(f"not all of it could be taken away: {error.message}; try: labctl down --name {record.name}")
        else:
            store.remove(record.name)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
