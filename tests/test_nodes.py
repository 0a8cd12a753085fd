"""`labctl node`: what is done to a node, and what Kafka reports before and after."""

import json

import pytest

from labctl.cli.node_output import change_document, change_text
from labctl.cli.status_output import quorum_line
from labctl.errors import KafkaFailed, LabStopped, SpecError
from labctl.kafka.client import Quorum, Voter
from labctl.kafka.preferred_leaders import not_preferred, restore_preferred_leaders
from labctl.lab import lifecycle
from labctl.lab.cluster_view import quorum_document
from labctl.lab.nodes import NODE_ACTIONS, change_node
from labctl.lab.reporter import NullReporter
from labctl.results import Partition
from labctl.runtime.base import NodeState
from labctl.system.waiting import NotReady
from tests.fake_lab import TEXT
from tests.fakes import FakeKafka

CLUSTER = TEXT + "kafka: {brokers: 3}\n"
ENDS = [name for name, action in NODE_ACTIONS.items() if action.ends]


@pytest.fixture
def lab(fake_lab):
    """Return a running lab of three nodes, whose Kafka reports a node as absent as soon as it does not work."""
    fake_lab.up(CLUSTER)
    kafka, runtime = fake_lab.kafka, fake_lab.runtime
    ids = {node.name: node.id for node in runtime.plan.nodes}

    def endpoints():
        kafka.absent = {ids[name] for name in ids if name not in runtime.running or name in runtime.frozen}
        return type(kafka).broker_endpoints(kafka)

    fake_lab.monkeypatch.setattr(kafka, "broker_endpoints", endpoints)
    return fake_lab


def change(lab, action, node="broker-1"):
    return change_node("lab", action, node, lab.store, NullReporter())


@pytest.mark.parametrize("action", ENDS)
def test_a_node_that_works_no_more_leads_nothing(lab, action):
    """Another broker leads its partitions, another voter the quorum; both are in the text."""
    done = change(lab, action)
    assert (done.changed, done.detail) == (True, "")
    assert done.noticed is not None
    assert (done.before.led_by(1), done.after.led_by(1)) == (3, 0)
    text = change_text(done)
    assert text.startswith(f"{NODE_ACTIONS[action].past} broker-1; Kafka reports it after ")
    assert "quorum: leader 2, " in text
    assert "orders-0: leader 1 -> 2, ISR 1,2,3 -> 2,3\n" in text
    assert "partitions: 3, 0 without a leader, 3 without a full ISR" in text


@pytest.mark.parametrize(("ended", "again"), [("stop", "start"), ("kill", "start"), ("pause", "resume")])
def test_a_node_that_works_again_has_its_place_back(lab, ended, again):
    """It is in each ISR, and leads the partitions that prefer it."""
    change(lab, ended)
    done = change(lab, again)
    assert (done.changed, done.detail, done.after.isr_not_full) == (True, "", [])
    assert done.after.led_by(1) == 3
    assert "partitions: 3, each with a leader and a full ISR" in change_text(done)


@pytest.mark.parametrize("action", ["stop", "kill"])
def test_a_broker_that_ended_is_forgotten_before_it_starts(lab, action):
    """The controller would refuse another broker with its id for 9 s."""
    change(lab, action)
    assert lab.kafka.unregistered == []
    change(lab, "start")
    assert lab.kafka.unregistered == [1]


def test_a_broker_that_does_not_reach_the_controller_is_not_asked_to_forget(lab, monkeypatch):
    """Its request could come to the controller when the node has started: that would never register again."""
    stuck, asked = FakeKafka(lab.kafka.plan, {"quorum": "no response within 2 s"}), []

    def connect(_plan, _seconds=1, answer=0, brokers=()):
        asked.extend(brokers)
        return stuck if brokers == [2] else lab.kafka

    monkeypatch.setattr("labctl.lab.ended_brokers.connect", connect)
    change(lab, "kill")
    change(lab, "start")
    assert asked == [2, 3, 3]
    assert (stuck.unregistered, lab.kafka.unregistered) == ([], [1])


def test_a_stopped_broker_that_a_partition_needs_is_not_forgotten(lab):
    """Kafka remembers that it has each record: another replica is not in the ISR, and it may have to lead."""
    change(lab, "stop", "broker-3")
    lab.kafka.created_topics["single"] = (1, 2, {})
    change(lab, "start", "broker-3")
    assert lab.kafka.unregistered == [3]  # the topic is not on it
    change(lab, "stop", "broker-2")
    change(lab, "start", "broker-2")
    assert lab.kafka.unregistered == [3]


def test_a_broker_that_is_not_forgotten_in_time_does_not_start(lab):
    """A late request would remove the new one."""
    change(lab, "kill")
    lab.kafka.refuses["unregister_broker"] = "no response within 12 s"
    with pytest.raises(KafkaFailed, match="no response"):
        change(lab, "start")
    assert "broker-1" not in lab.runtime.running


@pytest.mark.parametrize(("action", "state"), [("start", "running"), ("resume", "running")])
def test_what_a_node_is_already_is_said(lab, action, state):
    """Nothing is done, and that is no error."""
    done = change(lab, action)
    assert (done.changed, done.detail) == (False, f"it is {state}")
    assert change_text(done).startswith(f"broker-1 was not {NODE_ACTIONS[action].past}: it is {state}\n")


def test_without_a_majority_nothing_is_waited_for(lab):
    """Kafka elects no leader of the quorum then, and nobody could report the change."""
    change(lab, "kill", "broker-3")
    done = change(lab, "kill", "broker-2")
    assert (done.noticed, done.detail) == (None, "1 of 3 voters run: without a majority the quorum has no leader")
    assert "Kafka does not report it: 1 of 3 voters run" in change_text(done)
    assert change(lab, "kill", "broker-1").detail == "no broker runs"


def test_a_change_that_kafka_does_not_report_is_not_hidden(lab):
    """The wait ends, and the text says so."""
    lab.monkeypatch.setattr(lab.kafka, "broker_endpoints", lambda: {1: "a", 2: "b", 3: "c"})
    done = change(lab, "pause")
    assert done.noticed is None
    assert "paused broker-1; Kafka does not report it: not after 20 s" in change_text(done)


def test_the_document_has_each_partition_that_changed(lab):
    """For programs: with the leader and the ISR before and after."""
    document = json.loads(json.dumps(change_document(change(lab, "kill"))))
    first = document["changed_partitions"][0]
    assert (first["partition"], first["leader"], first["isr"]["after"]) == (
        "orders-0",
        {"before": 1, "after": 2},
        [2, 3],
    )
    assert document["partitions"] == {"total": 3, "without_leader": 0, "isr_not_full": 3}


def test_an_unknown_node_and_a_stopped_lab(lab):
    """The error has the names; a single node of a stopped lab would be no lab."""
    with pytest.raises(SpecError, match="there is no node broker-9; there are broker-1, broker-2, broker-3"):
        change(lab, "kill", "broker-9")
    lifecycle.stop("lab", lab.store, NullReporter())
    with pytest.raises(LabStopped, match="the lab lab is stopped"):
        change(lab, "start")


def test_preferred_leaders_are_elected_until_they_lead():
    """A partition without replicas prefers nobody; one that is led by its first replica stays."""
    topics = {
        "a": (Partition(0, 2, (1, 2), (1, 2)), Partition(1, 2, (2, 1), (1, 2))),
        "b": (Partition(0, -1, (), ()),),
    }
    assert not_preferred(topics) == {"a": [0]}

    class Kafka:
        elected = None

        def topic_views(self):
            return [{}, topics]

        def elect_preferred_leaders(self, partitions):
            self.elected = partitions

    kafka = Kafka()
    with pytest.raises(NotReady, match="other leaders than the preferred ones: a-0"):
        restore_preferred_leaders(kafka)  # type: ignore[arg-type]
    assert kafka.elected == {"a": [0]}


@pytest.mark.parametrize(
    ("state", "hindrance"),
    [
        (NodeState("broker", "running"), ""),
        (NodeState("broker", "running", reason="frozen: docker paused it"), "frozen"),
        (NodeState("broker", "running", reason="isolated: not connected to the network lab"), "isolated"),
        (NodeState("broker", "exited", 137, "exit code 137"), ""),
    ],
)
def test_why_a_running_node_does_not_work(state, hindrance):
    """A node that ended has its reason, and is neither frozen nor isolated."""
    assert state.hindrance == hindrance


@pytest.mark.parametrize(
    ("quorum", "line"),
    [
        ((2, (0, 0, 0)), "quorum: leader 2, 3 of 3 voters caught up"),
        ((-1, (0, 30, 0)), "quorum: leader none, 2 of 3 voters caught up (voter 2 is 30 records behind)"),
    ],
)
def test_the_quorum_is_one_line(quorum, line):
    """The same of `status`, `node` and `controller`."""
    leader, behind = quorum
    voters = tuple(Voter(number, records, records == 0) for number, records in enumerate(behind, 1))
    assert quorum_line(quorum_document(Quorum(leader, voters))) == line
