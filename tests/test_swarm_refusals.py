"""What is refused before anything starts in a swarm: each in one sentence, with a remedy."""

from dataclasses import replace

import pytest

from labctl.diagnostics import swarm_nodes
from labctl.errors import HostError
from labctl.lab.reporter import NullReporter
from labctl.plan.placement import SwarmNode
from labctl.runtime.docker.engine_version import EngineVersion
from labctl.runtime.swarm.fitness import require_fit_swarm
from labctl.runtime.swarm.places import choose_places, require_majority_elsewhere
from labctl.spec.loader import parse_spec
from tests.fakes import PLACES, a_plan, in_a_swarm

NODES = [SwarmNode(place, memory=4 << 30) for place in PLACES]
NAMES = ["broker-1", "broker-2", "broker-3"]
THREE = "kafka: {brokers: 3}\n"


class Manager:
    """A manager of a swarm with three nodes and nothing on them."""

    def __init__(self, services=(), ports=(), nodes=NODES):
        self._services, self._ports, self._nodes = dict(services), dict(ports), nodes

    def services(self, _names=()):
        return self._services

    def published_ports(self):
        return self._ports

    def nodes(self):
        return self._nodes


class NodeEngine:
    """The engine of a node of the swarm."""

    def __init__(self, *, image=True, error="", server="27.1", volumes=()):
        self.image, self.error, self.server, self.pulled = image, error, server, []
        self._volumes = {name: {"Labels": {"labctl.cluster": "another"}} for name in volumes}

    def volumes(self, names):
        return {name: each for name, each in self._volumes.items() if name in names}

    def version(self):
        if self.error:
            raise HostError(self.error)
        return EngineVersion("docker", self.server)

    def has_image(self, _image):
        return self.image

    def pull(self, image):
        self.pulled.append(image)


def prepare(manager, engines=None, text=""):
    plan = a_plan(f"kafka: {{brokers: 3, heap: 512m{text}}}\n", "swarm", identity=in_a_swarm(*NAMES))
    engines = engines or {place: NodeEngine() for place in PLACES}
    require_fit_swarm(plan, manager, engines, {name: f"labctl-homework_{name}" for name in NAMES}, NullReporter())


@pytest.fixture(autouse=True)
def _nothing_listens(monkeypatch):
    monkeypatch.setattr("labctl.runtime.swarm.fitness.accepts", lambda *_: False)


def refused(call, *arguments, **more):
    with pytest.raises(HostError) as error:
        call(*arguments, **more)
    assert error.value.exit_code == 3
    assert error.value.hint
    return error.value.message


def test_a_swarm_that_can():
    """Nothing is refused, and nothing is pulled where each node has the image."""
    engines = {place: NodeEngine() for place in PLACES}
    prepare(Manager(), engines)
    assert not any(engine.pulled for engine in engines.values())


def test_a_stack_of_somebody_else():
    """It has another cluster id, or none."""
    manager = Manager(services={"labctl-homework_broker-1": {"Spec": {"Labels": {}}}})
    assert "the swarm has a stack labctl-homework already" in refused(prepare, manager)


def test_a_port_of_a_service():
    """The message names the service."""
    message = refused(prepare, Manager(ports={9095: "web_proxy"}))
    assert message == "port 9095 of worker-2 (10.0.0.2) is in use by the service web_proxy"


def test_a_port_of_another_program(monkeypatch):
    """Swarm does not know it: a connection to it is accepted."""
    monkeypatch.setattr("labctl.runtime.swarm.fitness.accepts", lambda host, _port: host == "10.0.0.3")
    assert refused(prepare, Manager()) == "port 9096 of worker-3 (10.0.0.3) is in use"


@pytest.mark.parametrize("hindrance", ["is down", "is drained"])
def test_a_node_with_data_that_is_away(hindrance):
    """The message says whose data is there."""
    away = [NODES[0], replace(NODES[1], hindrance=hindrance), NODES[2]]
    message = refused(prepare, Manager(nodes=away))
    assert message == f"worker-2, the node of the swarm with the data of broker-2, {hindrance}"
    assert "has left the swarm" in refused(prepare, Manager(nodes=NODES[:2]))


def test_too_little_memory_on_a_node():
    """The message names the node and both sizes."""
    small = [NODES[0], NODES[1], replace(NODES[2], memory=600 << 20)]
    assert "needs 768 MiB of memory" in refused(prepare, Manager(nodes=small))
    assert "worker-3 has 600 MiB" in refused(prepare, Manager(nodes=small))


def test_a_node_without_the_image():
    """It is pulled there; with `pull: never` the remedy is the command that takes the image there."""
    engines = {place: NodeEngine(image=place is not PLACES[1]) for place in PLACES}
    prepare(Manager(), engines)
    assert [engine.pulled for engine in engines.values()] == [[], ["apache/kafka:4.4.0"], []]
    with pytest.raises(HostError, match="worker-2, a node of the swarm, lacks the image apache/kafka") as error:
        prepare(Manager(), engines, ", pull: never")
    assert "docker save apache/kafka:4.4.0 | docker -H ssh://10.0.0.2 load" in error.value.hint


def test_a_node_whose_engine_does_not_respond():
    """The message says where labctl looked for it."""
    engines = {place: NodeEngine(error="ssh: refused" if place is PLACES[2] else "") for place in PLACES}
    assert "the engine of worker-3, a node of the swarm, does not respond at ssh://10.0.0.3: ssh: refused" in refused(
        prepare, Manager(), engines
    )


def doctor(monkeypatch, text, manager, placed=()):
    """The probes of the swarm, by name."""
    monkeypatch.setattr(swarm_nodes, "SwarmEngine", lambda: manager)
    monkeypatch.setattr(swarm_nodes, "engine_of", lambda place: NodeEngine(error="no ssh" * (place == PLACES[2])))
    return {probe.name: probe for probe in swarm_nodes.examine_swarm(parse_spec(text), placed)}


def test_doctor_shows_the_nodes(monkeypatch):
    """Where each node of the lab would run, the ports there, and how each node of the swarm is."""
    found = doctor(monkeypatch, THREE + "listeners: {external: {port: 9194}}\n", Manager())
    assert found["swarm"].detail == "broker-1 on worker-1, broker-2 on worker-2, broker-3 on worker-3"
    assert found["swarm ports"].detail == "10.0.0.1:9194, 10.0.0.2:9195, 10.0.0.3:9196 free"
    assert found["node worker-1"].status == "ok"
    assert found["node worker-3"].status == "fail"
    assert found["node worker-3"].detail.endswith("its engine does not respond: no ssh")


def test_doctor_refuses_as_up_does(monkeypatch):
    """Too few nodes, and a port that a service has; the ports of a lab that runs are its own."""
    assert doctor(monkeypatch, THREE, Manager(nodes=NODES[:1]))["swarm"].status == "fail"
    taken = Manager(ports={9095: "web_proxy"})
    assert "9095 of worker-2 (10.0.0.2) is in use" in doctor(monkeypatch, THREE, taken)["swarm ports"].detail
    assert "swarm ports" not in doctor(monkeypatch, THREE, taken, tuple(zip(NAMES, PLACES, strict=True)))


def test_data_of_another_cluster():
    """A volume that a stack left: Kafka would start with its data."""
    engines = {place: NodeEngine(volumes=["labctl-homework_broker-2-data"] * (place == PLACES[1])) for place in PLACES}
    with pytest.raises(HostError, match="there is already a volume labctl-homework_broker-2-data on worker-2") as error:
        prepare(Manager(), engines)
    assert error.value.hint.startswith("docker -H ssh://10.0.0.2 volume rm labctl-homework_broker-2-data")


def test_an_engine_that_is_too_old():
    """The message names its machine."""
    engines = {place: NodeEngine(server="20.10.24" if place == PLACES[2] else "27.1") for place in PLACES}
    message = "Docker Engine 20.10.24 of worker-3 is too old: labctl's swarms are tested with version 25"
    assert refused(prepare, Manager(), engines) == message


def places(text, nodes):
    spec = parse_spec(text)
    found = choose_places(spec, (), (), nodes)
    require_majority_elsewhere(spec, found, nodes)
    return found


def test_each_node_of_the_lab_has_a_place():
    """In the order of the lab's nodes."""
    assert [(name, place.name) for name, place in places(THREE, NODES)] == [
        ("broker-1", "worker-1"),
        ("broker-2", "worker-2"),
        ("broker-3", "worker-3"),
    ]


def test_too_few_nodes_for_the_voters():
    """Unless lab.yaml accepts that."""
    drained = [*NODES[:2], replace(NODES[2], hindrance="is drained")]
    assert refused(places, THREE, drained) == (
        "3 voters need 3 nodes of the swarm, so that the loss of one leaves a majority; worker-1 would run broker-1, "
        "broker-3: it has 3 nodes, worker-3 is drained"
    )
    assert "it has a manager alone" in refused(places, THREE, NODES[:1])
    assert len(places("kafka: {brokers: 3, placement: any}\n", NODES[:1])) == 3


def test_no_node_for_a_role():
    """Where no node may run a broker."""
    controllers = [replace(node, roles=("controller",)) for node in NODES]
    assert "no node of the swarm may run broker-1 (broker and controller)" in refused(places, THREE, controllers)
