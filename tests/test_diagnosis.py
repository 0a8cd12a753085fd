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
    """Neither the wrapping exception nor the stack trace nor later lines."""
    assert root_cause(BAD_SETTING).startswith("org.apache.kafka.common.config.ConfigException: Invalid value abc")
    assert root_cause(WRAPPED) == "java.io.IOException: No space left on device"


def test_a_jvm_that_does_not_start_names_the_reason():
    """The reason is the first line that the JVM printed."""
    log = "Error occurred during initialization of VM\nToo small maximum heap\n"
    assert root_cause(log) == "Error occurred during initialization of VM"


def test_a_log_without_an_error_gives_its_last_line():
    """A killed node logs no reason, so the last line of its log is shown."""
    assert root_cause("[x] INFO a\n[x] INFO b\nWARNING: sun.misc.Unsafe::x will be removed\n") == "[x] INFO b"
    assert root_cause("") == "its log is empty"


@pytest.mark.parametrize("fault", sorted(RECORDED))
def test_a_recorded_fault_is_named(fault):
    """The log of the exited node leads to the fault's name and a remedy."""
    found = diagnose([NodeTrace("broker", "exited", "exit code 1", RECORDED[fault])])
    assert found.fault == fault
    assert found.remedy


@pytest.mark.parametrize("fault", sorted(RECORDED_OF_DOCKER))
def test_a_recorded_fault_of_docker_is_named(fault):
    """Docker's output leads to the fault's name and a remedy."""
    found = docker_error("docker compose up", 1, RECORDED_OF_DOCKER[fault])
    assert found.fault == fault
    assert found.hint


def test_the_node_that_ended_first_is_the_cause():
    """Nodes that ended later ended because of it."""
    first = NodeTrace("b", "exited", "exit code 1", RECORDED["java-option"], ended=10.0)
    later = NodeTrace("a", "exited", "exit code 1", RECORDED["not-formatted"], ended=20.0)
    assert diagnose([later, first]).fault == "java-option"
    assert evidence([later, first])[0].startswith("node b, exited (exit code 1): Unrecognized VM option")


def test_settings_in_the_log_are_no_fault():
    """Kafka logs its settings at INFO, and they contain the words of many faults."""
    log = "[x] INFO values: ssl.x = KeyStoreException\n\tNo space left on device\n[x] INFO up\n"
    assert diagnose([NodeTrace("broker", "running", "", log)]) is None


def test_a_full_disk_under_a_mapped_file():
    """Java gets no error number there: a signal ends the access, and Java has one sentence for all of them."""
    error = "java.lang.InternalError: a fault occurred in an unsafe memory access operation"
    log = f"[x] ERROR Encountered fatal fault: Error starting LogManager\n{error}\n\tat kafka.Kafka\n"
    assert diagnose([NodeTrace("broker", "exited", "exit code 1", log)]).fault == "disk-full"


def test_a_healthy_log_names_no_fault():
    """A log without errors leads to no diagnosis."""
    log = "[x] INFO Kafka Server started (kafka.server.KafkaRaftServer)\n"
    assert diagnose([NodeTrace("broker", "running", "", log)]) is None


def test_the_last_error_of_a_running_node_is_quoted():
    """Lines at level INFO do not explain a failure."""
    quiet = NodeTrace("a", "running", "", "[x] INFO Removed fetcher\n")
    loud = NodeTrace("b", "running", "", "[x] WARN no answer\n[x] ERROR no more room\n[x] INFO going on\n")
    assert evidence([quiet, loud]) == ("node a, running", "node b, running: [x] ERROR no more room")


def test_the_error_of_an_earlier_run_is_not_the_cause():
    """A log goes on over restarts, and the first run's fault was repaired since."""
    first = (
        "[x] INFO Registered `kafka:type=kafka.Log4jController` MBean\n[x] INFO Registered signal handlers for TERM\n"
    )
    disk_full = f"{first}[x] ERROR java.io.IOException: No space left on device\n"
    killed = NodeTrace("a", "exited", "exit code 137", f"{disk_full}{first}[x] INFO going on\n")
    assert diagnose([killed]).fault == "node-killed"
    assert evidence([killed]) == ("node a, exited (exit code 137): [x] INFO going on",)
    before_its_settings = f"{disk_full}{first.splitlines()[0]}\n[x] ERROR Exiting Kafka due to an odd exception\n"
    assert diagnose([NodeTrace("a", "exited", "exit code 1", before_its_settings)]) is None
