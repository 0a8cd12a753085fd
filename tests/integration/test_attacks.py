"""What the attackers of SECURITY.md tried, and what happened. A run of all these tests writes the table there."""

import contextlib
import gzip
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from kafka import KafkaProducer

from labctl.errors import HostError
from labctl.runtime.jvm import download
from labctl.version_lock import load_lock
from tests.integration.browser import kept_profile
from tests.integration.labs import SOURCE, make_labctl
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.local, pytest.mark.timeout(240)]

DOCUMENT = SOURCE / "SECURITY.md"
BEGIN, END = "<!-- written by tests/integration/test_attacks.py -->\n", "<!-- end -->\n"
ROWS = 40
OTHER_USER = 12345
MOST_MEMORY = 150 * 2**20  # bytes of the page; measured: 46 MiB at rest
LAB = "listeners: {external: {port: auto}}\nui: {kind: page, port: auto}\nchecks: none\n"
SECURE = f"name: secure\nsecurity: {{protocol: sasl_ssl}}\n{LAB}"
USER, REPOSITORY, RECORD = "another user", "a cloned repository", "a record"
MIRROR, WEB_PAGE = "a mirror", "a web page"

SYSTEM_PYTHON = shutil.which("python3", path=os.defpath) or ""  # this user's own may be in a private folder
another_user = pytest.mark.skipif(
    os.geteuid() != 0 or not SYSTEM_PYTHON, reason="only root can be another user, and that one needs a python3"
)


@pytest.fixture(scope="module")
def rows():
    """{(attacker, attempt): what happened}. A run of all tests writes the table."""
    found = {}
    yield found
    if len(found) == ROWS:
        lines = ["| attacker | attempt | what happened |", "| --- | --- | --- |"]
        lines += [f"| {who} | {what} | {happened} |" for (who, what), happened in sorted(found.items())]
        text = DOCUMENT.read_text()
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        DOCUMENT.write_text(before + BEGIN + "\n".join(lines) + "\n" + END + after)


@pytest.fixture
def tried(rows):
    """Keep a row of the table: called when the test has shown it."""

    def keep(attacker, attempt, happened):
        rows[(attacker, attempt)] = happened

    return keep


@pytest.fixture(scope="module", params=["plaintext", "secure"])
def each_lab(request, tmp_path_factory):
    """A running lab with a page."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def plaintext(tmp_path_factory):
    """A running plaintext lab with a page."""
    yield from running(tmp_path_factory.mktemp("plaintext"), LAB)


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A running secure lab with a page."""
    yield from running(tmp_path_factory.mktemp("secure"), SECURE)


def running(folder, text):
    labctl = make_labctl(folder)
    labctl.spec(text)
    labctl.run("up", check=True)
    status = labctl.json("status")
    labctl.page = int(status["endpoints"]["ui"].rpartition(":")[2])
    labctl.bootstrap = status["endpoints"]["external"]
    yield labctl
    labctl.run("down", check=True)


def as_other_user(code, *arguments, cwd="/"):
    """Run Python code as another user of this machine, and return what it printed."""
    done = subprocess.run(
        [SYSTEM_PYTHON, "-I", "-c", code, *map(str, arguments)],
        user=OTHER_USER,
        group=OTHER_USER,
        extra_groups=[],
        cwd=cwd,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def page_process(labctl):
    (pid_file,) = labctl.state.glob("labs/*/page/pid.json")
    return psutil.Process(json.loads(pid_file.read_text())["pid"])


def get(port, path="/", headers="", host="localhost"):
    """Return the response of the page to a request, "" where it closed the connection."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n{headers}\r\n"
        response = b""
        with contextlib.suppress(ConnectionResetError):
            connection.sendall(request.encode())
            while chunk := connection.recv(65536):
                response += chunk
    return response.decode(errors="replace")


def search(folder, word):
    """Return the names of the files below `folder` that contain `word`."""
    return [path.name for path in folder.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


# -- another user of this machine ------------------------------------------

GET = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) as page:
    print(page.recv(1000).decode())
"""


@another_user
def test_another_user_opens_the_page(each_lab, tried):
    """The page of a plaintext lab and of a secure lab refuses before it reads anything."""
    assert get(each_lab.page).startswith("HTTP/1.1 ")
    assert as_other_user(GET, each_lab.page).endswith("This lab page belongs to another user of this machine.")
    kind = "secure" if each_lab.folder.joinpath(".labctl/secure").exists() else "plaintext"
    tried(USER, f"opens the page of a {kind} lab", "403, and the connection is closed")


READ = """
import os, sys
found = []
for folder, _names, files in os.walk(sys.argv[1]):
    for name in files:
        try:
            open(os.path.join(folder, name)).close()
            found.append(name)
        except OSError:
            pass
try:
    os.listdir(sys.argv[1])
    print(len(found))
except PermissionError:
    print("denied")
"""


@another_user
def test_another_user_reads_the_state_folder(secure, tried):
    """Neither passwords nor data can be read, also where the folders above are open to everybody."""
    open_for_search = [path for path in secure.state.parents if path != Path("/")]
    modes = {path: path.stat().st_mode for path in open_for_search}
    try:
        for path in open_for_search:
            path.chmod(modes[path] | 0o005)
        assert as_other_user(READ, secure.state) == "denied"
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    tried(USER, "reads passwords, data and settings in the state folder", "permission denied")


ARGUMENTS = """
import glob
for path in glob.glob("/proc/[0-9]*/cmdline"):
    try:
        print(open(path).read())
    except OSError:
        pass
"""


@another_user
def test_another_user_lists_the_processes(secure, tried):
    """No password and no key of the page is in an argument; the search finds one that is planted."""
    secrets = [path.read_text().strip() for path in secure.state.glob("labs/*/secrets/*.password")]
    secrets.append(next(secure.state.glob("labs/*/secrets/page.key")).read_text().strip())
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", secrets[0]]) as planted:
        try:
            assert wait_for(lambda: secrets[0] in as_other_user(ARGUMENTS))
        finally:
            planted.kill()
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in as_other_user(ARGUMENTS)]
    tried(USER, "lists the arguments of all processes", "no password and no key is among them")


SEND = """
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host, int(port)), 10) as broker:
    broker.sendall(bytes.fromhex("0000000a00120000000000010000"))  # ApiVersions
    broker.settimeout(10)
    try:
        print(broker.recv(1).hex())
    except (ConnectionResetError, TimeoutError):
        print()
"""


@another_user
def test_another_user_connects_to_a_secure_broker(secure, tried):
    """Without TLS and a password no request is answered."""
    assert as_other_user(SEND, secure.bootstrap) in {"", "15"}  # nothing, or an alert of TLS (RFC 8446, 5.1)
    tried(USER, "connects to a broker of a secure lab without a login", "the connection is closed")


LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("listening", flush=True)
    server.settimeout(60)
    heard = b""
    try:
        while b"stop" not in heard:
            connection, _ = server.accept()
            connection.settimeout(2)
            try:
                heard += connection.recv(65536)
            except TimeoutError:
                pass
            connection.close()
    except TimeoutError:
        pass
    print(heard.decode(errors="replace"))
"""


@another_user
def test_another_user_listens_on_the_port_of_a_page_that_has_died(labctl, tried):
    """The key is not sent there, by no command, and the next page has another key."""
    labctl.spec(SECURE)
    labctl.run("up", check=True)
    port = int(labctl.json("status")["endpoints"]["ui"].rpartition(":")[2])
    (key_file,) = labctl.state.glob("labs/*/secrets/page.key")
    key = key_file.read_text().strip()
    assert get(port, headers=f"Authorization: Bearer {key}\r\n").startswith("HTTP/1.1 200")
    page_process(labctl).kill()
    wait_for(lambda: not psutil.pid_exists(page_process_id(labctl)) or free(port))
    command = [SYSTEM_PYTHON, "-I", "-c", LISTEN, str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, user=OTHER_USER, group=OTHER_USER, cwd="/"
    ) as impostor:
        assert impostor.stdout.readline() == "listening\n"
        assert labctl.run("ui").returncode == 4
        assert labctl.run("check", "ui").returncode == 1
        assert "the page of the lab is not running" in labctl.run("evidence", timeout=200).stderr
        refused = labctl.run("up")
        assert refused.returncode == 3, refused.stderr
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"stop")
        heard = impostor.communicate(timeout=60)[0]
    assert key not in heard
    labctl.run("up", check=True)
    assert key_file.read_text().strip() != key
    assert get(port, headers=f"Authorization: Bearer {key}\r\n").startswith("HTTP/1.1 403")
    tried(USER, "listens on the port of a page that has died", "the key is not sent to it; the next page has a new key")


def page_process_id(labctl):
    (pid_file,) = labctl.state.glob("labs/*/page/pid.json")
    return json.loads(pid_file.read_text())["pid"]


def free(port):
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            attempt.bind(("127.0.0.1", port))
            return True
    return False


@another_user
@pytest.mark.parametrize("place", [".labctl", ".labctl/homework"])
def test_another_user_creates_the_folder_first(labctl, tried, place):
    """In a folder like /tmp, which everybody can write to: labctl does not use it."""
    labctl.folder.chmod(0o1777)
    folder = labctl.folder / place
    folder.mkdir(parents=True)
    os.chown(folder, OTHER_USER, OTHER_USER)
    refused = labctl.run("up", "--preset", "homework", "--ports", "auto")
    assert refused.returncode == 3
    assert f"belongs to uid {OTHER_USER}" in refused.stderr
    assert labctl.json("ls") == []
    assert list(folder.rglob("*")) == []
    tried(USER, f"creates `{place}` first, in a folder like /tmp", "exit 3, nothing is written or started")


@another_user
def test_another_user_owns_lab_yaml(labctl, tried):
    """Root does not use the lab.yaml that another user put into a shared folder."""
    labctl.folder.chmod(0o1777)
    path = labctl.spec(LAB)
    os.chown(path, OTHER_USER, OTHER_USER)
    refused = labctl.run("up")
    assert (refused.returncode, "belongs to uid" in refused.stderr) == (2, True)
    tried(USER, "puts a lab.yaml into a shared folder", "exit 2, unless `--trust`")


def test_a_folder_that_everybody_can_write_to(labctl, tried):
    """Another user could replace lab.yaml there at any moment."""
    labctl.spec(LAB)
    labctl.folder.chmod(0o777)
    refused = labctl.run("up")
    assert (refused.returncode, "everybody can write to" in refused.stderr) == (2, True)
    tried(USER, "replaces lab.yaml in a folder that everybody can write to", "exit 2, unless `--trust`")


# -- a cloned repository ----------------------------------------------------


@pytest.fixture
def private(tmp_path):
    """A private file of the user, beside the repository; afterwards it is as it was."""
    home = tmp_path / "private"
    home.mkdir()
    (home / "bashrc").write_text("mine\n")
    yield home
    assert {path.name: path.read_text() for path in home.iterdir()} == {"bashrc": "mine\n"}


@pytest.mark.parametrize("place", [".labctl", ".labctl/homework", ".labctl/homework/broker"])
def test_a_link_in_place_of_a_folder(labctl, private, tried, place):
    """Neither `render` nor `up` writes where it leads, and `down` deletes nothing there."""
    (labctl.folder / place).parent.mkdir(parents=True, exist_ok=True)
    (labctl.folder / place).symlink_to(private)
    assert labctl.run("render", "--runtime", "local").returncode == 3
    refused = labctl.run("up", "--ports", "auto", "--runtime", "local")
    assert (refused.returncode, "is a link" in refused.stderr) == (3, True)
    labctl.run("down", check=True)
    tried(REPOSITORY, f"has a link to a private folder in place of `{place}`", "exit 3, nothing is written there")


@pytest.mark.parametrize("name", ["docker-compose.yml", "report.html", "report.json"])
def test_a_link_in_place_of_a_file(labctl, private, tried, name):
    """The link is replaced by the file; what it names stays."""
    folder = labctl.folder / ".labctl/homework"
    folder.mkdir(parents=True)
    (folder / name).symlink_to(private / "bashrc")
    if name == "docker-compose.yml":
        labctl.run("render", "--runtime", "compose", check=True)
    else:
        assert labctl.run("report").returncode in {3, 4}
        labctl.run("up", "--ports", "auto", "--checks", "none", "--runtime", "local", check=True)
    assert not (folder / name).is_symlink()
    tried(REPOSITORY, f"has a link to a private file in place of `{name}`", "the link is replaced, the file stays")


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        ("a jar of the repository", "remote.log.storage.manager.class.path: ./evil.jar"),
        ("a private file, by a config provider", "config.providers: folder"),
        ("a private file as a key", "ssl.keystore.location: /home/student/.ssh/id_ed25519"),
        ("a program, by Kerberos", "sasl.kerberos.kinit.cmd: ./evil.sh"),
        (
            "a login module",
            "listener.name.external.plain.sasl.jaas.config: com.sun.security.auth.module.JndiLoginModule",
        ),
    ],
)
def test_a_setting_that_names(labctl, tried, what, settings):
    """lab.yaml is data: exit 2 before anything is looked at."""
    labctl.spec(f"kafka: {{config: {{{settings}}}}}\n{LAB}")
    refused = labctl.run("up", "--runtime", "local")
    assert (refused.returncode, "only with --trust" in refused.stderr) == (2, True)
    tried(REPOSITORY, f"has a lab.yaml that lets Kafka use {what}", "exit 2, unless `--trust`")


def test_modules_beside_lab_yaml(labctl, tried):
    """No module of the repository is imported: not by labctl, its page, nor the notebook."""
    ran = labctl.folder / "ran"
    for module in ("kafka", "pathlib", "ruamel", "click", "uvicorn", "jinja2", "ipykernel", "json"):
        (labctl.folder / module).mkdir()
        (labctl.folder / module / "__init__.py").write_text(f"open({str(ran)!r}, 'w')")
    labctl.spec(LAB)
    labctl.run("up", check=True)
    labctl.run("notebook", "--run", timeout=200, check=True)
    assert not ran.exists()
    tried(REPOSITORY, "has a package `kafka/` and others beside lab.yaml", "none is imported")


def test_a_yaml_bomb(labctl, tried):
    """It ends at once."""
    bomb = "a: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"b{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
    )
    labctl.spec(bomb)
    assert labctl.run("plan", timeout=20).returncode == 2
    tried(REPOSITORY, "has a lab.yaml whose aliases stand for a billion values", "exit 2")


# -- a record ----------------------------------------------------------------


def produce(labctl, topic, value, **settings):
    producer = KafkaProducer(bootstrap_servers=labctl.bootstrap, max_request_size=2**31 - 1, **settings)
    producer.send(topic, value).get(60)
    producer.close()


@pytest.mark.parametrize(("codec", "size"), [("gzip", 500), ("lz4", 200), ("zstd", 500), ("snappy", 18)])
def test_a_record_of_zeros(plaintext, tried, codec, size):
    """The page shows that it is too large, and its memory stays within bounds."""
    topic = f"bomb-{codec}"
    produce(plaintext, topic, bytes(size * 2**20), compression_type=codec)
    text = get(plaintext.page, f"/topics/{topic}")
    assert "not shown: the batch of records up to this offset" in text
    memory = page_process(plaintext).memory_info()
    assert memory.rss < MOST_MEMORY, memory
    produce(plaintext, topic, b"after")
    assert "after" in get(plaintext.page, f"/topics/{topic}")
    tried(RECORD, f"of {size} MB of zeros, packed by {codec}", "shown as too large; the page stays below 150 MiB")


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("with markup", b"</pre><script>document.title='pwned'</script>"),
        ("with escape sequences of a terminal", b"\x1b[2J\x1b]0;pwned\x07"),
        ("of 100,000 nested lists", b"[" * 100_000),
        ("that is a number of 100,000 digits", b"9" * 100_000),
    ],
)
def test_a_record(plaintext, tried, what, value):
    """It is shown as text, or as hexadecimal numbers."""
    topic = f"record-{len(value)}"
    produce(plaintext, topic, value)
    text = get(plaintext.page, f"/topics/{topic}")
    assert text.startswith("HTTP/1.1 200")
    assert "<script>document" not in text
    assert "\x1b" not in text
    tried(RECORD, what, "shown as text or as hexadecimal numbers")


# -- a mirror ----------------------------------------------------------------


class Mirror(http.server.BaseHTTPRequestHandler):
    """A Maven repository that sends something else than Kafka's jars."""

    sends = ""

    def do_GET(self):
        self.send_response(302 if self.sends == "a redirect to a file" else 200)
        if self.sends == "a redirect to a file":
            self.send_header("Location", "file:///etc/passwd")
        if self.sends == "a gzip bomb":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):
            if self.sends == "a gzip bomb":
                self.wfile.write(gzip.compress(bytes(200 * 2**20)))
            elif self.sends == "another jar":
                self.wfile.write(b"PK\x03\x04 something else")
            while self.sends == "data without an end":
                self.wfile.write(bytes(1 << 20))

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("sends", ["another jar", "data without an end", "a gzip bomb", "a redirect to a file"])
def test_a_mirror(tmp_path, monkeypatch, tried, sends):
    """No jar is kept, and not more is written than the jar's size."""
    monkeypatch.setattr(Mirror, "sends", sends)
    monkeypatch.setenv("HOME", str(tmp_path))
    jar = max(load_lock("4.4.0").jars, key=lambda jar: jar.bytes)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        monkeypatch.setenv("LABCTL_MAVEN_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(HostError):
            download.fetch([jar], tmp_path / "jars", progress=lambda _done, _total: None)
        server.shutdown()
    assert sum(path.stat().st_size for path in (tmp_path / "jars").iterdir()) <= jar.bytes
    tried(MIRROR, f"sends {sends}", "exit 3; no jar is kept, nothing is run")


# -- a web page in the user's browser -----------------------------------------


class Site(http.server.BaseHTTPRequestHandler):
    """Another web server on this machine, whose pages attack the lab page; it keeps what browsers send."""

    page = ""
    seen = []

    def do_GET(self):
        self.seen.append((self.path, self.headers.get("Cookie", "")))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page.encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    """Another web server on this machine."""
    Site.seen = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.browser
def test_a_web_page_sends_a_form(plaintext, site, chromium, tried, monkeypatch):
    """It has neither the Origin nor the token of the lab page: nothing is written."""
    before = plaintext.tool("kafka-get-offsets.sh", "--bootstrap-server", "broker:9092", "--topic", "orders").stdout
    action = f"http://localhost:{plaintext.page}/topics/orders/records"
    form = f"<form method=post action={action}><input name=value value=evil></form><script>document.forms[0].submit()"
    monkeypatch.setattr(Site, "page", f"{form}</script>")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{site}/")
    page.wait_for_url(action)
    assert "this form was not sent by the lab page" in page.content()
    context.close()
    after = plaintext.tool("kafka-get-offsets.sh", "--bootstrap-server", "broker:9092", "--topic", "orders").stdout
    assert after == before
    tried(WEB_PAGE, "sends a form to the lab page", "403, nothing is written")


@pytest.mark.browser
def test_a_web_page_reads_the_lab_page(plaintext, site, chromium, tried, monkeypatch):
    """The browser gives another origin no response, and shows the lab page in no frame."""
    monkeypatch.setattr(Site, "page", f"<iframe src='http://localhost:{plaintext.page}/'></iframe>")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"http://localhost:{site}/")
    script = f"fetch('http://localhost:{plaintext.page}/').then(r => r.text()).catch(e => 'no: ' + e)"
    assert page.evaluate(script).startswith("no: TypeError")
    frames = [frame.evaluate("document.body ? document.body.innerText : ''") for frame in page.frames[1:]]
    assert not any("orders" in text for text in frames)
    context.close()
    tried(WEB_PAGE, "fetches the lab page, or shows it in a frame", "the browser refuses")


def test_a_name_of_another_site_for_this_machine(plaintext, tried):
    """DNS rebinding: the Host header is that of the other site."""
    assert get(plaintext.page, host="evil.example").startswith("HTTP/1.1 400")
    tried(WEB_PAGE, "gives 127.0.0.1 a name of its own (DNS rebinding)", "400")


@pytest.mark.browser
def test_a_server_on_another_port_gets_no_cookie(secure, site, chromium, tried):
    """A browser sends cookies to all ports of a host; this one only below a path that the other server can't know."""
    login = secure.run("ui", "--name", "secure", check=True).stdout.strip()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(login)
    page.wait_for_selector("text=orders")
    base = re.fullmatch(r"http://127\.0\.0\.1:\d+/([\w-]{16})/", page.url)[1]
    page.goto(f"http://127.0.0.1:{site}/")
    page.goto(f"http://127.0.0.1:{site}/topics/orders")
    assert [cookie for _path, cookie in Site.seen if cookie] == []
    page.goto(f"http://127.0.0.1:{site}/{base}/")  # the search itself is right: below the path it is sent
    assert [path for path, cookie in Site.seen if cookie] == [f"/{base}/"]
    context.close()
    tried(
        WEB_PAGE, "of a server on another port reads the cookie of a secure lab's page", "the browser does not send it"
    )


@pytest.mark.browser
def test_the_profile_of_the_browser(secure, chromium, tmp_path, tried):
    """After a visit it has no key, no code and no cookie; the search finds a word that is planted in an address."""
    login = secure.run("ui", "--name", "secure", check=True).stdout.strip()
    code = re.search(r'name="code" value="([^"]+)"', Path(login.removeprefix("file://")).read_text())[1]
    with kept_profile(chromium, tmp_path / "profile") as context:
        page = context.new_page()
        page.goto(login)
        page.wait_for_selector("text=orders")
        page.click("a:has-text('orders')")
        page.wait_for_selector("text=Produce a record")
        (cookie,) = [cookie["value"] for cookie in context.cookies()]
        page.goto(f"http://127.0.0.1:{secure.page}/health?planted-in-an-address")
        page.wait_for_timeout(3000)  # the history is written later
    (key_file,) = secure.state.glob("labs/*/secrets/page.key")
    assert search(tmp_path / "profile", "planted-in-an-address")
    for secret in (key_file.read_text().strip(), code, cookie):
        assert search(tmp_path / "profile", secret) == []
    tried(
        "a program that reads the browser's profile",
        "searches it for the key, the code and the cookie",
        "none is in it",
    )
