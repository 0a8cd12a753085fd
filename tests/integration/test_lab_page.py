"""The lab page on a real Kafka, in a real browser and over raw HTTP."""

import contextlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest

from labctl.webui.page.request_parameters import LARGEST_FORM
from tests.integration.browser import findings, open_page
from tests.integration.labs import OWN_IMAGE, lab_yaml, make_labctl
from tests.integration.polling import read_url, require_lasting, wait_for
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
    """A running lab with a page. Its attribute `page` is the address."""
    labctl = make_labctl(tmp_path_factory.mktemp("paged"))
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.page = labctl.json("status")["endpoints"]["ui"]
    assert len(consumed(labctl, "--group", "readers", "--from-beginning", "--max-messages", "2")) == 2
    yield labctl
    labctl.run("down", check=True)


def port_of(labctl):
    return int(labctl.page.rpartition(":")[2])


def raw(labctl, request):
    """Send the bytes of a request and return the whole response."""
    with socket.create_connection(("127.0.0.1", port_of(labctl)), 10) as connection:
        connection.sendall(request)
        response = b""
        with contextlib.suppress(ConnectionResetError):  # the page does not read all of what it refuses
            while chunk := connection.recv(65536):
                response += chunk
    return response.decode(errors="replace")


def node_pid(labctl, name):
    return json.loads(next(labctl.state.glob(f"labs/*/nodes/{name}/pid.json")).read_text())["pid"]


def consumed(labctl, *more):
    """Return the lines of the topic orders that Kafka's console consumer prints."""
    return labctl.tool("kafka-console-consumer.sh", *SERVER, "--topic", "orders", *more).stdout.splitlines()


# -- in a browser ------------------------------------------------------------


@pytest.mark.gate
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_view(paged, chromium, tmp_path, scheme):
    """axe-core finds no serious violation, the browser logs no error, and the page fits the width of the screen."""
    shots = Path(os.environ.get("LABCTL_SCREENSHOTS", tmp_path))
    views = {
        "/": "Create a topic",
        "/topics/orders": "orderid",
        "/topics/orders?find=hello": "1 found, all records examined",
        "/topics/orders/delete?what=topic": "Delete the topic orders?",
        "/groups": "readers",
        "/charts": "Records in",
        "/report": "ready, not verified",
    }
    for size in (DESK, PHONE):
        for path, text in views.items():
            own = f"{paged.page}{path}"
            assets = {f"{paged.page}/assets/page.css", f"{paged.page}/assets/page.js"}
            with open_page(chromium, own, also=assets, viewport=size, color_scheme=scheme) as page:
                assert text in page.inner_text("main")
                assert findings(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
                page.screenshot(
                    path=shots / f"page{re.sub('[^a-z]', '-', path)}-{scheme}-{size['width']}.png", full_page=True
                )


def tab_to(page, wanted):
    """Press Tab until the JavaScript condition `wanted` is true for the focused `element`."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"(element => {wanted})(document.activeElement)"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


@pytest.mark.gate
@pytest.mark.browser
def test_records_between_the_page_and_the_console(paged, chromium):
    """A record typed with the keyboard reaches another tab and the console. The console's record reaches the page."""
    mark = f"by-page-{time.time_ns()}"
    context = chromium.new_context()
    reader, writer = context.new_page(), context.new_page()
    reader.goto(f"{paged.page}/topics/orders")
    writer.goto(paged.page)
    tab_to(writer, "element.textContent === 'orders'")
    writer.keyboard.press("Enter")
    writer.wait_for_url("**/topics/orders")
    writer.wait_for_selector("text=599.99")
    tab_to(writer, "element.name === 'value'")
    writer.keyboard.type(mark)
    tab_to(writer, "element.textContent === 'produce'")
    writer.keyboard.press("Enter")
    message = writer.text_content("text=/^Written: partition [0-2], offset [0-9]+/")
    partition, offset = re.findall(r"[0-9]+", message)
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
    """A record with markup is shown as text, also after a refresh: no script runs and nothing is loaded."""
    page = chromium.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{paged.page}/topics/orders")
    evil = "<img src=/evil onerror=\"document.title='evil'\"><script>document.title='evil'</script></pre>"
    paged.tool("kafka-console-producer.sh", *SERVER, "--topic", "orders", input=f"{evil}\n")
    page.wait_for_selector("pre:has-text('onerror')", timeout=WAIT)
    page.reload()
    assert evil in page.locator("pre").all_inner_texts()
    assert "evil" not in page.title()
    assert not [address for address in requests if "evil" in address]
    page.close()


@pytest.mark.browser
def test_a_topic_is_created_in_the_page(paged, chromium):
    """Kafka's own tool describes the new topic. The page reports a topic that exists already."""
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
def test_copied_commands_work_when_pasted(paged, chromium):
    """The copied address is the lab's, and the copied commands work in a shell."""
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
def test_the_page_recovers_after_a_broker_was_killed(labctl, chromium):
    """An open page and a new one report the killed broker, keep typed text, and recover without a click."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.page = labctl.json("status")["endpoints"]["ui"]
    page, second = chromium.new_page(), chromium.new_page()
    page.goto(f"{labctl.page}/topics/orders")
    page.fill("textarea", "half a sente")
    os.kill(node_pid(labctl, "broker"), signal.SIGKILL)
    page.wait_for_selector("[role=alert]:has-text('Kafka does not respond')", timeout=WAIT)
    assert "599.99" in page.inner_text("main")
    second.goto(labctl.page)
    second.wait_for_selector("h1:has-text('Kafka does not respond')")
    labctl.run("up", check=True)
    page.wait_for_selector("[role=alert]", state="hidden", timeout=WAIT)
    assert page.input_value("textarea") == "half a sente"
    second.wait_for_selector("h2:has-text('Topics')", timeout=WAIT)
    page.click("button:has-text('produce')")
    page.wait_for_selector("text=/^Written/")
    labctl.run("stop", check=True)
    page.wait_for_selector("[role=alert]:has-text('was the lab stopped?')", timeout=WAIT)
    page.close()
    second.close()


@pytest.mark.browser
def test_one_of_three_brokers_is_killed_and_restarted(labctl, chromium):
    """The overview refreshes automatically, topics stay usable, and a partition without a leader is reported."""
    topics = "topics: [{name: orders}, {name: once, replication_factor: 1}]"
    labctl.spec(f"{LAB}kafka: {{brokers: 3}}\n{topics}\n")
    labctl.run("up", check=True)
    page = chromium.new_page()
    page.goto(labctl.json("status")["endpoints"]["ui"])
    page.wait_for_selector("#tiles:has-text('3 of 3')")
    os.kill(node_pid(labctl, "broker-3"), signal.SIGKILL)
    page.wait_for_selector("#tiles:has-text('2 of 3')", timeout=2 * WAIT)
    page.wait_for_selector("#node-rows tr:has-text('broker-3'):has-text('does not respond')", timeout=WAIT)
    page.wait_for_selector("#topic-rows tr:has-text('orders'):has-text('ISR not full')", timeout=WAIT)
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


def test_a_topic_that_the_page_shows_can_be_deleted(paged):
    """Neither the page's consumers nor its producer create the topic again."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "short-lived", "--partitions", "3")
    token = re.search(r'name="token" value="([^"]+)"', read_url(paged.page))[1]
    form = urllib.parse.urlencode({"token": token, "value": "x"}).encode()
    url = f"{paged.page}/topics/short-lived"
    request = urllib.request.Request(f"{url}/records", form, {"Origin": paged.page})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert "Written" in response.read().decode()
    paged.tool("kafka-topics.sh", *SERVER, "--delete", "--topic", "short-lived")
    wait_for(lambda: "short-lived" not in read_url(paged.page))
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            read_url(url)
    read_url(f"{paged.page}/topics/orders")
    require_lasting(lambda: "short-lived" not in paged.tool("kafka-topics.sh", *SERVER, "--list").stdout, 2)


def test_a_hundred_thousand_records(paged):
    """The page shows the newest and the oldest records of a large topic, and a record by its offset."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "many", "--partitions", "3")
    load = ("--topic", "many", "--num-records", str(MANY), "--record-size", "100", "--throughput", "-1")
    paged.tool("kafka-producer-perf-test.sh", *load, "--producer-props", "bootstrap.servers=broker:9092", check=False)
    wait_for(lambda: f">{MANY:,}<" in read_url(paged.page))
    assert read_url(f"{paged.page}/topics/many").count('<td class="time">') == 50
    assert read_url(f"{paged.page}/topics/many?from=oldest&count=200").count('<td class="time">') == 200
    third = read_url(f"{paged.page}/topics/many?from=offset&partition=0&offset=1000&count=1")
    assert '<td class="number">1000</td>' in third


def test_records_are_found_downloaded_and_deleted(paged):
    """By a JSON path and by a time, among 20,000 others; what is downloaded can be loaded again."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "haystack", "--partitions", "3")
    lines = [json.dumps({"value": {"orderid": number}, "partition": number % 3}) for number in range(MANY // 5)]
    (paged.folder / "haystack.jsonl").write_text("".join(f"{line}\n" for line in lines))
    paged.run("load", "haystack", "haystack.jsonl", check=True)
    url = f"{paged.page}/topics/haystack"
    found = read_url(f"{url}?find=%24.orderid+%3D+19000&in=path")
    assert re.search(r"1 found, .* records examined", found)
    assert "19000" in found
    assert "0 found, all records examined" in read_url(f"{url}?find=no+such+text")
    assert "No records here." in read_url(f"{url}?from=time&time=2999-01-01+00:00")
    assert read_url(f"{url}?from=time&time=2020-01-01+00:00&count=200").count('<td class="time">') == 200
    downloaded = read_url(f"{url}/download?from=oldest&partition=0&count=3")
    assert [json.loads(line)["value"]["orderid"] for line in downloaded.splitlines()] == [0, 3, 6]
    (paged.folder / "part.jsonl").write_text(downloaded)
    paged.run("load", "haystack", "part.jsonl", check=True)
    token = re.search(r'name="token" value="([^"]+)"', read_url(f"{url}/delete?what=records"))[1]
    for what in ("records", "topic"):
        form = urllib.parse.urlencode({"token": token, "what": what}).encode()
        request = urllib.request.Request(f"{url}/delete", form, {"Origin": paged.page})
        with urllib.request.urlopen(request, timeout=30) as response:
            assert response.status == 200
        if what == "records":
            wait_for(lambda: "No records here." in read_url(url))
    wait_for(lambda: "haystack" not in read_url(paged.page))


def test_values_with_a_schema_are_decoded(labctl):
    """Orders in Avro and JSON Schema, as the lab's registry has their schemas."""
    labctl.spec(f"{LAB}runtime: local\nservices: {{schema_registry: {{port: auto}}}}\n")
    labctl.run("up", check=True, timeout=390)
    page = labctl.json("status")["endpoints"]["ui"]
    for language in ("avro", "json"):
        labctl.tool("kafka-topics.sh", *SERVER, "--create", "--topic", language, "--partitions", "1")
        labctl.run("traffic", language, "--schema", language, "--rate", "20", "--for", "1s", check=True)
        text = html.unescape(read_url(f"{page}/topics/{language}?count=5"))
        assert text.count("schema ") >= 5
        assert '"ordered_at": "2' in text
    assert "20 found" in read_url(f"{page}/topics/avro?find=%24.amount&in=path")


def test_large_records_are_shortened_and_not_kept(paged):
    """The page shortens 100 records of nearly 1 MB each, and its memory use stays limited."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "large", "--partitions", "1")
    load = ("--topic", "large", "--num-records", "200", "--record-size", "1000000", "--throughput", "-1")
    paged.tool("kafka-producer-perf-test.sh", *load, "--producer-props", "bootstrap.servers=broker:9092")
    before = paged.json("status")["ui"]["memory"]
    text = read_url(f"{paged.page}/topics/large?count=100")
    assert re.findall(r'<td class="number">([0-9]+)</td><td class="time">', text) == [*map(str, range(199, 99, -1))]
    assert text.count("(990000 more characters)") == 100
    assert paged.json("status")["ui"]["memory"] - before < 100 << 20


def test_the_charts_and_metrics_of_traffic(paged):
    """What was written appears in the metrics exactly, and in the charts as a line; the memory is the node's."""
    paged.tool("kafka-topics.sh", *SERVER, "--create", "--topic", "measured", "--partitions", "3")
    paged.run("traffic", "measured", "--rate", "100", "--for", "3s", check=True)
    wait_for(lambda: 'labctl_topic_offsets_total{topic="measured"} 300.0' in read_url(f"{paged.page}/metrics"))
    metrics = read_url(f"{paged.page}/metrics")
    assert re.search(r'labctl_group_committed_total{group="readers",topic="orders"} [1-9]', metrics)
    assert re.search(r'labctl_broker_request_seconds{broker="broker"} 0\.\d', metrics)
    memory = float(re.search(r'labctl_node_memory_bytes{node="broker"} (\S+)', metrics)[1])
    assert memory == pytest.approx(psutil.Process(node_pid(paged, "broker")).memory_info().rss, rel=0.5)
    wait_for(lambda: "measured</td>" in read_url(f"{paged.page}/charts"))  # a rate needs two samples


# -- raw HTTP ----------------------------------------------------------------


@pytest.mark.gate
def test_other_sites_and_wrong_requests_are_refused(paged):
    """The page refuses forms and host names of other sites, forms without a token, large ones, and invalid requests."""
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
    assert read_url(f"{paged.page}/health") == "ok\n"
    assert "evil" not in paged.tool("kafka-topics.sh", *SERVER, "--list").stdout


def test_the_page_listens_on_loopback_only(paged):
    """The page listens on 127.0.0.1 only."""
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.laddr.port == port_of(paged)
    }
    assert addresses == {"127.0.0.1"}


# -- with the lab ------------------------------------------------------------


def test_the_page_ends_with_its_lab(labctl, monkeypatch):
    """`stop` and `down` end the page, `up` starts it again, and the check `ui` fails where it was killed."""
    labctl.spec(LAB.replace("checks: none", "checks: full"))
    up = labctl.json("up")
    assert {check["name"]: check["status"] for check in up["checks"]}["ui"] == "passed"
    page = up["endpoints"]["ui"]
    assert (up["ui"]["kind"], up["ui"]["url"], up["ui"]["state"]) == ("page", page, "running")
    assert 10 << 20 < up["ui"]["memory"] < 100 << 20
    assert f"the lab page: {page}; running" in labctl.run("status", check=True).stdout
    assert page in labctl.run("ls", check=True).stdout
    assert read_url(f"{page}/health") == "ok\n"
    pid_file = next(labctl.state.glob("labs/*/page/pid.json"))
    psutil.Process(json.loads(pid_file.read_text())["pid"]).kill()
    monkeypatch.setenv("XDG_STATE_HOME", labctl.env["XDG_STATE_HOME"])
    with check_runner("homework") as run_check:
        failed = run_check("ui", SHORT)
    assert (failed.status, f"the page {page}/topics/" in failed.detail) == ("failed", True), failed
    labctl.run("up", "--checks", "none", check=True)
    assert read_url(f"{page}/health") == "ok\n"
    labctl.run("stop", check=True)
    with pytest.raises(OSError, match="refused"):
        read_url(page)
    assert labctl.json("status")["ui"]["state"] == "missing"
    labctl.run("up", "--checks", "none", check=True)
    assert "page (pid" in labctl.run("down", check=True).stderr


def test_the_page_survives_its_terminal(labctl):
    """The page still runs after the terminal of `up` was closed."""
    labctl.spec(LAB)
    labctl.shell("script --quiet --return --command 'labctl up' /dev/null")
    page = labctl.json("status")["endpoints"]["ui"]
    require_lasting(lambda: "Topics" in read_url(page), 1)


def test_no_file_beside_lab_yaml_is_loaded(labctl):
    """The page does not import a kafka.py beside lab.yaml."""
    labctl.spec(LAB)
    files = [labctl.folder / name for name in ("kafka.py", "socket.py", "uvicorn.py")]
    for file in files:
        file.write_text("raise SystemExit('a file of the student')")
    labctl.shell("labctl up")
    for file in files:
        file.unlink()
    assert "Topics" in read_url(labctl.json("status")["endpoints"]["ui"])


@pytest.mark.parametrize("module", ["jvm.local", "docker.compose", "swarm.stack"])
def test_the_page_loads_no_pydantic(module):
    """It needs 10 MB and 0.1 s: the page opens a runtime for the memory of nodes, and no lab.yaml."""
    code = f"import sys, labctl.webui.page.server, labctl.runtime.{module}; sys.exit('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.gate
def test_a_taken_port_is_reported_before_anything_starts(labctl):
    """`up` exits with 3, names the program that uses the port, and leaves no lab."""
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
    """The page runs beside containers, its check passes, its commands use docker exec, and it knows their memory."""
    engine_labctl.spec(f"name: paged\nruntime: compose\nkafka: {{image: {OWN_IMAGE}}}\n{LAB}")
    engine_labctl.run("up", "--checks", "none", check=True)
    report = engine_labctl.json("check", "ui")
    assert report["status"] == "passed", report
    commands = re.findall(r'<code id="[a-z]+-2"[^>]*>([^<]*)</code>', read_url(report["endpoints"]["ui"]))
    produce, consume = map(html.unescape, commands)
    assert "docker exec" in produce
    engine_labctl.shell(produce)
    assert "hello" in engine_labctl.shell(f"{consume} --max-messages 4").splitlines()
    wait_for(lambda: 'labctl_node_memory_bytes{node="broker"}' in read_url(f"{report['endpoints']['ui']}/metrics"))


# -- with a login ------------------------------------------------------------


@pytest.mark.browser
def test_only_the_owner_can_open_the_page_of_a_secure_lab(labctl, chromium):
    """The owner logs in with a file that others can't read. The key is in no address, command line or report."""
    labctl.spec(lab_yaml("secure").replace("ui: {kind: none}", "ui: {kind: page, port: auto}"))
    labctl.run("up", "--checks", "none", check=True)
    address = labctl.json("status")["endpoints"]["ui"]
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        read_url(f"{address}/topics/orders")
    login_url = labctl.run("ui", "--name", "secure", check=True).stdout.strip()
    file = Path(login_url.removeprefix("file://"))
    assert file.stat().st_mode & 0o077 == 0
    context = chromium.new_context()
    page = context.new_page()
    page.goto(login_url)
    page.wait_for_selector("text=orders")
    assert re.fullmatch(rf"{address}/[\w-]{{16}}/", page.url)
    page.click("a:has-text('orders')")
    page.fill("textarea[name=value]", "through the lock")
    page.click("button:has-text('produce')")
    page.wait_for_selector("pre:has-text('through the lock')")
    cookies = context.cookies()
    assert [cookie["path"] for cookie in cookies] == [page.url.removeprefix(address).rpartition("/topics")[0]]
    page.goto(login_url)
    assert "requires authentication" in page.content()  # the code in the file was valid once
    context.close()
    config = ("--command-config", "/etc/kafka/secrets/student.properties")
    tool = ("kafka-console-consumer.sh", *SERVER, "--topic", "orders", "--from-beginning", "--max-messages", "1")
    assert labctl.tool(*tool, *config).stdout == "through the lock\n"
    report = labctl.json("check", "ui")
    assert report["status"] == "passed", report["checks"]
    key = (file.parent / "page.key").read_text().strip()
    commands = [process.info["cmdline"] or () for process in psutil.process_iter(["cmdline"])]
    assert not any(key in part for command in commands for part in command)
    assert not any(key in path.read_text(errors="replace") for path in labctl.folder.rglob("*") if path.is_file())
