"""A secure lab: clients connect only with the output of `labctl env`, weaknesses are reported, secrets stay hidden."""

import contextlib
import os
import re
import socket
import stat
import subprocess
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.report import FORMATS
from labctl.runtime.jvm.cache import ensure_jars
from labctl.runtime.jvm.java import find_java
from labctl.state.store import LabStore
from tests.integration.labs import REAL_HOME, lab_yaml, make_labctl
from tests.integration.other_clients import KAFKAJS, installed
from tests.integration.polling import wait_for
from tests.integration.secret_search import leaks, readable_by_others, sampled_arguments, secrets_of

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]

SECONDS = 40
REFUSED = "invalid credentials"


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A running secure lab. `arguments` has the command lines of all processes that ran during `up`."""
    labctl = make_labctl(tmp_path_factory.mktemp("secure"))
    labctl.spec(lab_yaml("secure"))
    with sampled_arguments() as arguments:
        labctl.up = labctl.run("up", "--runtime", "local", check=True)
    labctl.arguments = arguments
    yield labctl
    labctl.run("down", check=True)


def env_of(labctl, form):
    return labctl.run("env", "--format", form, check=True).stdout


def password_of(labctl):
    return (labctl.state / "labs/secure/secrets/student.password").read_text().strip()


def mismatched(password):
    return password[:-1] + ("a" if password[-1] != "a" else "b")


def test_every_check_passes(secure):
    """All checks that apply to one broker pass, including `security`."""
    report = secure.json("check")
    status = {check["name"]: check["status"] for check in report["checks"]}
    assert status == dict.fromkeys(status, "passed") | {"ui": "skipped", "replication": "skipped"}, report["checks"]


def test_the_printed_tool_lines_work(secure):
    """The commands to produce and consume that `up` prints work unchanged."""
    lines = dict(re.findall(r"^  (produce|consume): (.*)$", secure.up.stderr, re.MULTILINE))
    words = lines["consume"].replace("labctl exec --name secure broker -- ", "").split()
    secure.tool(*lines["produce"].partition(" -- ")[2].split(), input="typed\n")
    assert "typed" in secure.tool(*words, "--timeout-ms", "10000", check=False).stdout.splitlines()


@pytest.mark.parametrize("form", ["properties", "librdkafka"])
def test_a_check_with_a_client_s_file(secure, form):
    """`check --bootstrap --client-config` connects with the output of `env`, and not with another password."""
    address = secure.json("status")["endpoints"]["external"]
    config = secure.folder / f"admin.{form}"
    config.write_text(secure.run("env", "--user", "admin", "--format", form, check=True).stdout)
    done = secure.run("check", "json-records", "transaction", "--bootstrap", address, "--client-config", config)
    assert done.returncode == 0, done.stderr
    config.write_text(re.sub(r"(sasl\.jaas\.config=.*password=|sasl\.password=).*", r'\1"wrong";', config.read_text()))
    refused = secure.run("check", "json-records", "--bootstrap", address, "--client-config", config)
    assert (refused.returncode, "login: Authentication failed" in refused.stderr) == (4, True), refused.stderr
    config.write_text("security.protocol=PLAINTEXT\n")
    plain = secure.run("check", "json-records", "--bootstrap", address, "--client-config", config)
    assert (plain.returncode, "tls: the listener uses TLS" in plain.stderr) == (4, True), plain.stderr


@pytest.mark.parametrize("wrong", [False, True])
def test_confluent_kafka_with_the_librdkafka_format(secure, wrong):
    """librdkafka connects with the printed settings, and not where one character of the password is changed."""
    from confluent_kafka import Producer

    settings = dict(line.split("=", 1) for line in env_of(secure, "librdkafka").splitlines())
    if wrong:
        settings["sasl.password"] = mismatched(settings["sasl.password"])
    errors = []
    producer = Producer(settings | {"error_cb": errors.append, "message.timeout.ms": SECONDS * 1000})
    delivered = []
    producer.produce("orders", b"by librdkafka", on_delivery=lambda refusal, _message: delivered.append(refusal))

    def outcome():
        producer.poll(0.1)
        return errors or delivered

    wait_for(outcome)
    assert REFUSED in str(errors) if wrong else (delivered, errors) == ([None], [])
    producer.purge()


@pytest.mark.network
def test_kcat(labctl, tmp_path):
    """kcat connects to the oldest Kafka: Debian's librdkafka 2.0 can't do SCRAM with Kafka 4 (fixed in 2.6.1)."""
    program = installed("kcat")
    labctl.spec(lab_yaml("secure"))
    labctl.run("up", "--runtime", "local", "--kafka", "3.9.2", "--checks", "none", timeout=200, check=True)
    settings = tmp_path / "kcat.conf"
    for wrong in (False, True):
        text = env_of(labctl, "librdkafka")
        settings.write_text(text.replace(password_of(labctl), mismatched(password_of(labctl))) if wrong else text)
        command = [program, "-F", str(settings), "-P", "-t", "orders", "-X", "message.timeout.ms=8000"]
        done = subprocess.run(command, input="by kcat\n", capture_output=True, text=True, timeout=SECONDS, check=False)
        assert (done.returncode == 0) != wrong, done.stderr
        assert not wrong or REFUSED in done.stderr


@pytest.mark.network
def test_kafkajs_with_the_shell_format(secure, tmp_path):
    """A Node.js program connects in a shell that evaluated `labctl env`, and not with another password."""
    npm = installed("npm")
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tmp_path), KAFKAJS]
    subprocess.run(install, check=True, capture_output=True, timeout=110)
    script = Path(__file__).with_name("kafkajs_secure.js")
    environment = os.environ | {"NODE_PATH": str(tmp_path / "node_modules"), "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    for wrong in (False, True):
        change = f"KAFKA_SASL_PASSWORD={mismatched(password_of(secure))}\n" if wrong else ""
        script_text = f"{env_of(secure, 'shell')}{change}node {script} 'by kafkajs'"
        done = subprocess.run(
            ["sh", "-c", script_text], capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
        )
        assert done.returncode == int(wrong), done.stdout + done.stderr
        assert not wrong or REFUSED in done.stdout


def test_java_s_console_tools_with_the_properties_format(secure, tmp_path):
    """Kafka's console consumer on the host connects with the printed file, which refers to a password file."""
    lock, jars = ensure_jars("4.4.0", NullReporter())
    classpath = ":".join(str(jars / jar.file_name) for jar in lock.jars)
    settings = tmp_path / "client.properties"
    settings.write_text(env_of(secure, "properties"))
    bootstrap = re.search(r"^bootstrap.servers=(.*)$", settings.read_text(), re.MULTILINE)[1]
    java = [str(find_java().executable), "-XX:TieredStopAtLevel=1", "-cp", classpath]
    tool = ["org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", "orders"]
    options = ["--from-beginning", "--max-messages", "1", "--timeout-ms", "20000", "--command-config", str(settings)]
    secure.tool(
        *("kafka-console-producer.sh", "--bootstrap-server", "broker:9092", "--topic", "orders"),
        *("--command-config", "/etc/kafka/secrets/student.properties"),
        input="for java\n",
    )
    done = subprocess.run([*java, *tool, *options], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.stdout.strip(), done.stderr
    file = re.search(r"\$\{file:(.*?):password\}", settings.read_text())[1]
    wrong = tmp_path / "wrong.properties"
    wrong.write_text(Path(file).read_text().replace(password_of(secure), mismatched(password_of(secure))))
    settings.write_text(settings.read_text().replace(file, str(wrong)))
    done = subprocess.run([*java, *tool, *options], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert not done.stdout.strip()
    assert REFUSED in done.stderr


# -- weakened on purpose ---------------------------------------------------


@contextlib.contextmanager
def weakened(secure, monkeypatch, old, new):
    """Restart the lab with edited broker settings, and restore them after the block."""
    monkeypatch.setenv("XDG_STATE_HOME", secure.env["XDG_STATE_HOME"])
    monkeypatch.setenv("HOME", str(REAL_HOME))
    lab = open_lab("secure", LabStore(), NullReporter())
    settings = lab.files_in_use / "broker" / "server.properties"
    planned = settings.read_text()
    assert old in planned
    try:
        settings.write_text(planned.replace(old, new))
        lab.runtime.stop()
        lab.runtime.up()
        wait_for(lambda: accepts(lab.plan.host_bootstrap()))
        yield
    finally:
        settings.write_text(planned)
        lab.runtime.stop()
        secure.run("up", "--checks", "none", check=True)


def accepts(address):
    with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(address.rsplit(":", 1), 1)):
        return True
    return False


WEAKENED = {
    "no authorizer": (
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "",
        "broker 1 runs with authorizer.class.name=",
    ),
    "everyone is allowed": (
        "super.users=",
        "allow.everyone.if.no.acl.found=true\nsuper.users=",
        "the authorizer allowed the user student to write to a topic without an ACL",
    ),
    "a user with all permissions": (
        "super.users=",
        "super.users=User:student;",
        "the authorizer allowed the user student",
    ),
    "no certificate required": (
        "listener.name.controller.ssl.client.auth=required",
        "listener.name.controller.ssl.client.auth=requested",
        "listener CONTROLLER of broker:9093 rejected a client without a certificate for the wrong reason: ",
    ),
    "no external encryption": (
        "EXTERNAL:SASL_SSL",
        "EXTERNAL:SASL_PLAINTEXT",
        "is open: Kafka responds without TLS",
    ),
    "no internal encryption": (
        "INTERNAL:SASL_SSL",
        "INTERNAL:SASL_PLAINTEXT",
        "INTERNAL:SASL_PLAINTEXT",
    ),
}


@pytest.mark.parametrize("weakness", WEAKENED)
def test_a_weakened_lab_is_reported(secure, monkeypatch, weakness):
    """`check security` fails and reports the weakness."""
    old, new, detail = WEAKENED[weakness]
    with weakened(secure, monkeypatch, old, new):
        report = secure.json("check", "security")
    (check,) = report["checks"]
    assert check["status"] == "failed", check
    assert detail in check["detail"], check
    assert secure.run("check", "security").returncode == 0


def test_an_acl_that_is_not_planned_is_reported(secure, monkeypatch):
    """`check security` fails for an ACL that is not in lab.yaml, and passes once it is removed."""
    admin = ("--bootstrap-server", "broker:9092", "--command-config", "/etc/kafka/secrets/admin.properties")
    acl = ("--allow-principal", "User:student", "--operation", "Delete", "--topic", "orders")
    secure.tool("kafka-acls.sh", *admin, "--add", *acl)
    try:
        report = secure.json("check", "security")
    finally:
        secure.tool("kafka-acls.sh", *admin, "--remove", "--force", *acl)
    assert report["checks"][0]["detail"] == "an ACL that is not in lab.yaml allows student delete topic orders"
    assert secure.run("check", "security").returncode == 0


def test_a_user_who_may_do_everything(labctl):
    """lab.yaml may grant all topics and the cluster; `check` then verifies what is left to refuse."""
    acls = '[{topic: "*", allow: [all]}, {group: "*", allow: [all]}, {cluster: true, allow: [create, describe]}]'
    labctl.spec(
        lab_yaml("secure").replace(
            "    - name: student\n", f"    - name: teacher\n      acls: {acls}\n    - name: student\n"
        )
    )
    labctl.run("up", check=True)
    labctl.run("check", check=True)
    settings = dict(
        line.split("=", 1)
        for line in labctl.run("env", "--format", "librdkafka", "--user", "teacher", check=True).stdout.splitlines()
    )
    admin = AdminClient(settings)
    admin.create_topics([NewTopic("made-by-teacher", 1, 1)])["made-by-teacher"].result(SECONDS)


# -- secrets ---------------------------------------------------------------


def test_no_secret_is_readable(secure):
    """No secret is in reports, rendered files, logs, arguments, environments, output or files that others can read."""
    secrets = secrets_of(secure)
    state = secure.state / "labs"
    texts = {f"rendered {path.name}": path.read_text() for path in secure.folder.rglob("*") if path.is_file()}
    texts |= {"up": secure.up.stderr + secure.up.stdout, "log": secure.run("logs", "broker").stdout}
    texts |= {f"env {form}": env_of(secure, form) for form in ("shell", "dotenv", "json", "properties")}
    texts |= {f"report {form}": secure.run("report", "--format", form).stdout for form in FORMATS}
    texts["plan"] = secure.run("plan", "--json").stdout
    texts["arguments"] = "\n".join(secure.arguments)
    pid = int(re.search(r'"pid": (\d+)', (state / "secure/nodes/broker/pid.json").read_text())[1])
    texts["environment"] = str(psutil.Process(pid).environ())
    texts |= readable_by_others(secure.folder.parent)
    assert "kafka.Kafka" in texts["arguments"]
    assert "StorageTool" in texts["arguments"]
    assert leaks(secrets, texts) == []
    planted = secure.folder / "planted.txt"
    planted.write_text(f"note to myself: {password_of(secure)}")
    try:
        texts = readable_by_others(secure.folder.parent) | {"in base64": min(secrets)}
        assert leaks(secrets, texts) == [str(planted), "in base64"]
    finally:
        planted.unlink()


def test_only_the_owner_can_enter(secure):
    """Other users can't enter the folders of the lab and its secrets, and the CA's own key is not kept."""
    folder = secure.state / "labs" / "secure"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    keys = [path for path in folder.rglob("*.pem") if "PRIVATE KEY" in path.read_text()]
    assert [path.name for path in keys] == ["node.pem"]
