"""The lab page on a real Kafka, in a real browser and over raw HTTP."""

import contextlib
import html
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest

from labctl.webui.page.request_parameters import LARGEST_FORM
from tests.integration.browser import findings, opened
from tests.integration.labs import OWN_IMAGE, lab_yaml, make_labctl
from tests.integration.polling import require_lasting, wait_for
from tests.integration.single_check import SHORT, check_runner

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]

LAB = "listeners: {external: {port: auto}}\nui: {port: auto}\nchecks: none\n"
SERVER = ("--bootstrap-server", "broker:9092")
MANY = 100_000
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 380, "height": 740}
WAIT = 30_000  # milliseconds


@pytest.fixture(scope="module")
def paged(tmp_path_factory):
    """A lab with a page; its address."""
    one = make_labctl(tmp_path_factory.mktemp("paged"))
    one.spec(LAB)
    one.run("up", check=True)
    one.page = one.json("status")["endpoints"]["ui"]
    assert len(consumed(one, "--group", "readers", "--from-beginning", "--max-messages", "2")) == 2
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
        with contextlib.suppress(ConnectionResetError):  # it need not read to its end what it refuses
            while chunk := connection.recv(65536):
                answer += chunk
    return answer.decode(errors="replace")


def node_pid(one, name):
    return json.loads(next(one.state.glob(f"labs/*/nodes/{name}/pid.json")).read_text())["pid"]


def consumed(one, *more):
    """The lines that Kafka's console consumer prints of the topic orders."""
    return one.tool("kafka-console-consumer.sh", *SERVER, "--topic", "orders", *more).stdout.splitlines()


# -- in a browser ------------------------------------------------------------


@pytest.mark.gate
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view(paged, chromium, tmp_path, scheme):
    """Nothing of weight found by axe-core, no complaint of the browser, no wider than the screen."""
    shots = Path(os.environ.get("LABCTL_SCREENSHOTS", tmp_path))
    views = {"/": "Create a topic", "/topics/orders": "orderid", "/groups": "readers", "/report": "ready, not verified"}
    for size in (DESK, PHONE):
        for path, words in views.items():
            own = f"{paged.page}{path}"
            assets = {f"{paged.page}/assets/page.css", f"{paged.page}/assets/page.js"}
            with opened(chromium, own, also=assets, viewport=size, color_scheme=scheme) as page:
                assert words in page.inner_text("main")
                assert findings(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                page.screenshot(
                    path=shots / f"page{path.replace('/', '-')}-{scheme}-{size['width']}.png", full_page=True
                )


def tab_to(page, wanted):
    """Press Tab until the focus is on what JavaScript calls `wanted` of it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"(one => {wanted})(document.activeElement)"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


@pytest.mark.gate
@pytest.mark.browser
def test_a_record_goes_in_by_the_page_and_out_by_the_console(paged, chromium):
    """With the keyboard alone, in two tabs; and the other way round, while somebody is typing."""
    mark = f"by-page-{time.time_ns()}"
    context = chromium.new_context()
    reader, writer = context.new_page(), context.new_page()
    reader.goto(f"{paged.page}/topics/orders")
    writer.goto(paged.page)
    tab_to(writer, "one.textContent === 'orders'")
    writer.keyboard.press("Enter")
    writer.wait_for_url("**/topics/orders")
    writer.wait_for_selector("text=599.99")
    tab_to(writer, "one.name === 'value'")
    writer.keyboard.type(mark)
    tab_to(writer, "one.textContent === 'produce'")
    writer.keyboard.press("Enter")
    told = writer.text_content("text=/^Written: partition [0-2], offset [0-9]+/")
    partition, offset = re.findall(r"[0-9]+", told)
    assert writer.inner_text("tr.fresh td:last-child") == mark
    reader.wait_for_selector(f"text={mark}", timeout=WAIT)
    assert consumed(paged, "--partition", partition, "--offset", offset, "--max-messages", "1") == [mark]
    writer.fill("textarea", "half a sente")
    still = context.new_page()
    still.goto(f"{paged.page}/topics/orders")
    still.uncheck("#live")
    back = f"by-console-{time.time_ns()}"
    paged.tool("kafka-console-producer.sh", *SERVER, "--topic", "orders", input=f"{back}\n")
    for tab in (reader, writer):
        tab.wait_for_selector(f"text={back}", timeout=WAIT)
    assert writer.input_value("textarea") == "half a sente"
    assert back not in still.inner_text("main")
    context.close()


@pytest.mark.gate
@pytest.mark.browser
def test_markup_in_a_record_is_text(paged, chromium):
    """In key and value, also where the page follows: no script runs, nothing is loaded."""
    page = chromium.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{paged.page}/topics/orders")
    evil = "<img src=/evil onerror=\"document.title='evil'\"><script>document.title='evil'</script></pre>"
    paged.tool("kafka-console-producer.sh", *SERVER, "--topic", "orders", input=f"{evil}\n")
    page.wait_for_selector("pre:has-text('onerror')", timeout=WAIT)
    page.reload()
    assert evil in page.locator("pre").all_inner_texts()
    assert "evil" not in page.title()
    assert not [address for address in asked if "evil" in address]
    page.close()


@pytest.mark.browser
def test_a_topic_is_created_in_the_page(paged, chromium):
    """Kafka's own tool finds it; one that exists already is said to be."""
    page = chromium.new_page()
    for _ in range(2):
        page.goto(paged.page)
        page.fill("input[name=name]", "made-here")
        page.fill("input[name=partitions]", "2")
        page.get_by_role("button", name="create").click()
        page.wait_for_selector("h1:has-text('made-here'), [role=alert]:has-text('already')")
    page.wait_for_selector("[role=alert]:has-text('there is a topic made-here already')")
    assert page.input_value("input[name=name]") == "made-here"
    described = paged.tool("kafka-topics.sh", *SERVER, "--describe", "--topic", "made-here").stdout
    assert "PartitionCount: 2" in described
    page.close()


@pytest.mark.browser
def test_what_is_copied_works_when_pasted(paged, chromium):
    """The commands of the page, run by a shell; the address, taken by a client."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(paged.page)

    def copied(name):
        page.click(f"[data-copy={name}]")
        page.wait_for_selector("button:has-text('copied')")
        text = page.evaluate("navigator.clipboard.readText()")
        page.wait_for_selector("button:has-text('copied')", state="hidden")
        return text

    assert copied("external") == paged.json("status")["endpoints"]["external"]
    paged.shell(copied("produce-1"))
    assert "hello" in paged.shell(copied("consume-1") + " --timeout-ms 6000 || true").splitlines()
    context.close()


@pytest.mark.browser
def test_a_broker_that_is_killed_comes_back_on_the_page(labctl, chromium):
    """An open page says so, and keeps what is typed; one that is opened then too; both come back without a click."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.page = labctl.json("status")["endpoints"]["ui"]
    page, late = chromium.new_page(), chromium.new_page()
    page.goto(f"{labctl.page}/topics/orders")
    page.fill("textarea", "half a sente")
    os.kill(node_pid(labctl, "broker"), signal.SIGKILL)
    page.wait_for_selector("[role=alert]:has-text('Kafka does not answer')", timeout=WAIT)
    assert "599.99" in page.inner_text("main")
    late.goto(labctl.page)
    late.wait_for_selector("h1:has-text('Kafka does not answer')")
    labctl.run("up", check=True)
    page.wait_for_selector("[role=alert]", state="hidden", timeout=WAIT)
    assert page.input_value("textarea") == "half a sente"
    late.wait_for_selector("h2:has-text('Topics')", timeout=WAIT)
    page.click("button:has-text('produce')")
    page.wait_for_selector("text=/^Written/")
    labctl.run("stop", check=True)
    page.wait_for_selector("[role=alert]:has-text('was the lab stopped?')", timeout=WAIT)
    page.close()
    late.close()


@pytest.mark.browser
def test_one_of_three_brokers_goes_and_comes_back(labctl, chromium):
    """The overview follows by itself; a topic can be read and written meanwhile; what only that broker had is told."""
    topics = "topics: [{name: orders}, {name: once, replication_factor: 1}]"
    labctl.spec(f"{LAB}kafka: {{brokers: 3}}\n{topics}\n")
    labctl.run("up", check=True)
    page = chromium.new_page()
    page.goto(labctl.json("status")["endpoints"]["ui"])
    page.wait_for_selector("#tiles:has-text('3 of 3')")
    os.kill(node_pid(labctl, "broker-3"), signal.SIGKILL)
    page.wait_for_selector("#tiles:has-text('2 of 3')", timeout=2 * WAIT)
    page.wait_for_selector("#node-rows tr:has-text('broker-3'):has-text('away')", timeout=WAIT)
    page.wait_for_selector("#topic-rows tr:has-text('orders'):has-text('not in sync')", timeout=WAIT)
    page.click("text=once")
    page.wait_for_selector("text=Without a leader", timeout=WAIT)
    page.click("nav >> text=overview")
    page.click("text=orders")
    page.fill("textarea", "with two of three")
    page.click("button:has-text('produce')")
    page.wait_for_selector("td:has-text('with two of three')", timeout=WAIT)
    labctl.run("up", check=True)
    page.click("nav >> text=overview")
    page.wait_for_selector("#tiles:has-text('3 of 3')", timeout=WAIT)
    page.close()


def test_a_topic_that_is_looked_at_can_be_deleted(paged):
    """The page does not make it anew when it asks for it; nor does its producer."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "short-lived", "--partitions", "3")
    token = re.search(r'name="token" value="([^"]+)"', get(paged.page))[1]
    form = urllib.parse.urlencode({"token": token, "value": "x"}).encode()
    url = f"{paged.page}/topics/short-lived"
    written = urllib.request.Request(f"{url}/records", form, {"Origin": paged.page})
    with urllib.request.urlopen(written, timeout=10) as answer:
        assert "Written" in answer.read().decode()
    paged.tool("kafka-topics.sh", *SERVER, "--delete", "--topic", "short-lived")
    wait_for(lambda: "short-lived" not in get(paged.page))
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(url)
    get(f"{paged.page}/topics/orders")
    require_lasting(lambda: "short-lived" not in paged.tool("kafka-topics.sh", *SERVER, "--list").stdout, 2)


def test_a_hundred_thousand_records(paged):
    """The first view of their topic, its oldest records, and one by its offset."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "many", "--partitions", "3")
    load = ("--topic", "many", "--num-records", str(MANY), "--record-size", "100", "--throughput", "-1")
    paged.tool("kafka-producer-perf-test.sh", *load, "--producer-props", "bootstrap.servers=broker:9092", check=False)
    wait_for(lambda: f">{MANY:,}<" in get(paged.page))
    assert get(f"{paged.page}/topics/many").count('<td class="time">') == 50
    assert get(f"{paged.page}/topics/many?from=oldest&count=200").count('<td class="time">') == 200
    third = get(f"{paged.page}/topics/many?from=offset&partition=0&offset=1000&count=1")
    assert '<td class="number">1000</td>' in third


def test_large_records_are_shown_in_part_and_not_kept(paged):
    """The newest 100 of 200 with nearly 1 MB each: what is shown of them is bounded, and so is the page's memory."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "large", "--partitions", "1")
    load = ("--topic", "large", "--num-records", "200", "--record-size", "1000000", "--throughput", "-1")
    paged.tool("kafka-producer-perf-test.sh", *load, "--producer-props", "bootstrap.servers=broker:9092")
    before = paged.json("status")["ui"]["memory"]
    text = get(f"{paged.page}/topics/large?count=100")
    assert re.findall(r'<td class="number">([0-9]+)</td><td class="time">', text) == [*map(str, range(199, 99, -1))]
    assert text.count("(990000 more characters)") == 100
    assert paged.json("status")["ui"]["memory"] - before < 100 << 20


# -- raw HTTP ----------------------------------------------------------------


@pytest.mark.gate
def test_other_sites_and_wrong_requests_are_refused(paged):
    """By the bytes: another site's form, another site's name, no token, too large, chunked too, no form, no HTTP."""
    own = f"Origin: {paged.page}\r\n"
    form = "token=x&name=evil&partitions=1"
    post = f"POST /topics HTTP/1.1\r\nHost: localhost:{port_of(paged)}\r\nConnection: close\r\n"
    post += "Content-Type: application/x-www-form-urlencoded\r\n"

    def sent(headers, body=form):
        return raw(paged, f"{post}{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def read(host):
        return raw(paged, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    for cross in ("Origin: http://evil.example\r\n", "Origin: null\r\n", "", "Referer: http://evil.example/\r\n"):
        assert sent(cross).startswith("HTTP/1.1 403"), cross
    assert "load the page again" in sent(own)
    assert sent(own, "name=evil&partitions=1").startswith("HTTP/1.1 403")
    assert sent(own, "%%%").startswith("HTTP/1.1 400")
    for host in (f"evil.example:{port_of(paged)}", "localhost.evil.example", ""):
        assert read(host).startswith("HTTP/1.1 400"), host
    assert read(f"localhost:{port_of(paged)}").startswith("HTTP/1.1 200")
    large = f"{post}{own}Content-Length: 2000000\r\n\r\n"
    assert raw(paged, large.encode()).startswith("HTTP/1.1 413")
    chunked = f"{post}{own}Transfer-Encoding: chunked\r\n\r\n{LARGEST_FORM + 1:x}\r\n{'x' * (LARGEST_FORM + 1)}"
    assert raw(paged, chunked.encode()).startswith("HTTP/1.1 413")
    assert raw(paged, b"\x16\x03\x01\x00\x00 nonsense\r\n\r\n").startswith("HTTP/1.1 400")
    assert raw(paged, f"GET /{'x' * 200_000} HTTP/1.1\r\n\r\n".encode())[:12] in {"HTTP/1.1 400", ""}
    assert get(f"{paged.page}/health") == "ok\n"
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
    assert (up["ui"]["kind"], up["ui"]["url"], up["ui"]["state"]) == ("page", page, "running")
    assert 10 << 20 < up["ui"]["memory"] < 100 << 20
    assert f"the lab page: {page}; running" in labctl.run("status", check=True).stdout
    assert page in labctl.run("ls", check=True).stdout
    assert get(f"{page}/health") == "ok\n"
    pid_file = next(labctl.state.glob("labs/*/page/pid.json"))
    psutil.Process(json.loads(pid_file.read_text())["pid"]).kill()
    monkeypatch.setenv("XDG_STATE_HOME", labctl.env["XDG_STATE_HOME"])
    with check_runner("homework") as ask:
        failed = ask("ui", SHORT)
    assert (failed.status, f"the page {page}/topics/" in failed.detail) == ("failed", True), failed
    labctl.run("up", "--checks", "none", check=True)
    assert get(f"{page}/health") == "ok\n"
    labctl.run("stop", check=True)
    with pytest.raises(OSError, match="refused"):
        get(page)
    assert labctl.json("status")["ui"]["state"] == "missing"
    labctl.run("up", "--checks", "none", check=True)
    assert "page (pid" in labctl.run("down", check=True).stderr


def test_the_page_survives_its_terminal(labctl):
    """Closed as soon as `up` is done."""
    labctl.spec(LAB)
    labctl.shell("script --quiet --return --command 'labctl up' /dev/null")
    page = labctl.json("status")["endpoints"]["ui"]
    require_lasting(lambda: "Topics" in get(page), 1)


def test_no_file_beside_lab_yaml_is_loaded(labctl):
    """A student's kafka.py is not the page's kafka."""
    labctl.spec(LAB)
    own = [labctl.folder / name for name in ("kafka.py", "socket.py", "uvicorn.py")]
    for file in own:
        file.write_text("raise SystemExit('a file of the student')")
    labctl.shell("labctl up")
    for file in own:
        file.unlink()
    assert "Topics" in get(labctl.json("status")["endpoints"]["ui"])


@pytest.mark.gate
def test_a_taken_port_is_told_before_anything_starts(labctl):
    """Exit 3; who has it; no lab is there afterwards."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        labctl.spec(LAB.replace("ui: {port: auto}", f"ui: {{port: {other.getsockname()[1]}}}"))
        done = labctl.run("up")
    assert done.returncode == 3
    assert f"is in use by {psutil.Process().name()} (pid {os.getpid()})" in done.stderr
    assert labctl.json("ls") == []
    report = json.loads((labctl.folder / ".labctl/homework/report.json").read_text())
    assert [step["name"] for step in report["steps"]] == ["prepare"]


@pytest.mark.docker
def test_the_page_of_a_lab_in_docker(engine_labctl):
    """The same page beside containers; its check passes."""
    engine_labctl.spec(f"name: paged\nruntime: compose\nkafka: {{image: {OWN_IMAGE}}}\n{LAB}")
    engine_labctl.run("up", "--checks", "none", check=True)
    seen = engine_labctl.json("check", "ui")
    assert seen["status"] == "passed", seen
    typed = re.findall(r'<code id="[a-z]+-2"[^>]*>([^<]*)</code>', get(seen["endpoints"]["ui"]))
    produce, consume = map(html.unescape, typed)
    assert "docker exec" in produce
    engine_labctl.shell(produce)
    assert "hello" in engine_labctl.shell(f"{consume} --max-messages 4").splitlines()


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
