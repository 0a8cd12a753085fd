"""`labctl controller`: voters that are added and removed while the cluster runs."""

import json

import pytest

from labctl.cli.node_output import show_quorum
from labctl.errors import LabStopped, RuntimeFailed, SpecError
from labctl.kafka.client import Quorum, Voter
from labctl.lab import controllers, lifecycle
from labctl.lab.reporter import NullReporter
from labctl.runtime.base import Completed
from tests.fake_lab import TEXT

DYNAMIC = TEXT + "kafka: {brokers: 1, controllers: 3, quorum: dynamic}\n"


@pytest.fixture
def lab(fake_lab):
    """Return a running lab whose quorum can change, and whose tools succeed."""
    fake_lab.up(DYNAMIC)
    fake_lab.tools = []

    def tool(argv, _stdin):
        fake_lab.tools.append(argv)
        return Completed(tuple(argv), 0, b"", b"")

    fake_lab.runtime.tool = tool
    return fake_lab


def add(lab):
    return controllers.add("lab", lab.store, NullReporter())


def remove(lab, node=None):
    return controllers.remove("lab", node, lab.store, NullReporter())


def voters(lab):
    return [voter.name for voter in lab.runtime.plan.voters]


def test_a_controller_is_added_and_removed(lab):
    """The record has the new number; the number of a controller that is gone is not used again."""
    assert add(lab).node == "controller-4"
    assert "controller-4" in lab.runtime.running
    assert lab.tools[-1][-1] == "add-controller"
    assert remove(lab, "controller-1").node == "controller-1"
    assert "controller-1" not in lab.runtime.running
    assert lab.tools[-1][-4:-1] == ["--controller-id", "101", "--controller-directory-id"]
    assert voters(lab) == ["controller-2", "controller-3", "controller-4"]
    assert remove(lab).node == "controller-4"
    assert add(lab).node == "controller-5"


def test_an_interrupted_add_goes_on(lab):
    """A controller that runs without a vote gets it; no other is started."""
    lab.runtime.tool = lambda argv, _stdin: Completed(tuple(argv), 1, b"", b"TimeoutException")
    quorum = type(lab.kafka).quorum
    lab.monkeypatch.setattr(lab.kafka, "quorum", lambda: _without_vote(quorum(lab.kafka), 104))
    with pytest.raises(RuntimeFailed, match="TimeoutException"):
        add(lab)
    assert voters(lab)[-1] == "controller-4"

    def gets_its_vote(argv, _stdin):
        lab.monkeypatch.setattr(lab.kafka, "quorum", lambda: quorum(lab.kafka))
        return Completed(tuple(argv), 0, b"", b"")

    lab.runtime.tool = gets_its_vote
    assert add(lab).node == "controller-4"
    assert len(voters(lab)) == 4


def _without_vote(quorum, number):
    observers = tuple(voter for voter in quorum.voters if voter.id == number)
    return Quorum(quorum.leader, tuple(voter for voter in quorum.voters if voter.id != number), observers)


def test_a_removal_that_would_leave_no_majority_is_refused(lab):
    """The error names those to start first."""
    states = (Voter(101, 900, False), Voter(102, 0, True), Voter(103, 0, True))
    lab.monkeypatch.setattr(lab.kafka, "quorum", lambda: Quorum(102, states))
    with pytest.raises(SpecError, match="without controller-3, 1 of 2 voters would work: no majority") as refused:
        remove(lab, "controller-3")
    assert "start the others first (controller-1)" in refused.value.hint


def test_what_can_not_change_is_refused(lab):
    """A static quorum, combined nodes, a stopped lab, an unknown name, the last controller, one too many."""
    with pytest.raises(SpecError, match="there is no controller broker; there are controller-1"):
        remove(lab, "broker")
    add(lab)
    add(lab)
    with pytest.raises(SpecError, match="5 controllers at most"):
        add(lab)
    for _ in range(4):
        remove(lab)
    with pytest.raises(SpecError, match="has one controller, and needs it"):
        remove(lab)
    lifecycle.stop("lab", lab.store, NullReporter())
    with pytest.raises(LabStopped, match="is stopped"):
        add(lab)


@pytest.mark.parametrize(
    ("kafka", "why"),
    [("{brokers: 1, controllers: 3}", "a static quorum"), ("{brokers: 3, quorum: dynamic}", "combined nodes")],
)
def test_a_quorum_of_another_kind(fake_lab, kafka, why):
    """The error says how such a lab is created."""
    fake_lab.up(f"{TEXT}kafka: {kafka}\n")
    with pytest.raises(SpecError, match=f"has {why}: its voters can't be changed") as refused:
        add(fake_lab)
    assert "quorum: dynamic" in refused.value.hint


def test_up_with_the_number_of_before_says_the_number(lab):
    """lab.yaml still has the controllers of before `controller add`."""
    add(lab)
    with pytest.raises(SpecError, match="would have broker, controller-1, controller-2, controller-3") as caught:
        lab.up(DYNAMIC)
    assert caught.value.hint.startswith("set kafka: {brokers: 1, controllers: 4} in lab.yaml to keep it; ")


def test_the_output_has_the_quorum(lab, capsys):
    """As text and as JSON."""
    change = add(lab)
    show_quorum(change, as_json=False)
    text = capsys.readouterr().out
    assert text.startswith("added controller-4\n  quorum: leader 101, 4 of 4 voters caught up\n")
    assert "set kafka.controllers to 4 in lab.yaml" in text
    show_quorum(change, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["quorum"]["voters"]) == 4
