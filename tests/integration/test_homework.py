"""The homework lab: the commands of the homework run unchanged."""

import json
import shlex
import subprocess
import sys
import uuid

import pytest

from labctl.kafka.client import KafkaClient
from labctl.runtime.jvm.local import LocalRuntime
from tests import kafka_contract, runtime_contract
from tests.fakes import FACTS
from tests.integration.labs import make_labctl
from tests.integration.other_clients import ConfluentKafka

pytestmark = [pytest.mark.local, pytest.mark.gate]

QUIET = ("--timeout-ms", "20000", "--max-messages", "4")  # the three seed records and another one


def test_the_console_commands_of_the_homework_work_unchanged(labctl):
    """The commands work through `labctl exec broker --` with the same scripts, addresses and stdin."""
    labctl.run("up", "--checks", "none", "--ports", "auto", check=True)
    bin_ = "/opt/kafka/bin"
    server = "--bootstrap-server localhost:9092"
    create = f"{bin_}/kafka-topics.sh --topic t1 --create {server} --partitions 3 --replication-factor 1"
    assert "Created topic t1" in labctl.tool(*shlex.split(create)).stdout
    lines = 'a plain line\n{"orderid":1001,"amount":599.99}\n{"orderid":1002,"amount":300}\n'
    produce = f"{bin_}/kafka-console-producer.sh --topic t1 {server}"
    assert labctl.tool(*shlex.split(produce), input=lines).stderr == ""
    consume = f"{bin_}/kafka-console-consumer.sh --topic orders --from-beginning {server} --max-messages 3"
    first = labctl.tool(*shlex.split(consume)).stdout.splitlines()
    assert sorted(first) == ["hello, kafka", '{"orderid":1001,"amount":599.99}', '{"orderid":1002,"amount":300}']
    copy = labctl.tool(*shlex.split(consume.replace("orders", "t1").replace("localhost:9092", "broker:9092")))
    assert sorted(copy.stdout.splitlines()) == sorted(lines.splitlines())


def test_another_client_writes_and_reads_records(shared):
    """confluent-kafka and the console consumer read the record that confluent-kafka sent."""
    client = ConfluentKafka(shared.bootstrap)
    fresh = f"confluent-kafka-{uuid.uuid4()}"
    client.produce(fresh)
    assert fresh in client.consume(fresh)
    server = ("--bootstrap-server", "localhost:9092")
    read = shared.tool("kafka-console-consumer.sh", "--topic", "orders", "--from-beginning", *server, *QUIET)
    assert fresh in read.stdout.splitlines()


def test_scripts_work_without_their_folder_and_inside_a_shell(shared):
    """`kafka-topics.sh` works by its name alone, and in `sh -c` with a pipe."""
    assert "orders" in shared.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092").stdout
    counted = shared.tool("sh", "-c", "kafka-topics.sh --list --bootstrap-server broker:9092 | wc -l")
    assert int(counted.stdout) >= 1


def test_exec_returns_the_exit_code(shared):
    """`exec` returns the exit code of the program, and 2 for a script that Kafka does not have."""
    assert shared.tool("sh", "-c", "exit 37", check=False).returncode == 37
    unknown = shared.tool("/opt/kafka/bin/kafka-nothing.sh", check=False)
    assert (unknown.returncode, "has no kafka-nothing.sh" in unknown.stderr) == (2, True)


def test_the_report_of_up_has_every_step_and_check(shared):
    """`up` on a running lab checks it, and `labctl report` prints the report in each format."""
    shared.run("up", check=True)
    document = json.loads(shared.run("report", "--format", "json").stdout)
    assert document["status"] == "passed"
    assert {"prepare", "start", "ready", "topics", "checks"} <= {step["name"] for step in document["steps"]}
    quick = {"quorum", "topics", "console-to-host", "host-to-console", "json-records", "consumer-group", "transaction"}
    assert {check["name"] for check in document["checks"]} == quick
    assert "| console-to-host | ✓ passed |" in shared.run("report", "--format", "md").stdout
    assert "ready, verified" in shared.run("report").stdout


def test_all_checks_pass(shared):
    """`check` runs all checks, gives the reason of a skipped one, and leaves no topic and no group in the lab."""
    document = shared.json("check")
    by_name = {check["name"]: check for check in document["checks"]}
    assert {name for name, check in by_name.items() if check["status"] != "passed"} == {
        *("ui", "replication", "security")
    }, by_name
    assert by_name["ui"]["status"] == "skipped"
    assert by_name["ui"]["detail"]
    assert "$ /opt/kafka/bin/kafka-console-consumer.sh" in by_name["host-to-console"]["evidence"][0]
    topics = shared.tool("kafka-topics.sh", "--list", "--bootstrap-server", "broker:9092").stdout.split()
    assert [name for name in topics if not name.startswith("__")] == ["orders"]
    groups = shared.tool("kafka-groups.sh", "--list", "--bootstrap-server", "broker:9092").stdout
    assert "labctl-check" not in groups


def test_single_checks_can_be_selected(shared):
    """`check NAME…` runs these checks only. An unknown name is reported with the known ones."""
    assert [check["name"] for check in shared.json("check", "quorum", "topics")["checks"]] == ["quorum", "topics"]
    wrong = shared.run("check", "quorums")
    assert (wrong.returncode, "there are connect, console-to-host" in wrong.stderr) == (2, True)


def test_the_checks_of_a_kafka_that_labctl_did_not_create(shared):
    """`check --bootstrap` runs the checks of clients on any Kafka, and skips the console checks."""
    document = shared.json("check", "--bootstrap", shared.bootstrap)
    status = {check["name"]: check["status"] for check in document["checks"]}
    assert status["quorum"] == status["transaction"] == status["consumer-group"] == status["keyed-order"] == "passed"
    assert status["console-to-host"] == status["host-to-console"] == "skipped"
    assert (shared.folder / ".labctl/_check/report.html").is_file()
    unreachable = shared.run("check", "--bootstrap", "127.0.0.1:9", "--json")
    assert (unreachable.returncode, json.loads(unreachable.stdout)["status"]) == (4, "error")
    expected = shared.spec("topics: [{name: orders, partitions: 5}]\n", "expected.yaml")
    wrong = shared.run("check", "--bootstrap", shared.bootstrap, "--expect", expected)
    assert (wrong.returncode, "orders has 3 partitions, planned are 5" in wrong.stderr) == (1, True)


def test_the_client_keeps_the_contract(shared):
    """The same contract tests pass as for the fake client."""
    with KafkaClient(shared.bootstrap) as client:
        kafka_contract.keeps_the_contract(client)


def test_client_settings_in_every_format(shared):
    """`env` prints the client settings in each format."""
    assert f"export KAFKA_BOOTSTRAP_SERVERS={shared.bootstrap}\n" in shared.run("env").stdout
    assert json.loads(shared.run("env", "--format", "json").stdout)["bootstrap.servers"] == shared.bootstrap
    assert "security.protocol=plaintext" in shared.run("env", "--format", "librdkafka").stdout


def test_logs_follow(shared):
    """`logs --follow` prints the last lines and keeps running."""
    following = shared.start("logs", "--follow", "--tail", "1")
    try:
        newest = following.stdout.readline()
        assert newest.strip()
        assert newest in shared.run("logs", check=True).stdout.splitlines(keepends=True)[-100:]
    finally:
        following.terminate()
        following.communicate(timeout=10)
    assert following.returncode == 143


def test_stop_and_up_again_keep_the_records_and_the_cluster(labctl):
    """After `stop` and `up` the lab has the same records and the same time of creation."""
    labctl.run("up", "--checks", "none", "--ports", "auto", check=True)
    labctl.tool("kafka-console-producer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092", input="kept\n")
    before = labctl.json("status")
    labctl.run("stop", check=True)
    assert labctl.run("status").returncode == 4
    labctl.run("up", "--checks", "quick", "--ports", "auto", check=True)
    read = labctl.tool(
        *("kafka-console-consumer.sh", "--topic", "orders", "--bootstrap-server", "broker:9092"),
        *("--from-beginning", "--max-messages", "4", "--timeout-ms", "20000"),
    )
    assert "kept" in read.stdout.splitlines()
    assert labctl.json("status")["created_at"] == before["created_at"]


def test_the_local_runtime_keeps_the_contract(tmp_path):
    """The same contract tests pass as for the fake runtime."""
    labctl = make_labctl(tmp_path)
    labctl.run("plan", check=True)
    from labctl.lab.reporter import NullReporter
    from labctl.plan.model import Decision, Identity
    from labctl.plan.planner import make_plan
    from labctl.runtime.jvm.node_files import render_nodes
    from labctl.spec.loader import parse_spec
    from labctl.state.identity import internal_address, new_cluster_id
    from labctl.system.files import write_files

    addresses = internal_address(1, FACTS)
    identity = Identity(cluster_id=new_cluster_id(), state=str(tmp_path / "lab"), external_port=0, **addresses)
    port = _free_port()
    spec = parse_spec(f"name: contract\nlisteners: {{external: {{port: {port}}}}}\n")
    plan = make_plan(spec, Decision("local", "test"), FACTS, identity)
    write_files(render_nodes(plan), tmp_path / "files", "")
    runtime = LocalRuntime(plan, tmp_path / "files", NullReporter())
    try:
        runtime_contract.keeps_the_contract(runtime, "broker", tmp_path)
    finally:
        runtime.down()


def _free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_help_loads_no_heavy_library():
    """`labctl --help` loads none of the heavy libraries, so that it stays fast."""
    heavy = {"kafka", "pydantic", "jinja2", "rich", "tenacity", "requests", "psutil", "ruamel.yaml", "jgo", "filelock"}
    code = "import sys, labctl.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert heavy.isdisjoint(loaded)
