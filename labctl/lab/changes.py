"""What a changed lab.yaml means for a lab: what Kafka changes, what needs a restart of its nodes, what can't change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labctl.errors import SpecError
from labctl.kafka.broker_settings import node_settings
from labctl.kafka.client import ALL_BROKERS
from labctl.lab.existing import QUORUM_SECONDS, ExistingLab, connect, overall_state, planned, recorded_spec
from labctl.plan.model import LabPlan
from labctl.runtime.access import render
from labctl.runtime.base import NodeState
from labctl.spec.model import LabSpec
from labctl.state.store import CHANGING, UP
from labctl.versions import version_tuple

Settings = dict[tuple[str, str], dict[str, str | None]]  # of a broker or topic, by name; None: its default

# the keys of lab.yaml that a running lab can change, and those that no node depends on
CHANGEABLE = (
    *("kafka.config", "kafka.heap", "kafka.image", "kafka.pull", "kafka.racks"),
    *("topics", "security.users", "checks", "timeout"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done so that a lab is as lab.yaml says.

    `settings` are those that its brokers change while they run: {setting: value}. `restarts`: each node must be started
    again. `removed` are the settings that lab.yaml had and has no more.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = False
    removed: Settings = field(default_factory=dict)


def find_change(lab: ExistingLab, spec: LabSpec, states: list[NodeState]) -> Change:
    """Return what is to be done in a lab that `spec` describes, and whose nodes were observed in `states`.

    Raises SpecError where lab.yaml has other nodes than the lab, an older Kafka, fewer partitions of a topic; or while
    the lab runs, where it has something else that can't change then. KafkaFailed where Kafka does not respond.
    """
    plan, created = lab.plan, planned(recorded_spec(lab.record), lab.record)
    _refuse_other_nodes(lab, created)
    _refuse_older_kafka(lab)
    _refuse_smaller_topics(plan, created)
    removed = _removed(plan, created)
    if lab.record.phase not in {UP, CHANGING} or overall_state(states) == "stopped":
        return Change(removed=removed)
    _refuse_fixed(lab, spec, created)
    before = render(created)
    if lab.record.phase == CHANGING or _differ(before, _files_in_use(lab, before)):
        return Change(restarts=True, removed=removed)
    if not _are_other_nodes(created, plan):
        return Change(removed=removed)
    all_work = all(state.state == "running" and not state.hindrance for state in states)
    settings = _changed_settings(created, plan) if all_work else {}
    if settings and _are_dynamic(plan, settings):
        return Change(settings, removed=removed)
    return Change(restarts=True, removed=removed)


# -- what can't change -----------------------------------------------------


def _refuse_other_nodes(lab: ExistingLab, created: LabPlan) -> None:
    plan = lab.plan
    if created.node_names != plan.node_names:
        had, wanted = ", ".join(created.node_names), ", ".join(plan.node_names)
        kafka = recorded_spec(lab.record).kafka
        raise SpecError(
            [f"the lab {plan.name} has the nodes {had}, and would have {wanted}"],
            f"set kafka: {{brokers: {kafka.brokers}, controllers: {kafka.controllers}}} in lab.yaml to keep it; "
            f"or remove it with its data: labctl down --name {plan.name}, then labctl up",
        )


def _refuse_older_kafka(lab: ExistingLab) -> None:
    """An older Kafka does not start on the data: it does not know their metadata.version, one for all x.y releases."""
    created, wanted = lab.record.identity.kafka_version, lab.plan.kafka_version
    if created and version_tuple(wanted)[:2] < version_tuple(created)[:2]:
        name = lab.plan.name
        raise SpecError(
            [f"kafka.version: Kafka {created} created the data of the lab {name}, and Kafka {wanted} can't read it"],
            f"labctl up --name {name} --kafka {created}; or labctl down --name {name} removes the lab with its data",
        )


def _refuse_smaller_topics(plan: LabPlan, created: LabPlan) -> None:
    """Kafka never removes partitions, and a replication factor is no setting."""
    before = {topic.name: topic for topic in created.topics}
    problems = []
    for topic in plan.topics:
        old = before.get(topic.name, topic)
        if topic.partitions < old.partitions:
            problems.append(f"topic {topic.name} has {old.partitions} partitions, and Kafka can't remove any")
        if topic.replication_factor != old.replication_factor:
            problems.append(
                f"topic {topic.name} has {old.replication_factor} replicas of each partition, and keeps them"
            )
    if problems:
        raise SpecError(
            problems,
            "set topics[].partitions and replication_factor as they were; or choose another name for the topic; "
            f"labctl down --name {plan.name} removes the lab with its data",
        )


def _refuse_fixed(lab: ExistingLab, spec: LabSpec, created: LabPlan) -> None:
    """Raise SpecError where lab.yaml has something else that a running lab keeps."""
    plan, name = lab.plan, lab.plan.name
    if created.kafka_version != plan.kafka_version:
        raise SpecError(
            [f"the lab {name} is running Kafka {created.kafka_version}, and would run {plan.kafka_version}"],
            f"labctl upgrade --name {name} --to {plan.kafka_version} while it runs; or keep it: "
            f"labctl up --name {name} --kafka {created.kafka_version}",
        )
    if _with_changeable(created, plan) != plan:
        before, now = (dict(_keys(each.model_dump(mode="json"))) for each in (recorded_spec(lab.record), spec))
        keys = [key for key in now if now[key] != before.get(key) and not key.startswith(CHANGEABLE)]
        raise SpecError(
            [f"the lab {name} is running, and can't change {', '.join(keys) or 'its listeners'} meanwhile"],
            f"labctl stop --name {name} keeps the data, labctl down --name {name} does not; then run labctl up again",
        )


def _with_changeable(created: LabPlan, plan: LabPlan) -> LabPlan:
    """The plan of a lab as it was created, with everything of `plan` that can change while it runs."""
    users = created.security
    if users and plan.security and users.profile == plan.security.profile:
        users = plan.security
    racks = zip(created.nodes, plan.nodes, strict=True)
    return replace(
        created,
        broker_config=plan.broker_config,
        heap=plan.heap,
        image=plan.image,
        nodes=tuple(replace(old, rack=new.rack) for old, new in racks),
        pull=plan.pull,
        topics=plan.topics,
        checks=plan.checks,
        timeout=plan.timeout,
        security=users,
        selinux=plan.selinux,
    )


def _keys(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of each key of lab.yaml: `kafka.heap`."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# -- what differs ----------------------------------------------------------


def _are_other_nodes(created: LabPlan, plan: LabPlan) -> bool:
    """Whether the nodes of `plan` are started in another way: with other files, or with another heap."""
    return created.heap != plan.heap or _differ(render(created), render(plan))


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether rendered files differ in more than comments."""
    return any(_without_comments(text) != _without_comments(other.get(path, "")) for path, text in one.items())


def _without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


def _files_in_use(lab: ExistingLab, rendered: Mapping[str, str]) -> dict[str, str]:
    """The files that the nodes were started with, as another labctl may have written them.

    Where one can't be read it is taken for that of `rendered`: `up` writes it again.
    """
    found = dict(rendered)
    for path in rendered:
        with contextlib.suppress(OSError, ValueError):
            found[path] = (lab.files_in_use / path).read_text(encoding="utf-8")
    return found


def _changed_settings(created: LabPlan, plan: LabPlan) -> dict[str, str]:
    """The new values of the brokers' settings, where the nodes differ in nothing else; else nothing."""
    if _are_other_nodes(replace(created, broker_config=plan.broker_config), plan):
        return {}
    changed: dict[str, str] = {}
    for node in plan.brokers:
        before, now = node_settings(created, node), node_settings(plan, node)
        if before.keys() - now.keys():  # it keeps what it has from its file until it starts again
            return {}
        changed |= {name: value for name, value in now.items() if before.get(name) != value}
    return changed


def _are_dynamic(plan: LabPlan, settings: Mapping[str, str]) -> bool:
    """Whether Kafka can change the settings of all brokers while they run (KIP-226)."""
    with connect(plan, answer=QUORUM_SECONDS) as client:
        return settings.keys() <= client.dynamic_settings(plan.brokers[0].id)


def _removed(plan: LabPlan, created: LabPlan) -> Settings:
    """The settings that lab.yaml had, and has no more."""
    topics = {topic.name: dict(topic.config) for topic in plan.topics}
    removed: Settings = {
        ("topic", old.name): dict.fromkeys(key for key, _value in old.config if key not in topics[old.name])
        for old in created.topics
        if old.name in topics
    }
    removed[ALL_BROKERS] = dict.fromkeys(dict(created.broker_config).keys() - dict(plan.broker_config).keys())
    return {of: settings for of, settings in removed.items() if settings}
