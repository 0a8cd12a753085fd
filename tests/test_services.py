"""The programs beside Kafka: what is planned, what they are asked over HTTP, what is reported of them."""

import base64
import http.server
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.cli.status_output import status_text
from labctl.errors import HostError, LabStopped, NodeDied, ReadinessTimeout, ServiceFailed, SpecError
from labctl.kafka.client_settings import client_settings
from labctl.lab import connect as lab_connect
from labctl.lab import services as lab_services
from labctl.lab.connect import read_files
from labctl.lab.services import wait_for_services
from labctl.runtime import connect_plugins
from labctl.runtime.base import NullProgress
from labctl.services import connectors, schema_registry
from labctl.services.api import request
from labctl.system.waiting import Deadline
from tests.fake_lab import pass_time
from tests.fakes import IDENTITY, FakeRuntime, a_plan

STACK = "name: stack\nservices: {schema_registry: true, connect: true}\n"
AUTO = "services: {schema_registry: {port: auto}}\n"


class Api(http.server.BaseHTTPRequestHandler):
    """The API of a service: `responses` has (status, body) of each path, and `requests` what it received."""

    responses: dict = {}
    requests: list = []

    def respond(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.requests.append((self.command, self.path, self.rfile.read(length), self.headers.get("Authorization")))
        found = (
            self.responses.get((self.command, self.path)) or self.responses.get(self.path) or (404, '{"message": "no"}')
        )
        if isinstance(found, list):  # one after another, the last again and again
            found = found.pop(0) if len(found) > 1 else found[0]
        status, body = found
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_PUT = do_POST = do_DELETE = respond  # noqa: N815 - names of the library

    def log_message(self, *_):
        pass


@pytest.fixture
def connect():
    """Kafka Connect of a lab in Docker, which needs no login, and whose API is Api."""
    Api.responses, Api.requests = {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield replace(a_plan(STACK, "compose").service("connect"), port=server.server_port)
    server.shutdown()
    server.server_close()


# -- the plan --------------------------------------------------------------


def test_a_service_has_its_port_on_this_machine_and_its_own_in_a_container():
    """The addresses of clients on the host and of other containers differ."""
    inside, here = (a_plan(STACK, runtime).service("schema_registry") for runtime in ("compose", "local"))
    assert inside.url == here.url == "http://localhost:8081/apis/ccompat/v7"
    assert inside.inner_url == "http://schema-registry:8081/apis/ccompat/v7"
    assert inside.container == "stack-schema-registry"


def test_a_port_that_is_auto_is_that_of_the_lab():
    """It was chosen when the lab was created; a lab that exists has none for a service that is new."""
    identity = replace(IDENTITY, service_ports=(("schema_registry", 23_456),))
    assert a_plan(AUTO, identity=identity).service("schema_registry").port == 23_456
    with pytest.raises(SpecError, match=r"services.schema_registry.port: labctl chooses a free port when it creates"):
        a_plan(AUTO)


def test_an_engine_on_another_machine_is_refused():
    """Its 127.0.0.1 is not that of the clients."""
    elsewhere = replace(IDENTITY, engine_host="engine.example")
    text = f"{STACK}listeners: {{external: {{bind: 0.0.0.0}}}}\n"
    with pytest.raises(SpecError, match=r"services.schema_registry: .* the Docker Engine is on engine.example"):
        a_plan(text, "compose", identity=elsewhere)


def test_a_login_is_required_where_connectors_use_the_files_of_the_user():
    """In a container they see the container's own files."""
    assert a_plan(STACK, "local").service("connect").login_file == "/state/labs/lab/connect/login"
    assert a_plan(STACK, "compose").service("connect").login_file == ""
    assert a_plan(STACK, "local").service("schema_registry").login_file == ""


def test_the_ports_of_services_are_among_those_that_must_be_free():
    """Each with the key of lab.yaml that sets it."""
    ports = {port.key: port.number for port in a_plan(STACK).host_ports(page=False)}
    assert ports["services.schema_registry.port"] == 8081
    assert ports["services.connect.port"] == 8083


def test_a_lab_without_services_has_none():
    """They are off by default."""
    assert a_plan().services == ()
    assert a_plan("services: {connect: false}\n").services == ()


# -- what clients are given ------------------------------------------------


def test_env_has_the_addresses_of_the_services():
    """For a client on the host, and for a container on the lab's network."""
    here = client_settings(a_plan(STACK, "local"), "dotenv")
    assert "SCHEMA_REGISTRY_URL=http://localhost:8081/apis/ccompat/v7\n" in here
    assert "APICURIO_REGISTRY_URL=http://localhost:8081/apis/registry/v3\n" in here
    assert "CONNECT_URL=http://localhost:8083\nCONNECT_CURL_CONFIG=/state/labs/lab/connect/login.curl\n" in here
    inside = client_settings(a_plan(STACK, "compose"), "shell", place="container")
    assert "SCHEMA_REGISTRY_URL=http://schema-registry:8081/apis/ccompat/v7\n" in inside
    assert "CURL" not in inside
    settings = json.loads(client_settings(a_plan(STACK), "json"))
    assert settings["schema.registry.url"] == "http://localhost:8081/apis/ccompat/v7"


def test_status_shows_each_service():
    """Its address, its state and its memory."""
    service = {"name": "connect", "url": "http://localhost:8083", "state": "running", "detail": "", "memory": 160 << 20}
    document = {
        "lab": "stack",
        "state": "running",
        "detail": "",
        "kafka_version": "4.4.0",
        "runtime": {"name": "local"},
        "created_at": "now",
        "endpoints": {"external": "e", "internal": "i"},
        "nodes": [],
        "services": [service],
        "ui": None,
        "proxy": None,
        "quorum": None,
        "partitions": None,
    }
    assert "  service connect: http://localhost:8083; running 160 MiB\n" in status_text(document)


# -- readiness -------------------------------------------------------------


def test_a_service_that_responds_is_ready(monkeypatch):
    """Each service is a step of its own."""
    monkeypatch.setattr(lab_services, "probe", lambda service: service.url)
    monkeypatch.setattr(lab_services, "require_response", lambda _service: None)
    plan = a_plan(STACK)
    runtime = FakeRuntime(plan)
    runtime.up()
    names = [step.name for step in wait_for_services(plan, runtime, Deadline.after(1))]
    assert names == ["services: schema-registry", "services: connect"]


def test_a_service_that_ended_is_reported_with_its_log(monkeypatch):
    """The wait ends at once, not with a time-out."""
    pass_time(monkeypatch)
    monkeypatch.setattr(lab_services, "CHECK_SECONDS", 0)
    plan = a_plan("services: {connect: {port: 1}}\n", "compose")
    runtime = FakeRuntime(plan, dies={"connect": "[x] SEVERE No such class\njava.lang.IllegalStateException: broken\n"})
    runtime.up()
    with pytest.raises(NodeDied, match=r"Kafka Connect ended: .*(broken|No such class)") as died:
        list(wait_for_services(plan, runtime, Deadline.after(30)))
    assert died.value.hint == "read its log: labctl logs connect"


def test_a_service_that_does_not_respond_is_a_time_out(monkeypatch):
    """It says which service, where, and what was observed."""
    pass_time(monkeypatch)
    plan = a_plan("services: {connect: {port: 1}}\n", "compose")
    runtime = FakeRuntime(plan)
    runtime.up()
    with pytest.raises(ReadinessTimeout, match=r"Kafka Connect: expected a response at http://localhost:1: timed out"):
        list(wait_for_services(plan, runtime, Deadline.after(0)))


# -- requests --------------------------------------------------------------


def test_a_login_is_sent_where_one_is_required(connect, tmp_path):
    """As HTTP's Basic authentication has it; a login that is lost is named."""
    Api.responses["/connectors"] = (200, "[]")
    service = replace(connect, login_file=str(tmp_path / "login"))
    with pytest.raises(HostError, match="the password of connect is lost"):
        request(service, "/connectors")
    (tmp_path / "login").write_text("labctl=secret\n")
    assert request(service, "/connectors") == []
    assert Api.requests[-1][3] == f"Basic {base64.b64encode(b'labctl:secret').decode()}"


def test_a_refusal_is_the_service_s_own_sentence(connect):
    """With the HTTP status; what is no JSON, and nothing at all, are errors too."""
    Api.responses |= {"/a": (409, '{"message": "rebalancing"}'), "/b": (500, "<html>"), "/c": (200, "<html>")}
    with pytest.raises(ServiceFailed, match=r"^rebalancing$") as refused:
        request(connect, "/a")
    assert refused.value.status == 409
    with pytest.raises(ServiceFailed, match=r"^500"):
        request(connect, "/b")
    with pytest.raises(ServiceFailed, match="something other than JSON"):
        request(connect, "/c")
    with pytest.raises(ServiceFailed, match="Kafka Connect does not respond: Connection refused"):
        request(replace(connect, port=1), "/a")


# -- connectors ------------------------------------------------------------


def test_a_change_waits_until_the_worker_s_group_is_stable(connect, monkeypatch):
    """It refuses changes meanwhile with 409. Numbers and booleans are sent as text."""
    pass_time(monkeypatch)
    Api.responses["/connectors"] = (200, "[]")
    Api.responses["/connectors/a%2Fb/config"] = [(409, '{"message": "rebalancing"}'), (201, "{}")]
    assert connectors.apply(connect, "a/b", {"tasks.max": 1, "errors.log.enable": True}) is True
    sent = [json.loads(body) for method, _path, body, _login in Api.requests if method == "PUT"]
    assert sent == [{"tasks.max": "1", "errors.log.enable": "true"}] * 2


def test_why_a_task_failed_is_the_deepest_cause(connect):
    """Kafka Connect has it in a stack trace of many lines."""
    trace = (
        "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\tat a.B\n"
        "Caused by: a.DataException: Converting failed\n\tat c.D\n"
        "Caused by: e.JsonParseException: Unrecognized token 'no'\n"
    )
    tasks = [{"id": 0, "state": "FAILED", "trace": trace}, {"id": 1, "state": "RUNNING"}]
    status = {"type": "sink", "connector": {"state": "RUNNING"}, "tasks": tasks}
    Api.responses |= {
        "/connectors/s/status": (200, json.dumps(status)),
        "/connectors/s/config": (200, '{"connector.class": "FileStreamSink"}'),
    }
    found = connectors.status(connect, "s")
    assert (found.kind, found.class_name, found.state) == ("sink", "FileStreamSink", "RUNNING")
    assert found.failures == [
        "task 0 of s failed: Tolerance exceeded in error handler: Unrecognized token 'no'",
    ]


def test_the_files_of_connectors(tmp_path):
    """As Kafka Connect's API has them, or the configuration alone; the name is in it, or that of the file."""
    config = {"connector.class": "FileStreamSource", "topic": "lines"}
    texts = {
        "whole.json": {"name": "one", "config": config},
        "inner.json": {"config": config | {"name": "two"}},
        "three.json": config,
    }
    for name, document in texts.items():
        (tmp_path / name).write_text(json.dumps(document))
    found = read_files([tmp_path / name for name in texts])
    assert [file.name for file in found] == ["one", "two", "three"]
    assert all(file.config == config for file in found)


def test_all_that_is_wrong_with_files_is_reported_together(tmp_path):
    """Before anything is sent."""
    texts = {"list.json": "[]", "text.json": "{", "class.json": '{"topic": "t"}', "value.json": '{"config": {"a": []}}'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(SpecError) as wrong:
        read_files([tmp_path / name for name in [*texts, "none.json"]])
    problems = [problem.removeprefix(f"{tmp_path}/") for problem in wrong.value.problems]
    assert [problem.split(": ")[0] for problem in problems] == [*texts, "none.json"]
    assert "class.json: connector.class is missing" in problems
    assert "value.json: a: a setting is text, a number, true or false" in problems


@pytest.mark.parametrize(
    ("status", "message", "problems"),
    [
        (
            400,
            (
                "Connector configuration is invalid and contains the following 2 error(s):\nMissing topic\nNo file\n"
                "You can also find the above list of errors at the endpoint `/x`"
            ),
            ["c.json: Missing topic", "c.json: No file"],
        ),
        (
            500,
            "Failed to find any class that implements Connector and which name matches Nope, available are: …",
            ["c.json: connector.class: Kafka Connect has no connector Nope"],
        ),
    ],
)
def test_a_configuration_that_is_refused_is_an_error_in_the_file(connect, status, message, problems):
    """A line for each setting that is wrong."""
    Api.responses["/connectors"] = (200, "[]")
    Api.responses["/connectors/c/config"] = (status, json.dumps({"message": message}))
    file = lab_connect.ConnectorFile(Path("c.json"), "c", {"connector.class": "Nope"})
    with pytest.raises(SpecError) as refused:
        list(lab_connect.apply_files(connect, [file]))
    assert refused.value.problems == problems


def test_a_connector_is_settled_when_its_tasks_run(connect, monkeypatch):
    """Until then the worker does not know it, or reports the states of before a restart, or states on the way."""
    pass_time(monkeypatch)
    running = {"type": "source", "connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}]}
    early = [running | {"tasks": [{"id": 0, "state": state}]} for state in ("FAILED", "UNASSIGNED", "RESTARTING")]
    Api.responses |= {
        "/connectors/s/status": [(404, "{}"), *((200, json.dumps(each)) for each in [*early, running])],
        "/connectors/s/config": (200, "{}"),
    }
    assert lab_connect.settled(connect, "s").tasks[0].state == "RUNNING"


def test_a_connector_that_does_not_exist_is_named(connect):
    """With those that exist."""
    Api.responses["/connectors"] = (200, '["lines"]')
    with (
        pytest.raises(SpecError, match="there is no connector nope; there are lines"),
        lab_connect.known_connector(connect, "nope"),
    ):
        connectors.delete(connect, "nope")


def test_subjects_are_deleted_for_good(connect):
    """First so that they can be restored, then for good: that is the order of the registry's API."""
    Api.responses |= {"/subjects": (200, '["a/b"]'), "/subjects/a%2Fb": (200, "[1]")}
    Api.responses["/subjects/a%2Fb?permanent=true"] = (200, "[1]")
    assert schema_registry.delete_subjects(connect) == ["a/b"]
    sent = [(method, path) for method, path, _body, _login in Api.requests]
    assert sent[1:] == [("DELETE", "/subjects/a%2Fb"), ("DELETE", "/subjects/a%2Fb?permanent=true")]


def test_the_login_is_not_sent_before_the_service_is_known_to_run(connect, tmp_path):
    """Another user of this machine may have its port: the first request has no login, and is refused."""
    (tmp_path / "login").write_text("labctl=secret")
    service = replace(connect, login_file=str(tmp_path / "login"))
    plan = replace(a_plan(STACK), services=(service,))
    Api.responses["/connectors"] = (401, "{}")
    runtime = FakeRuntime(plan, dies={"connect": "SEVERE Address already in use"})
    runtime.up()
    with pytest.raises(NodeDied, match="Kafka Connect ended: SEVERE Address already in use"):
        list(wait_for_services(plan, runtime, Deadline.after(5)))
    assert [login for *_request, login in Api.requests] == [None]


def test_a_lab_without_kafka_connect_has_no_connectors(fake_lab):
    """The remedy is the key of lab.yaml."""
    fake_lab.up()
    with pytest.raises(LabStopped, match="the lab lab has no Kafka Connect") as stopped:
        lab_connect.connect_service("lab", fake_lab.store, NullProgress())
    assert "services: {connect: true}" in stopped.value.hint


# -- plugins ---------------------------------------------------------------


def with_plugins(tmp_path, *plugins):
    """A plan with plugins, whose state folder is below `tmp_path`."""
    plan = a_plan("services: {connect: true}\n", identity=replace(IDENTITY, state=str(tmp_path / "state")))
    service = replace(plan.services[0], plugins=tuple(map(str, plugins)))
    return replace(plan, services=(service,)), tmp_path / "state" / "connect" / "plugins"


def test_plugins_are_copied_into_the_lab(tmp_path):
    """Each into a folder of its own, which every user may read. A changed one is copied again, a lost one stays."""
    jar, folder = tmp_path / "one.jar", tmp_path / "many"
    (folder / "lib").mkdir(parents=True)
    for path in (jar, folder / "lib" / "two.jar"):
        path.write_bytes(b"jar")
        path.chmod(0o600)
    plan, target = with_plugins(tmp_path, jar, folder)
    connect_plugins.place_plugins(plan, NullProgress())
    found = sorted(path for path in target.rglob("*.jar"))
    assert sorted(path.name for path in found) == ["one.jar", "two.jar"]
    assert {path.stat().st_mode & 0o777 for path in found} == {0o644}
    assert len({path.relative_to(target).parts[0] for path in found}) == 2
    jar.write_bytes(b"another jar")
    plan, _target = with_plugins(tmp_path, jar)
    connect_plugins.place_plugins(plan, NullProgress())
    (kept,) = target.rglob("*.jar")
    assert (kept.name, kept.read_bytes()) == ("one.jar", b"another jar")
    jar.unlink()
    connect_plugins.place_plugins(plan, NullProgress())
    assert list(target.rglob("*.jar")) == [kept]


def test_a_plugin_that_is_not_there_is_named(tmp_path):
    """A folder without a jar is none either."""
    (tmp_path / "empty").mkdir()
    for name in ("none.jar", "empty"):
        plan, _target = with_plugins(tmp_path, tmp_path / name)
        with pytest.raises(HostError, match=f"services.connect.plugins: .*{name} is not there, or has no jar"):
            connect_plugins.place_plugins(plan, NullProgress())
