"""The lab page on a real Kafka, in a real browser and over raw HTTP."""

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.integration.browser import findings, opened
from tests.integration.conftest import lab_yaml, make_labctl
from tests.integration.test_checks import SHORT, asked
from tests.integration.test_docker import OWN

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]

LAB = "listeners: {external: {port: auto}}\nui: {port: auto}\nchecks: none\n"
SERVER = ("--bootstrap-server", "broker:9092")
MANY = 100_000
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def paged(tmp_path_factory):
    """A lab with a page; its address."""
    one = make_labctl(tmp_path_factory.mktemp("paged"))
    one.spec(LAB)
    one.run("up", check=True)
    one.page = one.json("status")["endpoints"]["ui"]
    yield one
    one.run("down", check=True)


def port_of(one):
    return int(one.page.rpartition(":")[2])


def get(url, seconds=10):
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        return answer.read().decode()


def raw(one, request):
    """What comes back for the bytes of a request: the status line and the rest."""
    with socket.create_connection(("127.0.0.1", port_of(one)), 10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer.decode(errors="replace")


def eventually(found, seconds=20):
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if answer := found():
            return answer
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def consumed(one, *more):
    read = one.tool(
        *("kafka-console-consumer.sh", *SERVER, "--topic", "orders", "--from-beginning", "--timeout-ms", "6000", *more),
        check=False,
    )
    return read.stdout.splitlines()


# -- in a browser ------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.network
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view(paged, chromium, axe, tmp_path, scheme):
    """Nothing of weight found by axe-core, no complaint of the browser, no wider than the screen."""
    paged.tool("kafka-console-producer.sh", *SERVER, "--topic", "orders", input="seen\n")
    consumed(paged, "--group", "readers")
    shots = Path(os.environ.get("LABCTL_SCREENSHOTS", tmp_path))
    views = {"/": "Addresses", "/topics/orders": "orderid", "/groups": "readers", "/report": "ready, not verified"}
    for size in (DESK, PHONE):
        for path, words in views.items():
            own = f"{paged.page}{path}"
            assets = {f"{paged.page}/assets/page.css", f"{paged.page}/assets/page.js"}
            with opened(chromium, own, also=assets, viewport=size, color_scheme=scheme) as page:
                assert words in page.inner_text("main")
                assert findings(page, axe) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                page.screenshot(
                    path=shots / f"page{path.replace('/', '-')}-{scheme}-{size['width']}.png", full_page=True
                )


@pytest.mark.browser
def test_a_record_goes_in_by_the_page_and_out_by_the_console(paged, chromium):
    """With the keyboard alone; and the other way round, in a second tab that follows."""
    mark = f"by-page-{time.time_ns()}"
    context = chromium.new_context()
    follower, writer = context.new_page(), context.new_page()
    follower.goto(f"{paged.page}/topics/orders")
    follower.check("#follow")
    writer.goto(f"{paged.page}/topics/orders")
    for _ in range(40):
        writer.keyboard.press("Tab")
        if writer.evaluate("document.activeElement.name") == "value":
            break
    writer.keyboard.type(mark)
    writer.keyboard.press("Tab")
    writer.keyboard.press("Enter")
    writer.wait_for_selector(f"text={mark}")
    follower.wait_for_selector(f"text={mark}", timeout=30_000)
    eventually(lambda: mark in consumed(paged))
    back = f"by-console-{time.time_ns()}"
    paged.tool("kafka-console-producer.sh", *SERVER, "--topic", "orders", input=f"{back}\n")
    follower.wait_for_selector(f"text={back}", timeout=30_000)
    context.close()


@pytest.mark.browser
def test_a_topic_is_created_in_the_page(paged, chromium):
    """Kafka's own tool finds it."""
    page = chromium.new_page()
    page.goto(paged.page)
    page.fill("input[name=name]", "made-here")
    page.fill("input[name=partitions]", "2")
    page.get_by_role("button", name="create").click()
    page.wait_for_url("**/topics/made-here")
    described = paged.tool("kafka-topics.sh", *SERVER, "--describe", "--topic", "made-here").stdout
    assert "PartitionCount: 2" in described
    page.close()


@pytest.mark.browser
def test_a_broker_that_is_killed_comes_back_on_the_page(labctl, chromium):
    """The page says so while it is away, and shows the overview again without a click."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.page = labctl.json("status")["endpoints"]["ui"]
    page = chromium.new_page()
    page.goto(labctl.page)
    pid = json.loads(next(labctl.state.glob("labs/*/nodes/broker/pid.json")).read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    page.reload()
    page.wait_for_selector("text=Kafka does not answer", timeout=30_000)
    labctl.run("up", check=True)
    page.wait_for_selector("text=Addresses", timeout=30_000)
    page.close()


def test_a_hundred_thousand_records(paged):
    """The first view of their topic, its oldest records, and one by its offset."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "many", "--partitions", "3")
    load = ("--topic", "many", "--num-records", str(MANY), "--record-size", "100", "--throughput", "-1")
    paged.tool("kafka-producer-perf-test.sh", *load, "--producer-props", "bootstrap.servers=broker:9092", check=False)
    eventually(lambda: f">{MANY}<" in get(paged.page))
    assert get(f"{paged.page}/topics/many").count('<td class="time">') == 50
    assert get(f"{paged.page}/topics/many?from=oldest&count=200").count('<td class="time">') == 200
    third = get(f"{paged.page}/topics/many?from=offset&partition=0&offset=1000&count=1&part=records")
    assert '<td class="number">1000</td>' in third


# -- raw HTTP ----------------------------------------------------------------


def test_other_sites_and_wrong_requests_are_refused(paged):
    """By the bytes: a cross-site form, a name of another site, a large form, no HTTP at all."""
    port = port_of(paged)
    form = "token=x&name=evil&partitions=1"
    post = f"POST /topics HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n"
    typed = "Content-Type: application/x-www-form-urlencoded\r\n"
    cross = f"{post}{typed}Origin: http://evil.example\r\nContent-Length: {len(form)}\r\n\r\n{form}"
    assert raw(paged, cross.encode()).startswith("HTTP/1.1 403")
    rebound = f"GET / HTTP/1.1\r\nHost: evil.example:{port}\r\nConnection: close\r\n\r\n"
    assert raw(paged, rebound.encode()).startswith("HTTP/1.1 400")
    large = f"{post}{typed}Origin: {paged.page}\r\nContent-Length: 2000000\r\n\r\n"
    assert raw(paged, large.encode()).startswith("HTTP/1.1 413")
    assert raw(paged, b"\x16\x03\x01\x00\x00 nonsense\r\n\r\n").startswith("HTTP/1.1 400")
    assert "evil" not in paged.tool("kafka-topics.sh", *SERVER, "--list").stdout


def test_the_port_is_this_machine_s_alone(paged):
    """Nothing listens but on 127.0.0.1."""
    doors = {one.laddr.ip for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port_of(paged)}
    assert doors == {"127.0.0.1"}


# -- with the lab ------------------------------------------------------------


def test_the_page_ends_with_its_lab(labctl, monkeypatch):
    """stop ends it, up starts it again, also after it was killed, which the check `ui` tells; down leaves nothing."""
    labctl.spec(LAB.replace("checks: none", "checks: full"))
    up = labctl.json("up")
    assert {one["name"]: one["status"] for one in up["checks"]}["ui"] == "passed"
    page = up["endpoints"]["ui"]
    assert get(f"{page}/health") == "ok\n"
    pid_file = next(labctl.state.glob("labs/*/page/pid.json"))
    psutil.Process(json.loads(pid_file.read_text())["pid"]).kill()
    monkeypatch.setenv("XDG_STATE_HOME", labctl.env["XDG_STATE_HOME"])
    with asked("homework") as ask:
        failed = ask("ui", SHORT)
    assert (failed.status, f"the page {page}/topics/" in failed.detail) == ("failed", True), failed
    labctl.run("up", "--checks", "none", check=True)
    assert get(f"{page}/health") == "ok\n"
    labctl.run("stop", check=True)
    with pytest.raises(OSError, match="refused"):
        get(page)
    labctl.run("up", "--checks", "none", check=True)
    assert "page (pid" in labctl.run("down", check=True).stderr


def test_a_taken_port_is_told_before_anything_starts(labctl):
    """Exit 3; who has it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        labctl.spec(LAB.replace("ui: {port: auto}", f"ui: {{port: {other.getsockname()[1]}}}"))
        done = labctl.run("up")
    assert done.returncode == 3
    assert f"of the lab page is taken by {psutil.Process().name()} (pid {os.getpid()})" in done.stderr


@pytest.mark.docker
def test_the_page_of_a_lab_in_docker(engine_labctl):
    """The same page beside containers; its check passes."""
    engine_labctl.spec(f"name: paged\nruntime: compose\nkafka: {{image: {OWN}}}\n{LAB}")
    engine_labctl.run("up", "--checks", "none", check=True)
    seen = engine_labctl.json("check", "ui")
    assert seen["status"] == "passed", seen


# -- with locks --------------------------------------------------------------


@pytest.mark.browser
def test_the_page_of_a_secure_lab_opens_to_its_owner_alone(labctl, chromium):
    """By a file that only they can read; the key is in no address, no process list and no report."""
    labctl.spec(lab_yaml("secure").replace("ui: {kind: none}", "ui: {kind: page, port: auto}"))
    labctl.run("up", "--checks", "none", check=True)
    address = labctl.json("status")["endpoints"]["ui"]
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        get(f"{address}/topics/orders")
    door = labctl.run("ui", "--name", "secure", check=True).stdout.strip()
    file = Path(door.removeprefix("file://"))
    assert file.stat().st_mode & 0o077 == 0
    context = chromium.new_context()
    page = context.new_page()
    page.goto(door)
    page.wait_for_selector("text=orders")
    assert page.url == f"{address}/"
    page.goto(f"{address}/topics/orders")
    page.fill("textarea[name=value]", "through the lock")
    page.click("button:has-text('produce')")
    page.wait_for_selector("pre:has-text('through the lock')")
    context.close()
    config = ("--command-config", "/etc/kafka/secrets/student.properties")
    tool = ("kafka-console-consumer.sh", *SERVER, "--topic", "orders", "--from-beginning", "--max-messages", "1")
    assert labctl.tool(*tool, *config).stdout == "through the lock\n"
    checked = labctl.json("check", "ui")
    assert checked["status"] == "passed", checked["checks"]
    key = (file.parent / "page.key").read_text().strip()
    commands = [process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"])]
    assert not any(key in part for command in commands for part in command)
    assert not any(key in path.read_text(errors="replace") for path in labctl.folder.rglob("*") if path.is_file())
