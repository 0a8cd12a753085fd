import pytest

from labctl.diagnostics.diagnosis import NodeTrace, diagnose, evidence, root_cause
from labctl.runtime.docker.errors import docker_error
from tests.recorded_faults import RECORDED, RECORDED_OF_DOCKER

BAD_SETTING = """[2026-11-23 09:00:00,000] INFO starting (kafka.server.KafkaServer)
[2026-11-23 09:00:00,100] SEVERE Exiting Kafka due to fatal exception (kafka.Kafka$)
org.apache.kafka.common.config.ConfigException: Invalid value abc for configuration log.retention.hours: Not a number
\tat org.apache.kafka.common.config.ConfigDef.parseType(ConfigDef.java:736)
"""
WRAPPED = """[x] ERROR Failed to start (kafka.server.KafkaRaftServer)
java.lang.RuntimeException: wrapper
\tat a.b.C
Caused by: java.io.IOException: No space left on device
\tat d.e.F
[x] INFO later
"""


def test_the_cause_of_the_first_exception_is_quoted():
    """Not the wrapper, not the stack, not what came later."""
    assert root_cause(BAD_SETTING).startswith("org.apache.kafka.common.config.ConfigException: Invalid value abc")
    assert root_cause(WRAPPED) == "java.io.IOException: No space left on device"


def test_a_jvm_that_does_not_start_says_so():
    """The JVM's own first line is the reason."""
    log = "Error occurred during initialization of VM\nToo small maximum heap\n"
    assert root_cause(log) == "Error occurred during initialization of VM"


def test_a_log_without_an_error_gives_its_last_line():
    """A node that was killed says nothing: its last words are shown."""
    assert root_cause("[x] INFO a\n[x] INFO b\n") == "[x] INFO b"
    assert root_cause("") == "its log is empty"


@pytest.mark.parametrize("fault", sorted(RECORDED))
def test_a_recorded_fault_is_named(fault):
    """Its trace in a dead node's log leads to its cause and a remedy."""
    found = diagnose([NodeTrace("broker", "exited", "exit code 1", RECORDED[fault])])
    assert found.fault == fault
    assert found.remedy


@pytest.mark.parametrize("fault", sorted(RECORDED_OF_DOCKER))
def test_a_recorded_fault_of_docker_is_named(fault):
    """Docker's own words lead to its cause and a remedy."""
    found = docker_error("docker compose up", 1, RECORDED_OF_DOCKER[fault])
    assert found.fault == fault
    assert found.hint


def test_the_node_that_died_first_is_asked_first():
    """Those that it took with it have nothing to say."""
    first = NodeTrace("b", "exited", "exit code 1", RECORDED["java-option"], ended=10.0)
    later = NodeTrace("a", "exited", "exit code 1", RECORDED["not-formatted"], ended=20.0)
    assert diagnose([later, first]).fault == "java-option"
    assert evidence([later, first])[0].startswith("node b, exited (exit code 1): Unrecognized VM option")


def test_what_kafka_tells_of_itself_is_no_fault():
    """Its settings, told at INFO, have the words of many faults."""
    log = "[x] INFO values: ssl.x = KeyStoreException\n\tNo space left on device\n[x] INFO up\n"
    assert diagnose([NodeTrace("broker", "running", "", log)]) is None


def test_a_healthy_log_names_no_fault():
    """Nothing is diagnosed where nothing is wrong."""
    log = "[x] INFO Kafka Server started (kafka.server.KafkaRaftServer)\n"
    assert diagnose([NodeTrace("broker", "running", "", log)]) is None


def test_a_node_that_runs_is_quoted_where_it_complains():
    """What it tells at INFO explains no failure."""
    quiet = NodeTrace("a", "running", "", "[x] INFO Removed fetcher\n")
    loud = NodeTrace("b", "running", "", "[x] WARN no answer\n[x] ERROR no more room\n[x] INFO going on\n")
    assert evidence([quiet, loud]) == ("node a, running", "node b, running: [x] ERROR no more room")
