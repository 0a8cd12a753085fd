"""Runs that fail: they end in time, report the cause, and leave a bundle without secrets."""

import base64
import json
import os
import pty
import re
import resource
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.errors import ReadinessTimeout
from labctl.lab import lifecycle
from labctl.lab.reporter import NullReporter
from labctl.lab.request import LabRequest
from labctl.runtime import access
from labctl.spec.loader import parse_spec
from labctl.state.store import LabStore
from tests.integration.docker_command import docker
from tests.integration.labs import compose_lab, lab_yaml
from tests.integration.polling import wait_for
from tests.integration.secret_search import leaks, secrets_of

AUTO = "listeners: {external: {port: auto}}\nui: {kind: none}\nchecks: none\n"
TIMEOUT = 5  # seconds: --timeout


@pytest.mark.local
def test_a_lab_with_a_frozen_broker_ends_in_time(labctl):
    """`up` reports the layer, what was expected and last observed, and the frozen node."""
    labctl.spec(AUTO + "kafka: {brokers: 3}\n")
    up = labctl.start("up", "--timeout", str(TIMEOUT))
    pids = wait_for(lambda: list(labctl.state.glob("labs/*/nodes/broker-2/pid.json")))
    os.kill(int(re.search(r'"pid": (\d+)', pids[0].read_text())[1]), signal.SIGSTOP)
    _out, err = up.communicate(timeout=60)
    assert up.returncode == 4
    assert "layer quorum: expected a leader and 3 voters caught up" in err
    assert "last observed: " in err
    assert "cause: the node is frozen: stopped by a signal (SIGSTOP)" in err


@pytest.mark.local
def test_a_lab_with_wrong_voters_ends_in_time(tmp_path, monkeypatch, labctl):
    """Three brokers whose voters have wrong ports elect no leader, and `up` reports that before its timeout."""
    render = access.render

    def with_wrong_voters(plan):
        setting = rf"\g<1>{voters(plan)}"
        return {path: re.sub(r"(controller\.quorum\.voters=).*", setting, text) for path, text in render(plan).items()}

    def voters(plan):
        return ",".join(f"{node.id}@{node.name}:{9999 if node.id > 1 else 9093}" for node in plan.voters)

    monkeypatch.setattr(lifecycle, "render", with_wrong_voters)
    monkeypatch.setenv("DOCKER_HOST", labctl.env["DOCKER_HOST"])
    spec = parse_spec(AUTO + f"timeout: {TIMEOUT}\nkafka: {{brokers: 3}}\nruntime: local\n")
    with pytest.raises(ReadinessTimeout, match="layer quorum: expected a leader and 3 voters caught up: timed out"):
        lifecycle.up(LabRequest(spec, "", tmp_path / ".labctl/homework"), LabStore(tmp_path / "s"), NullReporter())


CLIENTS = """
import gc, threading, psutil
from labctl.errors import KafkaFailed
from labctl.kafka.client import KafkaClient

def request():
    for method in (client.quorum, lambda: client.read("t"), lambda: client.member("t", "g")):
        try:
            method()
        except KafkaFailed:
            gc.collect()  # also closes a connection that was being opened

with KafkaClient("127.0.0.1:9", connect=0.2) as client:
    for _ in range(4):
        request()
        print(threading.active_count(), psutil.Process().num_fds())
"""


@pytest.mark.local
def test_clients_without_a_broker_leave_nothing_open():
    """Clients that find no broker leave no threads or open files, so that the page does not run out of them."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLIENTS], capture_output=True, text=True, timeout=60, check=True
    )
    first, *later = done.stdout.splitlines()
    assert later == [first] * 3


FEW_FILES = 160


@pytest.mark.local
def test_a_broker_killed_during_the_checks_is_reported(labctl):
    """Reconnecting clients don't use up labctl's open files: the report and the bundle are written."""
    labctl.spec(AUTO.replace("none", "quick").replace("kind: quick", "kind: none"))
    up = labctl.start("up", "--timeout", "10")
    for line in up.stderr:
        if "✓ topics" in line:
            break
    assert up.poll() is None
    resource.prlimit(up.pid, resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))
    (pids,) = labctl.state.glob("labs/*/nodes/broker/pid.json")
    os.kill(json.loads(pids.read_text())["pid"], signal.SIGKILL)
    _out, err = up.communicate(timeout=60)
    assert up.returncode == 1
    assert "cause: the node was killed from outside (SIGKILL" in err
    bundle = Path(err.splitlines()[-1].removeprefix("  logs and details: "))
    assert (bundle / "logs/broker.log").read_text()
    assert (bundle.parent / "report.html").is_file()


PLANTED = {"setting": "tulips-in-a-setting", "variable": "daisies-in-a-variable"}


def forms_of(secrets):
    """Return each secret as plain text and in the three base64 encodings that its offset allows."""
    forms = set(secrets)
    for secret in secrets:
        for offset in range(3):
            forms.add(base64.b64encode(bytes(offset) + secret.encode()).decode()[4:-4])
    return {form for form in forms if len(form) > 5}


def all_texts(labctl, env):
    """Return the bundle of a failed check, and all its texts: the terminal, every report format, every file."""
    failed = labctl.run("check", "topics", env=env)
    assert failed.returncode == 1, failed.stderr
    last = failed.stderr.splitlines()[-1]
    bundle = Path(last.removeprefix("  logs and details: "))
    texts = {"terminal": failed.stderr + failed.stdout, "json": labctl.run("check", "topics", "--json", env=env).stdout}
    texts |= {f"report {form}": labctl.run("report", "--format", form).stdout for form in FORMS}
    texts |= {str(path.relative_to(bundle)): path.read_text() for path in bundle.rglob("*") if path.is_file()}
    return bundle, texts


FORMS = ("terminal", "md", "json", "html", "junit")


def plant(labctl, secrets, write):
    """Write secrets into a node's log as a program would, plain and in base64."""
    for secret in secrets:
        encoded = base64.b64encode(f"user:{secret}".encode()).decode()
        write(f"[x] WARN log in with {secret} refused, header {encoded} (some.Plugin)")


def require_hidden(labctl, env, secrets):
    """Check that no output has one of `secrets`, and that the same search finds a planted one."""
    forms = forms_of(secrets)
    bundle, texts = all_texts(labctl, env)
    assert {"doctor.txt", "logs/broker.log", "inspect/broker.json", "report.html", "report.xml"} <= set(texts)
    assert "refused, header [hidden]" in re.sub(r"\S*\[hidden\]\S*", "[hidden]", texts["logs/broker.log"])
    assert leaks(forms, texts) == []
    assert leaks(forms, {"planted": f"note: {min(secrets)}", "encoded": min(forms)}) == [
        "encoded",
        "planted",
    ]
    assert bundle.is_dir()


@pytest.mark.local
def test_no_secret_is_in_a_report_or_in_the_bundle(labctl):
    """Secrets in a node's log, in broker settings and in the environment are hidden everywhere."""
    text = lab_yaml("secure")
    labctl.spec(
        re.sub(r"^(kafka:\n)", rf"\1  config: {{my.plugin.password: {PLANTED['setting']}}}\n", text, flags=re.MULTILINE)
    )
    env = {"MY_SERVICE_TOKEN": PLANTED["variable"]}
    labctl.run("up", "--trust", "--runtime", "local", "--checks", "none", env=env, check=True)
    secrets = {*PLANTED.values(), *(secret for secret in secrets_of(labctl) if " " not in secret)}
    log = next(labctl.state.glob("labs/*/nodes/broker/logs/server.log.0"))
    with log.open("a") as file:
        plant(labctl, [*PLANTED.values(), *passwords(labctl)], lambda line: file.write(line + "\n"))
        file.write(next(labctl.state.glob("labs/*/secrets/nodes/broker/node.pem")).read_text())
    admin = ("--bootstrap-server", "broker:9092", "--command-config", "/etc/kafka/secrets/admin.properties")
    labctl.tool("kafka-topics.sh", *admin, "--delete", "--topic", "orders")
    require_hidden(labctl, env, secrets)


def passwords(labctl):
    return [path.read_text().strip() for path in labctl.state.glob("labs/*/secrets/*.password")]


@pytest.mark.docker
def test_no_secret_is_in_the_bundle_of_a_lab_in_docker(engine_labctl, derived):
    """A secret in the container's environment, which docker inspect shows, is hidden in the bundle."""
    config = f", config: {{my.plugin.password: {PLANTED['setting']}}}"
    lines = []
    plant(engine_labctl, PLANTED.values(), lines.append)
    echo = "; ".join(f"echo {shlex.quote(line)}" for line in lines)
    image = derived("teller", f"CMD {json.dumps(['bash', '-c', f'{echo}; exec /etc/kafka/docker/run'])}")
    engine_labctl.spec(compose_lab("secrets", more=config, image=image).replace("checks: quick", "checks: none"))
    env = {"MY_SERVICE_TOKEN": PLANTED["variable"]}
    engine_labctl.run("up", "--trust", env=env, check=True)
    assert PLANTED["setting"] in docker("container", "inspect", "secrets-broker")

    engine_labctl.tool("kafka-topics.sh", "--bootstrap-server", "broker:9092", "--delete", "--topic", "orders")
    require_hidden(engine_labctl, env, set(PLANTED.values()))


@pytest.mark.local
@pytest.mark.parametrize("plain", [False, True])
def test_a_terminal_shows_running_steps(labctl, plain):
    """A terminal shows a step and its time while it runs; with NO_COLOR there is no colour."""
    labctl.spec("listeners: {external: {port: auto}}\nui: {kind: none}\n")
    screen, terminal = pty.openpty()
    env = labctl.env | {"TERM": "xterm"} | ({"NO_COLOR": "1"} if plain else {})
    command = [sys.executable, "-m", "labctl", "up"]
    process = subprocess.Popen(command, cwd=labctl.folder, env=env, stderr=terminal, stdout=subprocess.DEVNULL)
    os.close(terminal)
    output = b""
    while process.poll() is None or select.select([screen], [], [], 0)[0]:
        if select.select([screen], [], [], 0.1)[0]:
            try:
                output += os.read(screen, 65536)
            except OSError:
                break
    os.close(screen)
    assert process.wait() == 0
    text = output.decode()
    assert "0:00:0" in text  # the time of the running step
    assert ("\x1b[32m" in text) is not plain
    assert "ready, verified" in text
    assert "✓" in text
    assert not re.search(r"\bok\b", text), text  # printed where a terminal can't show symbols
