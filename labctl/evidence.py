"""The folder to hand in: what proves each step of the homework, made on the running lab."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from labctl import kafbat, report
from labctl.browser import take_picture
from labctl.checks.base import transcript
from labctl.credentials import page_key, write_private
from labctl.errors import LabError, SpecError, unwritable
from labctl.notebook import make_notebook, run_notebook, write_notebook
from labctl.page_client import page_text
from labctl.plan import LabPlan
from labctl.render import COMPOSE_FILE, container_name, render, render_template
from labctl.runtime.base import Completed, Runtime
from labctl.security import page_door, tool_config
from labctl.tools import config_option, in_container, in_node

STEP_SECONDS = 60
RECORDS = ("hello, kafka", '{"orderid":1001,"amount":599.99}', '{"orderid":1002,"amount":300}')
TOOLS = "/opt/kafka/bin"
README = "README.md"
TITLE = "# Kafka homework: evidence\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of the evidence: what it proves, or why it could not be made."""

    name: str
    proves: str
    missing: str = ""


@dataclass(slots=True)
class _Folder:
    path: Path
    pieces: list[Piece] = field(default_factory=list)

    def make(self, name: str, proves: str, make: Callable[[Path], None]) -> None:
        """Make one file; what can't be made is told, and the others are made."""
        try:
            make(self.path / name)
        except LabError as error:
            self.pieces.append(Piece(name, proves, error.message))
        else:
            self.pieces.append(Piece(name, proves))


def remove_evidence(target: Path) -> None:
    """Take away what an earlier call made there. Raises SpecError where it is something else, HostError."""
    if not _is_evidence(target) or Path.cwd().is_relative_to(target.resolve()):
        raise SpecError([f"{target} is not what labctl evidence made"], "name another folder: -o DIR")
    try:
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    except OSError as error:
        raise unwritable(target, error, "name another folder: -o DIR") from None


def _is_evidence(target: Path) -> bool:
    try:
        if target.suffix == ".zip":
            with zipfile.ZipFile(target) as packed:
                return packed.read(f"{target.stem}/{README}").decode().startswith(TITLE)
        return (target / README).read_text(encoding="utf-8").startswith(TITLE)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False


def make_evidence(plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path, target: Path) -> list[Piece]:
    """Make the folder `target`, or a ZIP file where its name ends so; what is in it. Raises HostError.

    `in_docker` is the same lab planned for the compose runtime.
    """
    target = target.resolve()
    zipped = target.suffix == ".zip"
    folder = target.with_suffix("") if zipped else target
    try:
        folder.mkdir(parents=True)
        pieces = _fill(_Folder(folder), plan, in_docker, runtime, reports)
        if zipped:
            shutil.make_archive(str(folder), "zip", folder.parent, folder.name)
            shutil.rmtree(folder)
    except OSError as error:
        raise unwritable(error.filename or folder, error, "name another folder: -o DIR") from None
    return pieces


def _fill(folder: _Folder, plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path) -> list[Piece]:
    topic = plan.topics[0].name if plan.topics else "orders"
    said: list[str] = []
    folder.make(
        COMPOSE_FILE, "the cluster, each setting explained", lambda path: _write(path, render(in_docker)[COMPOSE_FILE])
    )
    folder.make(
        "console.txt",
        "topic made, records sent and read with Kafka's console tools",
        lambda path: _write(path, "\n".join(_walk(plan, runtime, topic, said))),
    )
    folder.make("kafka.ipynb", "records sent and read from a program", lambda path: _notebook(plan, path))
    folder.make("report.html", "the lab, and every check of it", lambda path: _report(reports, path))
    folder.make("console.html", "the same as console.txt, to look at", lambda path: _page(path, plan, said))
    picture = "console.png"
    folder.make(
        picture, "a picture of the console", lambda path: take_picture((folder.path / "console.html").as_uri(), path)
    )
    if plan.ui.url:
        own = (f"{plan.ui.url}/", f"{plan.ui.url}/topics/{topic}")
        addresses = kafbat.shown(plan.ui.url, plan.name, topic) if plan.ui.kind == "kafbat" else own
        for name, url in zip(("page-overview.png", "page-topic.png"), addresses, strict=True):
            folder.make(name, f"the web page {url}", lambda path, url=url: _picture(plan, url, path))  # type: ignore[misc]
    else:
        folder.pieces.append(Piece("page-overview.png", "the web page", plan.ui.reason))
    _write(
        folder.path / README,
        render_template("evidence/README.md.j2", title=TITLE, plan=plan, pieces=folder.pieces, topic=topic),
    )
    return [*folder.pieces, Piece(README, "what is what")]


def _picture(plan: LabPlan, url: str, path: Path) -> None:
    """A picture of a page of the lab. Where that asks for a key, labctl shows it and the browser gets what came."""
    key = page_key(plan)
    if key is None:
        take_picture(url, path)
        return
    saved = page_door(plan).with_name("picture.html")
    write_private(saved, page_text(url, key).replace("<head>", f'<head><base href="{plan.ui.url}/">', 1))
    try:
        take_picture(saved.as_uri(), path)
    finally:
        saved.unlink()


def _walk(plan: LabPlan, runtime: Runtime, topic: str, said: list[str]) -> list[str]:
    """The homework's console steps, as typed and answered."""
    server = ["--bootstrap-server", plan.internal]
    new = ["--create", "--if-not-exists", "--topic", "t1", "--partitions", "3"]
    steps: list[tuple[list[str], str | None]] = [
        ([f"{TOOLS}/kafka-topics.sh", *server, *_login(plan, "admin", "admin"), *new], None),
        ([f"{TOOLS}/kafka-topics.sh", *server, *_login(plan, "admin", "admin"), "--describe"], None),
        *(
            ([f"{TOOLS}/kafka-console-producer.sh", *server, *_login(plan, "producer"), "--topic", topic], one)
            for one in RECORDS
        ),
        (
            [
                *(f"{TOOLS}/kafka-console-consumer.sh", *server, *_login(plan, "consumer")),
                *("--topic", topic, "--from-beginning", "--max-messages", str(len(RECORDS))),
            ],
            None,
        ),
    ]
    node = plan.brokers[0]
    for argv, line in steps:
        stdin = None if line is None else f"{line}\n".encode()
        done = runtime.exec(node.name, argv, stdin, STEP_SECONDS)
        said.append(transcript(replace(done, argv=_as_typed(plan, done)), stdin))
        if done.exit_code != 0:
            raise LabError(f"{argv[0]} ended with exit code {done.exit_code}", "labctl check says what is wrong")
    return said


def _as_typed(plan: LabPlan, done: Completed) -> tuple[str, ...]:
    node = plan.brokers[0]
    compose = plan.runtime.name == "compose"
    return (*(in_container(container_name(plan, node)) if compose else in_node(plan.name, node.name)), *done.argv)


def _login(plan: LabPlan, side: str, user: str = "") -> list[str]:
    if plan.security is None:
        return []
    config = tool_config(user or plan.security.users[0])
    return ["--command-config", config] if user else config_option(side, config, plan.kafka_version)


def _notebook(plan: LabPlan, path: Path) -> None:
    made = make_notebook(plan)
    try:
        run_notebook(made, path.resolve().parent)
    finally:
        write_notebook(made, path)


def _report(reports: Path, path: Path) -> None:
    last = report.read(reports)
    if last is None:
        raise LabError("the lab has no report yet", "labctl check writes one")
    _write(path, report.FORMATS["html"](last))


def _page(path: Path, plan: LabPlan, said: list[str]) -> None:
    if not said:
        raise LabError("there is no transcript", "labctl check says what is wrong")
    _write(path, render_template("evidence/console.html.j2", plan=plan, transcripts=said))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
