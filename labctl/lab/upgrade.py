"""A lab on a newer Kafka without an interruption: one node after another, then the feature levels of the cluster."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from labctl.constants import ADMIN
from labctl.errors import SpecError
from labctl.kafka.client import KafkaClient
from labctl.kafka.console_tools import feature_levels
from labctl.kafka.security_settings import tool_config
from labctl.lab.cluster_view import require_all_work
from labctl.lab.existing import LOCK_SECONDS, QUORUM_SECONDS, ExistingLab, connect, open_lab, recorded_spec, with_spec
from labctl.lab.kafka_tool import run_tool
from labctl.lab.rendered_files import write_rendered_files
from labctl.lab.rolling import roll
from labctl.lab.services import restart_connect
from labctl.runtime.access import validate
from labctl.runtime.base import Progress
from labctl.spec.loader import with_overrides
from labctl.state.store import CHANGING, UP, LabStore
from labctl.system.waiting import Deadline
from labctl.versions import version_tuple
from labctl.webui.page.process import restart_page

FEATURE_LEVEL = re.compile(r"^([a-z.]+\.version)=(\d+)", re.MULTILINE)
OTHER_FEATURES = {"kraft.version"}  # voters that are named in the settings have level 0 (KIP-853)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did. `nodes` has the seconds of each node, until it had its place in the cluster again.

    `before` and `after` are the feature levels of the cluster; `finalized`: the lab can't go back any more.
    """

    lab: str
    before_version: str
    version: str
    nodes: Mapping[str, float]
    before: Mapping[str, int]
    after: Mapping[str, int]
    finalized: bool


def upgrade(name: str, version: str, store: LabStore, progress: Progress, *, finalize: bool = True) -> Upgrade:
    """Upgrade a running lab to a newer Kafka, and return what was done.

    Repeated after an interruption, it goes on. Raises SpecError for a version that can't be upgraded to, LabStopped
    where not all nodes work; HostError, RuntimeFailed where the new Kafka can't be prepared, before any node is
    stopped; ReadinessTimeout with the node that does not come back, LabError.
    """
    with store.locked(name, doing="upgrade", seconds=LOCK_SECONDS, note=progress.note):
        old = open_lab(name, store, progress)
        new = prepare_upgrade(old, version, progress)
        with connect(old.plan) as client:
            before = _levels(client)
        nodes = dict(upgrade_nodes(old, new, store, progress.note, finalize=finalize))
        with connect(new.plan) as client:
            after = _levels(client)
        return Upgrade(name, old.plan.kafka_version, version, nodes, before, after, finalize)


def upgrade_nodes(
    old: ExistingLab, new: ExistingLab, store: LabStore, note: Callable[[str], None], *, finalize: bool
) -> Iterator[tuple[str, float]]:
    """Upgrade the nodes of a lab that `prepare_upgrade` prepared; yield the name of each, and its seconds.

    At the end the features are finalized. Raises ReadinessTimeout with the node that does not come back, LabError.
    """
    record = store.save(replace(old.record, spec=new.record.spec, phase=CHANGING))
    write_rendered_files(new)
    for name, seconds in roll(new):
        note(f"{name} runs Kafka {new.plan.kafka_version} ({seconds:.1f} s)")
        yield name, seconds
    restart_connect(new, Deadline.after(new.plan.timeout))
    record = store.set_phase(record, UP)
    if finalize:
        finalize_kafka(new, note)
        store.save(replace(record, identity=replace(record.identity, kafka_version=new.plan.kafka_version)))
    restart_page(new.plan, new.folder)


def prepare_upgrade(lab: ExistingLab, version: str, progress: Progress) -> ExistingLab:
    """Return the lab as it will be, with the new Kafka downloaded or pulled.

    Raises SpecError for a version that can't be upgraded to, LabStopped where not all nodes work; HostError,
    RuntimeFailed where the new Kafka can't be prepared.
    """
    plan = lab.plan
    try:
        spec = with_overrides(recorded_spec(lab.record), kafka=version, trusted=True)
    except SpecError as error:
        raise SpecError([problem.replace("--kafka:", "--to:") for problem in error.problems], error.hint) from None
    if version_tuple(version) < version_tuple(plan.kafka_version):
        raise SpecError(
            [f"the lab {plan.name} runs Kafka {plan.kafka_version}: an upgrade leads to a newer one, not {version}"],
            f"before an upgrade is finalized: labctl stop --name {plan.name}, then labctl up --kafka {version}",
        )
    require_all_work(lab)
    validate(spec, lab.record.runtime)
    new = with_spec(replace(lab.record, spec=spec.model_dump(mode="json")), spec, progress)
    new.runtime.prepare()
    return new


def finalize_kafka(lab: ExistingLab, note: Callable[[str], None]) -> None:
    """Set the feature levels of the cluster to those of its Kafka.

    Raises RuntimeFailed with the output of the tool that knows them, KafkaFailed where the cluster refuses.
    """
    plan = lab.plan
    command = feature_levels(plan.internal_bootstrap, plan.kafka_version, tool_config(plan, ADMIN))
    output = run_tool(lab, plan.brokers[0], command)
    wanted = {name: int(level) for name, level in FEATURE_LEVEL.findall(output) if name not in OTHER_FEATURES}
    with connect(plan, answer=QUORUM_SECONDS) as client:
        now = _levels(client)
        client.update_features({name: level for name, level in wanted.items() if level > now.get(name, 0)})
    note(f"the features of Kafka {plan.kafka_version} are finalized")


def _levels(client: KafkaClient) -> dict[str, int]:
    return {name: finalized for name, (finalized, _highest) in sorted(client.features().items())}
