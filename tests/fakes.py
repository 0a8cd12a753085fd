"""Fakes for what a lab depends on, its runtime and its Kafka: they respond as the test specifies."""

import itertools
import json
from collections import Counter
from dataclasses import replace
from typing import Literal

from labctl.errors import KafkaFailed
from labctl.kafka.client import Group, Quorum, Voter
from labctl.plan.model import Decision, EngineFacts, HostFacts, Identity, Place
from labctl.plan.planner import make_plan
from labctl.results import Partition
from labctl.runtime.base import Completed, NodeState
from labctl.spec.loader import parse_spec

FACTS = HostFacts(system="Linux", cpus=2, memory_total=16 << 30, memory_available=8 << 30)
HUGE = HostFacts(system="Linux", cpus=2, memory_total=64 << 30, memory_available=64 << 30)
IDENTITY = Identity(
    cluster_id="Vn1XM1uGRvWwgCzaQ6Ebxw",
    state="/state/labs/lab",
    loopback="127.77.1",
    internal_port=9092,
    controller_port=9093,
    external_port=20_000,
    proxied_port=21_000,
)

PLACES = [Place(f"id{n}", f"worker-{n}", f"10.0.0.{n}", f"ssh://10.0.0.{n}") for n in (1, 2, 3)]


def in_a_swarm(*names):
    """An identity whose nodes called `names` run on the nodes of a swarm, in turn."""
    return replace(IDENTITY, places=tuple(zip(names, itertools.cycle(PLACES), strict=False)))


def a_plan(text="", runtime="local", facts=FACTS, identity=IDENTITY):
    return make_plan(parse_spec(text), Decision(runtime, "for the test"), facts, identity)


class FakeRuntime:
    """A runtime whose nodes run from `up` to `stop`.

    `dies` has the logs of the nodes that end right after the start. Those in `restartable` run after a restart without
    their cache. `tool` runs the programs inside a node.
    """

    def __init__(self, plan, *, dies=None, tool=None, restartable=()):
        self.plan = plan
        self.calls = []
        self.stopped = []  # the nodes that `stop` was called for, by their names
        self.running, self.frozen, self.isolated, self.removed = set(), set(), set(), set()
        self.created = False
        self.data = {name: {"meta.properties": f"cluster.id={plan.cluster_id}\n"} for name in plan.part_names}
        self.dies = dies or {}
        self.tool = tool
        self.restartable = restartable

    def prepare(self):
        self.calls.append("prepare")

    def up(self, names=()):
        self.calls.append("up")
        self._require(*names)
        self.created = True
        self.running |= set(names or self.plan.part_names) - set(self.dies)
        self.removed -= self.running

    def start_again(self, node):
        self.calls.append(("start_again", node))
        if node in self.restartable:
            self.running.add(node)
        return node in self.restartable

    def stop(self, names=()):
        self.calls.append("stop")
        self._require(*names)
        self.stopped.extend(names)
        self.running -= set(names or self.running)

    def kill(self, names):
        self._require(*names)
        self.running -= set(names)

    def pause(self, names):
        self._require(*names)
        self.frozen |= set(names) & self.running

    def isolate(self, names):
        self._require(*names)
        self.isolated |= set(names) & self.running

    def resume(self, names):
        self._require(*names)
        self.frozen -= set(names)
        self.isolated -= set(names)

    def remove(self, names):
        self._require(*names)
        self.running -= set(names)
        self.removed |= set(names)

    def save_data(self, name, into):
        self._require(name)
        into.mkdir(parents=True)
        for path, text in self.data.get(name, {}).items():
            (into / path).write_text(text)

    def load_data(self, name, source):
        self._require(name)
        self.data[name] = {path.name: path.read_text() for path in source.iterdir()}

    def down(self):
        self.calls.append("down")
        removed = [f"node {name}" for name in sorted(self.running)]
        self.running, self.created = set(), False
        return removed

    def nodes(self, *, memory=False):
        absent: Literal["exited", "missing"] = "exited" if self.created else "missing"
        return [
            NodeState(node.name, "running", reason=self._why_idle(node.name), memory=1 << 20)
            if node.name in self.running
            else NodeState(node.name, "missing" if node.name in self.removed else absent)
            for node in self.plan.nodes
        ]

    def _why_idle(self, name):
        if name in self.frozen:
            return "frozen: for the test"
        return "isolated: for the test" if name in self.isolated else ""

    def _require(self, *names):
        for name in names:
            self.plan.require_part(name)

    def services(self):
        absent: Literal["exited", "missing"] = "exited" if self.created else "missing"
        return [
            NodeState(service.name, "running" if service.name in self.running else absent, memory=1 << 20)
            for service in self.plan.services
        ]

    def ui(self):
        return None

    def versions(self):
        return {"fake": "1"}

    def inspect(self, node):
        self._require(node)
        return json.dumps({"name": node})

    def logs(self, node, *, tail):
        self._require(node)
        if not self.created:
            return ""
        lines = self.dies.get(node, "started\nready\n").splitlines(keepends=True)
        return "".join(lines if tail is None else lines[-tail:] if tail else [])

    def follow_logs(self, node, *, tail):
        yield from self.logs(node, tail=tail).splitlines(keepends=True)

    def exec(self, node, argv, stdin, seconds):
        self._require(node)
        if self.tool:
            return self.tool(argv, stdin)
        if "while :" in argv[-1]:
            return Completed(tuple(argv), None, b"", b"")
        return Completed(tuple(argv), 7, stdin or b"", b"problem\n")

    def exec_interactive(self, node, argv, *, tty):
        self._require(node)
        self.calls.append(("exec_interactive", node, argv))
        return 7


class FakeKafka:
    """A Kafka that stores topics and records.

    `refuses` maps a method to the message of the KafkaFailed that it raises.
    """

    def __init__(self, plan, refuses=None):
        self.plan = plan
        self.bootstrap = plan.bootstrap
        self.addresses = tuple(plan.host_addresses.values())
        self.refuses = refuses or {}
        self.created_topics = {}
        self.records = {}
        self.transactions = []
        self.members = {}  # {group: number of members}
        self.internal_topics_created = False
        self.settings = {}  # {(kind, name): keys}
        self.broker_settings = {}  # of all brokers, changed while they run
        self.client_quotas = []
        self.absent = set()  # ids of brokers that are not registered
        self.unregistered = []  # ids
        self.elected = {}  # {topic: partitions} whose preferred leader was elected

    def __call__(self, *_args, **_kwargs):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def close(self):
        pass

    def _require(self, method):
        if method in self.refuses:
            raise KafkaFailed(self.refuses[method])

    def create_internal_topics(self):
        self.internal_topics_created = True

    def cluster_id(self):
        return self.plan.cluster_id

    def broker_endpoints(self):
        self._require("broker_endpoints")
        return {
            node.id: node.listener("EXTERNAL").advertised for node in self.plan.brokers if node.id not in self.absent
        }

    def unregister_broker(self, broker):
        self._require("unregister_broker")
        self.unregistered.append(broker)

    def quorum(self):
        self._require("quorum")
        leader = next((voter.id for voter in self.plan.voters if voter.id not in self.absent), -1)
        return Quorum(leader, tuple(Voter(voter.id, 0, True) for voter in self.plan.voters))

    def quorum_by_broker(self):
        return {address: self.quorum() for address in self.plan.external_addresses}

    def topics(self, names=None):
        ids = tuple(node.id for node in self.plan.brokers)
        return {
            name: tuple(self._partition(number, ids[:replicas]) for number in range(partitions))
            for name, (partitions, replicas, _config) in self.created_topics.items()
            if names is None or name in names
        }

    def topic_views(self):
        return [self.topics()]

    def _partition(self, number, replicas):
        in_sync = tuple(replica for replica in replicas if replica not in self.absent)
        return Partition(number, in_sync[0] if in_sync else -1, replicas, in_sync)

    def offset_ranges(self, partitions):
        return {
            name: {number: (0, 0 if number else len(self.records.get(name, ()))) for number in numbers}
            for name, numbers in partitions.items()
        }

    def topic_ids(self):
        return {name: f"{name}-{id(topic)}" for name, topic in self.created_topics.items()}

    def changed_settings(self, groups=()):
        return {of: dict.fromkeys(names) for of, names in self.settings.items()}

    def alter_settings(self, settings):
        self._require("alter_settings")
        for (kind, name), values in settings.items():
            self.settings.pop((kind, name), None)
            now = self.created_topics[name][2] if kind == "topic" else self.broker_settings
            now.update(values)
            for key in [key for key in now if now[key] is None]:
                del now[key]

    def settings_by_broker(self):
        return [dict(self.broker_settings)]

    def dynamic_settings(self, _broker):
        return {"log.retention.ms"}

    def topic_configs(self, names):
        return {name: dict(self.created_topics[name][2]) for name in names if name in self.created_topics}

    def quotas(self):
        return self.client_quotas

    def delete_quotas(self, _quotas):
        self.client_quotas = []

    def topics_by_broker(self, names):
        return [set(names) & set(self.created_topics)]

    def log_counts(self, topic, partitions):
        return Counter(dict.fromkeys(partitions, self.created_topics[topic][1]))

    def groups(self):
        return dict.fromkeys(self.members, Group("classic", "Stable"))

    def open_transactions(self):
        return list(self.transactions)

    def abort_transaction(self, transactional_id):
        self.transactions.remove(transactional_id)

    def remove_members(self, group):
        removed, self.members[group] = self.members[group], 0
        return removed

    def create_topics(self, topics):
        self._require("create_topics")
        new = [name for name in topics if name not in self.created_topics]
        self.created_topics.update({name: topics[name] for name in new})
        return new

    def elect_preferred_leaders(self, partitions):
        self.elected = partitions

    def add_partitions(self, counts):
        for name, count in counts.items():
            self.created_topics[name] = (count, *self.created_topics[name][1:])

    def delete_topics(self, names):
        for name in names:
            self.created_topics.pop(name, None)
            self.records.pop(name, None)

    def delete_groups(self, names):
        kept = {name: "NonEmptyGroupError" for name in names if self.members.get(name)}
        for name in set(names) - set(kept):
            self.members.pop(name, None)
        return kept

    def produce(self, topic, records, *, partition=None):
        self._require("produce")
        kept = self.records.setdefault(topic, [])
        first = len(kept)
        kept += records
        return [(partition or 0, offset) for offset in range(first, len(kept))]


def create_record(store, name="lab", source="/a/lab.yaml"):
    spec = parse_spec(f"name: {name}\nlisteners: {{external: {{port: auto}}}}")
    return store.create(
        spec,
        source=source,
        folder=store.root,
        runtime=Decision("local", "test"),
        engine=EngineFacts(),
        ui=Decision("page", "test"),
        facts=FACTS,
        created_at="2026-01-01",
    )
