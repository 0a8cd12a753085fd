"""The plan: nodes, addresses, ports, replication, and Kafka's settings."""

import json
from dataclasses import replace

import pytest

from labctl.cli.plan_output import plan_document
from labctl.kafka.broker_settings import node_settings
from labctl.kafka.console_tools import format_options
from labctl.plan.model import HostFacts
from labctl.runtime.access import render
from tests.fakes import IDENTITY, a_plan

THREE = "name: three\nkafka: {brokers: 3, config: {log.retention.hours: 1}}\nlisteners: {external: {port: 19094}}\n"


def test_the_replication_factor_follows_the_number_of_brokers():
    """Kafka's internal topics have min(3, brokers) replicas; min ISR is one less."""
    plan = a_plan(THREE)
    settings = node_settings(plan, plan.nodes[0])
    assert settings["offsets.topic.replication.factor"] == "3"
    assert settings["share.coordinator.state.topic.min.isr"] == "2"
    assert plan.topics[0].replication_factor == 3


def test_isolated_controllers_have_no_listener_for_clients():
    """A broker has the controllers' addresses, and neither has settings that Kafka would reject."""
    plan = a_plan("kafka: {brokers: 2, controllers: 3}\ntopics: []\n")
    assert [(node.name, node.id) for node in plan.nodes] == [
        *(("broker-1", 1), ("broker-2", 2)),
        *(("controller-1", 101), ("controller-2", 102), ("controller-3", 103)),
    ]
    broker, controller = (node_settings(plan, node) for node in (plan.nodes[0], plan.nodes[-1]))
    assert broker["listeners"] == "INTERNAL://broker-1:9092,EXTERNAL://127.0.0.1:9094"
    assert broker["listener.security.protocol.map"] == "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
    assert broker["controller.quorum.voters"] == "101@controller-1:9093,102@controller-2:9093,103@controller-3:9093"
    assert controller["listeners"] == "CONTROLLER://controller-3:9093"
    assert "advertised.listeners" not in controller
    assert "inter.broker.listener.name" not in controller
    assert (broker["offsets.topic.replication.factor"], plan.internal_replication_factor) == ("2", 2)


def test_an_acknowledged_record_of_a_cluster_is_on_two_brokers():
    """min.insync.replicas follows the replication factor, unless lab.yaml sets it."""
    assert dict(a_plan(THREE).topics[0].config) == {"min.insync.replicas": "2"}
    assert a_plan("kafka: {brokers: 3, config: {min.insync.replicas: 1}}").topics[0].config == ()
    explicit = (
        "kafka: {brokers: 3}\ntopics: [{name: a, config: {min.insync.replicas: 1}}, {name: b, replication_factor: 1}]"
    )
    assert [dict(topic.config) for topic in a_plan(explicit).topics] == [{"min.insync.replicas": "1"}, {}]


def test_extra_settings_of_lab_yaml_win():
    """kafka.config takes precedence over labctl's settings."""
    plan = a_plan("kafka: {config: {num.partitions: 7, auto.create.topics.enable: false}}")
    settings = node_settings(plan, plan.nodes[0])
    assert (settings["num.partitions"], settings["auto.create.topics.enable"]) == ("7", "false")


def test_each_broker_has_its_own_ports_and_addresses():
    """External ports count up from the first; each node has its own address in the lab's loopback network."""
    plan = a_plan(THREE)
    assert plan.bootstrap == "localhost:19094,localhost:19095,localhost:19096"
    assert plan.internal_bootstrap == "broker-1:9092,broker-2:9092,broker-3:9092"
    assert [node.address for node in plan.nodes] == ["127.77.1.1", "127.77.1.2", "127.77.1.3"]


def test_auto_ports_come_from_the_lab_s_identity():
    """`port: auto` is the port that was free when the lab was created."""
    assert a_plan("listeners: {external: {port: auto}}").bootstrap == "localhost:20000"


def test_each_node_has_its_own_ports_on_macos():
    """127.0.0.1 is the only loopback address there, so the internal ports count up by two."""
    mac = HostFacts(system="Darwin", cpus=2, memory_total=16 << 30, memory_available=8 << 30)
    plan = a_plan("kafka: {brokers: 3}", facts=mac)
    assert [node.address for node in plan.nodes] == ["127.0.0.1"] * 3
    ports = [[listener.port for listener in node.listeners] for node in plan.nodes]
    assert ports == [[9092, 9093, 9094], [9094, 9095, 9095], [9096, 9097, 9096]]


def test_a_tag_or_digest_of_the_image_is_kept():
    """The version is the tag only where kafka.image has none."""
    assert a_plan("").image == "apache/kafka:4.4.0"
    assert a_plan("kafka: {image: 'localhost:5000/kafka'}").image == "localhost:5000/kafka:4.4.0"
    assert a_plan("kafka: {image: 'mine:v1'}").image == "mine:v1"


def test_a_plan_is_a_json_document():
    """`labctl plan --json` prints it; seed records as in a file of JSON Lines."""
    plan = json.loads(json.dumps(plan_document(a_plan(""))))
    assert plan["nodes"][0]["name"] == "broker"
    assert plan["topics"][0]["records"][0] == {"key": None, "value": "hello, kafka", "partition": 0}
    assert plan["topics"][0]["records"][2]["value"] == {"orderid": 1002, "amount": 300}


def test_the_external_port_may_be_one_of_the_internal_ports():
    """Programs that have localhost:9092 built in find it: the internal addresses of nodes are their own."""
    text = "kafka: {brokers: 3}\nlisteners: {external: {port: 9092}}\nui: {kind: none}\n"
    local, in_docker = a_plan(text), a_plan(text, runtime="compose")
    assert local.bootstrap == in_docker.bootstrap == "localhost:9092,localhost:9093,localhost:9094"
    addresses = {1: "127.0.0.1:9092", 2: "127.0.0.1:9093", 3: "127.0.0.1:9094"}
    assert local.host_addresses == in_docker.host_addresses == addresses
    assert [node.listener("EXTERNAL").port for node in local.nodes] == [9092, 9093, 9094]
    assert local.internal_bootstrap == "broker-1:19092,broker-2:19092,broker-3:19092"  # Kafka refuses one port twice
    assert in_docker.internal_bootstrap == "broker-1:9092,broker-2:9092,broker-3:9092"
    assert [node.listener("EXTERNAL").port for node in in_docker.nodes] == [19092, 19092, 9094]
    assert "127.0.0.1:9093:19092" in render(in_docker)["docker-compose.yml"]


@pytest.mark.parametrize("runtime", ["local", "compose"])
def test_clients_reach_proxied_brokers_through_the_proxy_and_labctl_past_it(runtime):
    """The brokers themselves listen, or are published, on other ports of 127.0.0.1."""
    plan = a_plan("kafka: {brokers: 3}\nlisteners: {external: {bind: 0.0.0.0, faults: true}}", runtime)
    assert plan.bootstrap == "localhost:9094,localhost:9095,localhost:9096"
    assert plan.host_bootstrap() == "127.0.0.1:21000,127.0.0.1:21001,127.0.0.1:21002"
    ports = [(port.address, port.number) for port in plan.host_ports(page=False)]
    assert ports == [("0.0.0.0", 9094 + n) for n in range(3)] + [("127.0.0.1", 21000 + n) for n in range(3)]


def test_brokers_are_in_the_racks_in_turn():
    """Isolated controllers are in none."""
    plan = a_plan("kafka: {brokers: 4, controllers: 3, racks: 3}")
    assert [node.rack for node in plan.nodes] == ["rack-1", "rack-2", "rack-3", "rack-1", "", "", ""]
    assert node_settings(plan, plan.nodes[1])["broker.rack"] == "rack-2"
    assert "broker.rack" not in node_settings(plan, plan.nodes[4])


def test_a_dynamic_quorum_begins_with_the_controllers_of_the_beginning():
    """One that was removed leaves its number; one that came later knows nobody from its storage."""
    identity = replace(IDENTITY, initial_controllers=3, removed_controllers=(1,))
    plan = a_plan("kafka: {brokers: 1, controllers: 3, quorum: dynamic}", identity=identity)
    assert [voter.name for voter in plan.voters] == ["controller-2", "controller-3", "controller-4"]
    assert [bool(voter.directory_id) for voter in plan.voters] == [True, True, False]
    assert format_options(plan, plan.voters[2]) == ["--no-initial-controllers"]
    settings = node_settings(plan, plan.voters[0])
    assert "controller.quorum.voters" not in settings
    assert settings["controller.quorum.bootstrap.servers"].split(",")[2] == "controller-4:9093"


def test_each_plan_of_a_lab_has_the_same_directory_ids():
    """The nodes are formatted one by one, and must know each other's."""
    text = "kafka: {brokers: 3, quorum: dynamic}"
    first, second = (a_plan(text).initial_controllers for _ in range(2))
    assert first == second
    assert len({entry.rpartition(":")[2] for entry in first.split(",")}) == 3
