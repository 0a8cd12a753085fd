"""The folder to hand in, created on a real lab: each file shows what happened in this run."""

import json
import re
import signal
import stat
import struct
import sys
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from labctl.constants import HOMEWORK_ORDERS
from labctl.homework.evidence import TITLE
from labctl.homework.manifest import manifest_text
from labctl.homework.screenshots import LONGEST, find_browser
from labctl.kafka.broker_settings import environment_name
from tests.integration.browser import open_page
from tests.integration.labs import OWN_IMAGE, lab_yaml
from tests.integration.notebooks import printed
from tests.integration.other_clients import read_by_librdkafka
from tests.integration.polling import wait_for

pytestmark = [pytest.mark.timeout(240)]

LAB = "listeners: {external: {port: auto}}\nui: {port: auto}\nchecks: quick\n"
PICTURES = {"console.png", "page-overview.png", "page-topic.png"}
FILES = PICTURES | {
    "SHA256SUMS",
    "README.md",
    "docker-compose.yml",
    "console.txt",
    "console.html",
    "kafka.ipynb",
    "report.html",
}
HOMEWORK_SETTINGS = """node.id process.roles listeners advertised.listeners listener.security.protocol.map
inter.broker.listener.name controller.quorum.voters controller.listener.names offsets.topic.replication.factor
transaction.state.log.replication.factor transaction.state.log.min.isr""".split()
BROWSER = """#!{python}
import subprocess, sys
(picture,) = [option for option in sys.argv if option.startswith("--screenshot=")]
subprocess.run(["{real}", *sys.argv[1:]], check=True)
instead = ["--dump-dom" if option == picture else option for option in sys.argv[1:]]
with open("{folder}/" + picture.rpartition("/")[2], "wb") as text:
    subprocess.run(["{real}", *instead], stdout=text, check=True)
"""


@pytest.fixture
def screenshots(chromium, tmp_path):
    """A browser for the screenshots that also writes the text of each page to a file."""
    folder = tmp_path / "screenshots"
    folder.mkdir()
    program = tmp_path / "browser"
    program.write_text(BROWSER.format(python=sys.executable, real=find_browser(), folder=folder))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

    class Screenshots:
        env = {"LABCTL_BROWSER": str(program)}

        def fits(self, picture, page):
            """Return whether the picture shows the whole page."""
            width, height = struct.unpack(">II", (page.parent / picture).read_bytes()[16:24])
            with open_page(chromium, page.as_uri(), viewport={"width": width, "height": height}) as tab:
                return tab.evaluate("document.documentElement.scrollHeight") <= height

        def text(self, picture):
            return re.sub(r"<[^>]+>", "", (folder / picture).read_text())

    return Screenshots()


def require_complete(folder, screenshots, settings, also=()):
    """Check that every file exists and shows this run's records, and that librdkafka reads the same records."""
    files = FILES | set(also)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == files
    readme = (folder / "README.md").read_text()
    assert set(re.findall(r"^\| \[(.+?)\]", readme, re.MULTILINE)) == files - {"README.md", "SHA256SUMS"}
    assert "missing or incomplete" not in readme
    (run,) = re.findall(r"the id of this run, `(\w{8})`", readme)
    hello = f"hello, kafka: run {run}"

    console = (folder / "console.txt").read_text()
    steps = console.split("\n# ")
    assert [step.count("\n$ ") for step in steps] == [1] * 5
    *_before, sent, read = steps
    assert re.findall(r"^> (.*)$", sent, re.MULTILINE) == [hello, *HOMEWORK_ORDERS]
    assert set(read.splitlines()) >= {hello, *HOMEWORK_ORDERS, "Processed a total of 3 messages"}
    assert re.search(r"^Topic: t1\t.*PartitionCount: 3", console, re.MULTILINE)
    assert re.search(r"^Topic: orders\t.*PartitionCount: 3", console, re.MULTILINE)
    assert hello in (folder / "console.html").read_text()

    records = read_by_librdkafka(settings)
    assert list(records.values()).count(hello) == 1
    cells = printed(folder / "kafka.ipynb")
    for value, partition, offset in re.findall(r"sent: (\{.*?\}) -> partition (\d+) offset (\d+)", cells):
        assert f"read: {value} <- partition {partition} offset {offset}" in cells
        assert json.loads(records[(int(partition), int(offset))]) == json.loads(value.replace("'", '"'))
    assert cells.count("sent: ") == 2

    for name in PICTURES:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert (folder / name).stat().st_size > 5000
    assert screenshots.fits("console.png", folder / "console.html")
    assert console.replace("\t", " ") in screenshots.text("console.png").replace("&gt;", ">").replace("\t", " ")
    assert hello in screenshots.text("page-topic.png")
    assert "orders" in screenshots.text("page-overview.png")
    assert "t1" in screenshots.text("page-overview.png")

    settings = "".join((folder / name).read_text() for name in ("docker-compose.yml", *also))
    for setting in HOMEWORK_SETTINGS:
        assert (f"\n{setting}=" if also else f"{environment_name(setting)}:") in settings
    assert "INTERNAL://:9092,CONTROLLER://:9093,EXTERNAL://:" in settings  # as in a container, in either runtime
    report = (folder / "report.html").read_text()
    assert report.count("json-records") > 0
    assert "3 new records byte for byte" in report


def librdkafka(labctl, *options):
    """Return the settings with which another client reads the lab."""
    output = labctl.run("env", *options, "--format", "librdkafka").stdout
    return dict(line.split("=", 1) for line in output.splitlines())


@pytest.mark.local
@pytest.mark.browser
def test_evidence_of_a_local_lab(labctl, screenshots):
    """`evidence` writes a folder whose commands use `labctl exec`, and replaces it only with --force."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    done = labctl.run("evidence", timeout=200, env=screenshots.env, check=True)
    assert "! " not in done.stderr
    folder = labctl.folder / "evidence"
    require_complete(folder, screenshots, librdkafka(labctl))
    console = (folder / "console.txt").read_text()
    assert "$ labctl exec broker -- /opt/kafka/bin/kafka-topics.sh" in console
    refused = labctl.run("evidence")
    assert (refused.returncode, "evidence exists already" in refused.stderr) == (2, True)
    assert (folder / "console.txt").read_text() == console
    assert labctl.run("evidence", "--force", timeout=200).returncode == 0
    assert (folder / "console.txt").read_text() != console
    assert [path.name for path in labctl.folder.iterdir() if path.name.startswith("evidence")] == ["evidence"]


@pytest.mark.local
def test_an_interrupted_evidence(labctl):
    """An interrupted `evidence` exits with 130, ends the notebook's kernel and keeps the earlier folder."""
    labctl.spec(LAB)
    labctl.run("up", "--checks", "none", check=True)
    earlier = labctl.folder / "evidence"
    earlier.mkdir()
    (earlier / "README.md").write_text(TITLE)
    (earlier / "SHA256SUMS").write_text(manifest_text(earlier))
    process = labctl.start("evidence", "--force", env={"LABCTL_BROWSER": "/nowhere/chromium"})
    (kernel,) = wait_for(lambda: _children(process.pid, "labctl.homework.kernel"))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert "Traceback" not in process.stderr.read()
    assert (labctl.folder / "evidence/README.md").read_text() == TITLE
    assert [path.name for path in labctl.folder.iterdir() if path.name.startswith("evidence")] == ["evidence"]
    wait_for(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.local
@pytest.mark.browser
@pytest.mark.parametrize("length", [0, 100])
def test_a_browser_that_is_ended_leaves_nothing(labctl, screenshots, tmp_path, length):
    """Whatever the path of the temporary folder is: with a long one Chromium would not even start."""
    labctl.spec(LAB)
    labctl.run("up", "--checks", "none", check=True)
    temporary = tmp_path / ("t" * length or "t")
    temporary.mkdir()
    labctl.env |= screenshots.env | {"TMPDIR": str(temporary)}
    done = labctl.run("evidence", timeout=200, check=True)
    assert "! " not in done.stderr
    assert list(temporary.iterdir()) == []
    process = labctl.start("evidence", "--force")
    wait_for(lambda: _children(process.pid, "--screenshot="))
    time.sleep(0.3)  # for its first files
    work = labctl.state / "work"
    folders = [link.resolve() for link in work.glob("browser-*") if link.is_symlink()]
    longest = max(len(str(folder)) for folder in folders)  # the profile's; a second one is where paths are short
    assert len(folders) == (1 if longest <= LONGEST else 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert [folder for folder in folders if folder.exists()] == []
    assert list(temporary.iterdir()) == list(work.iterdir()) == []


def _children(pid, word):
    """The children of a process whose command line has `word`."""
    children = [process for process in psutil.process_iter(["ppid", "cmdline"]) if process.info["ppid"] == pid]
    return [process for process in children if word in " ".join(process.info["cmdline"] or ())]


@pytest.mark.local
@pytest.mark.browser
def test_evidence_of_a_secure_lab(labctl, screenshots):
    """The screenshots show the page that requires a login. Their login file is removed, and no file has a secret."""
    labctl.spec(lab_yaml("secure").replace("ui: {kind: none}", "ui: {kind: page, port: auto}"))
    labctl.run("up", check=True)
    done = labctl.run("evidence", timeout=200, env=screenshots.env, check=True)
    assert "! " not in done.stderr, done.stderr
    require_complete(labctl.folder / "evidence", screenshots, librdkafka(labctl), also=["broker/server.properties"])
    assert not list(labctl.state.rglob("screenshot.html"))
    secrets = [
        path.read_bytes().strip() for path in labctl.state.rglob("secrets/*") if path.suffix in {".password", ".key"}
    ]
    assert len(secrets) >= 3
    for path in filter(Path.is_file, (labctl.folder / "evidence").rglob("*")):
        assert not [secret for secret in secrets if secret in path.read_bytes()]


@pytest.mark.docker
@pytest.mark.browser
def test_evidence_of_a_lab_in_docker(engine_labctl, screenshots):
    """`evidence` writes a ZIP file whose commands use `docker exec`."""
    engine_labctl.spec(f"name: proof\nruntime: compose\nkafka: {{image: {OWN_IMAGE}}}\n{LAB}")
    engine_labctl.run("up", check=True)
    (engine_labctl.folder / "proof").mkdir()  # another folder: nothing is written into it
    engine_labctl.run("evidence", "-o", "proof.zip", timeout=200, env=screenshots.env, check=True)
    assert not any((engine_labctl.folder / "proof").iterdir())
    with zipfile.ZipFile(engine_labctl.folder / "proof.zip") as packed:
        packed.extractall(engine_labctl.folder)
    folder = engine_labctl.folder / "proof"
    require_complete(folder, screenshots, librdkafka(engine_labctl))
    assert "$ docker exec -i proof-broker /opt/kafka/bin/kafka-topics.sh" in (folder / "console.txt").read_text()
    refused = engine_labctl.run("evidence", "-o", "proof.zip")
    assert refused.returncode == 2
    assert "proof.zip exists already" in refused.stderr


@pytest.mark.local
def test_what_can_t_be_created_is_reported(labctl, tmp_path):
    """Without browser, page and the notebook's libraries, the other files are written and the reasons are reported."""
    labctl.spec(LAB)
    labctl.run("up", check=True)
    (pid_file,) = labctl.state.glob("labs/*/page/pid.json")
    psutil.Process(json.loads(pid_file.read_text())["pid"]).kill()
    (tmp_path / "jupytext.py").write_text("raise ImportError")
    without = {"LABCTL_BROWSER": "/nowhere/chromium", "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    done = labctl.run("evidence", env=without, timeout=200, check=True)
    no_browser = "there is no /nowhere/chromium; install it (apt-get install chromium), or name one in LABCTL_BROWSER"
    no_notebook = "the notebook's libraries are not installed; pip install '.[notebook]' in labctl's checkout"
    assert f"! console.png: {no_browser}" in done.stderr
    assert re.search(
        r"^! page-topic.png: http://localhost:\d+/topics/orders: .*refused.*; labctl status", done.stderr, re.MULTILINE
    )
    assert f"! kafka.ipynb: {no_notebook}" in done.stderr
    readme = (labctl.folder / "evidence/README.md").read_text()
    assert f"- console.png (a screenshot of it): {no_browser}" in readme
    steps = re.findall(r"^\d\. \*\*(.+?)\*\*", readme, re.MULTILINE)
    assert steps == ["The cluster", "Records written and read in the console", "Verified"]
    assert f"- kafka.ipynb (records written and read from a program): {no_notebook}" in readme
    refused = labctl.run("notebook", env=without)
    assert refused.returncode == 3
    assert no_notebook.split("; ") == [refused.stderr.splitlines()[0][8:], refused.stderr.splitlines()[1][7:]]
    assert not (labctl.folder / "kafka.ipynb").exists()


@pytest.mark.local
def test_a_path_that_can_t_be_written(labctl):
    """A path that can't be written is reported before anything runs, and existing files are kept."""
    labctl.spec(LAB.replace("ui: {port: auto}", "ui: {kind: none}"))
    labctl.run("up", "--checks", "none", check=True)
    (labctl.folder / "mine.ipynb").write_text("mine")
    (labctl.folder / "mine").mkdir()
    (labctl.folder / "mine/thesis.tex").write_text("mine")
    for command in (["evidence"], ["notebook", "--run"], ["example", "go"]):
        for path in ("mine.ipynb/deeper", "/sys/labctl", "/sys/labctl.zip", "x" * 300):
            done = labctl.run(*command, "-o", path)
            assert done.returncode == 3, (command, path, done.stderr)
            assert re.fullmatch(
                r"labctl: \S+ can't be written: [A-Z][a-z ]+\n  try: name another \w+: -o \w+\n", done.stderr
            ), done.stderr
        for path in ("mine.ipynb", "mine"):
            done = labctl.run(*command, "-o", path)
            assert done.returncode == 2, (command, path, done.stderr)
            assert f"{path} exists already" in done.stderr
            assert "--force" in done.stderr
    assert (labctl.folder / "mine.ipynb").read_text() == (labctl.folder / "mine/thesis.tex").read_text() == "mine"


@pytest.mark.local
def test_a_console_step_that_fails(labctl):
    """The transcript has the steps until the failure, and the cause is reported. A lab without topics does not fail."""
    labctl.spec(LAB.replace("ui: {port: auto}", "topics: []\nui: {kind: none}"))
    labctl.run("up", "--checks", "none", check=True)
    without = {"LABCTL_BROWSER": "/nowhere/chromium"}
    done = labctl.run("evidence", env=without, timeout=200, check=True)
    assert "✓ console.txt" in done.stderr
    labctl.tool("kafka-topics.sh", "--bootstrap-server", "broker:9092", "--delete", "--topic", "t1")
    create = ("--create", "--topic", "t1", "--config", "max.message.bytes=5")
    labctl.tool("kafka-topics.sh", "--bootstrap-server", "broker:9092", *create)
    done = labctl.run("evidence", "--force", env=without, timeout=200, check=True)
    assert re.search("^! console.txt: kafka-console-producer.sh failed: .*RecordTooLarge", done.stderr, re.MULTILINE)
    text = (labctl.folder / "evidence/console.txt").read_text()
    assert "NEW-OFFSET" in text
    assert "the id of this run" not in (labctl.folder / "evidence/README.md").read_text()
