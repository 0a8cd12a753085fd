"""Settings of brokers and topics, as lab.yaml has them, in a Kafka that runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from labctl.kafka.client import ALL_BROKERS, KafkaClient
from labctl.kafka.overridden_settings import overridden_settings
from labctl.kafka.waiting import wait_for_kafka
from labctl.lab.changes import Change, Settings
from labctl.lab.existing import QUORUM_SECONDS, connect
from labctl.plan.model import LabPlan
from labctl.system.waiting import Deadline, NotReady

APPLY_SECONDS = 10.0  # for a change that Kafka accepted: each broker reads it from the metadata


def change_settings(plan: LabPlan, settings: Mapping[str, str]) -> list[str]:
    """Change settings of all brokers while they run, and wait until each has them; return them in words.

    Raises KafkaFailed where Kafka refuses a value: then nothing is changed. ReadinessTimeout.
    """

    def probe() -> None:
        for now in client.settings_by_broker():
            if late := [name for name, value in settings.items() if now.get(name) != value]:
                raise NotReady(f"a broker has {late[0]}={now.get(late[0])}")

    with connect(plan, answer=QUORUM_SECONDS) as client:
        client.alter_settings({ALL_BROKERS: dict(settings)})
        wait_for_kafka(client, probe, what="expected the new settings", deadline=Deadline.after(APPLY_SECONDS))
    return _in_words({ALL_BROKERS: settings})


def settle_settings(plan: LabPlan, change: Change, new: Collection[str], client: KafkaClient) -> list[str]:
    """Give brokers and topics the settings of lab.yaml where others were set while Kafka ran; return these in words.

    A setting that lab.yaml does not have, and never had, is not touched; `new` topics have theirs. Raises KafkaFailed.
    """
    topics = [topic for topic in plan.topics if topic.config and topic.name not in new]
    wanted: Settings = {("topic", topic.name): dict(topic.config) for topic in topics}
    found = client.topic_configs([name for _kind, name in {**wanted, **change.removed} if name])
    differing = {of: _differing(settings, found.get(of[1], {})) for of, settings in wanted.items() if of[1] in found}
    for of, settings in change.removed.items():
        if of[1] in found:
            differing.setdefault(of, {}).update(settings)
    differing[ALL_BROKERS] = overridden_settings(client, dict(plan.broker_config))
    if removed := change.removed.get(ALL_BROKERS):
        set_at_run_time = client.changed_settings().get(ALL_BROKERS, {})
        differing[ALL_BROKERS] |= {name: value for name, value in set_at_run_time.items() if name in removed}
    differing = {of: settings for of, settings in differing.items() if settings}
    client.alter_settings(differing)
    return _in_words(differing)


def _in_words(settings: Mapping[tuple[str, str], Mapping[str, str | None]]) -> list[str]:
    return [
        f"{name} of {f'topic {of}' if of else 'all brokers'}: {'its default' if value is None else value}"
        for (_kind, of), values in settings.items()
        for name, value in values.items()
    ]


def _differing(wanted: Mapping[str, str | None], found: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in wanted.items() if found.get(name) != value}
