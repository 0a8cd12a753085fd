"""The folder to hand in: what proves each step of the homework, made on the running lab."""

from __future__ import annotations

import secrets
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labctl import kafbat, report
from labctl.browser import take_picture
from labctl.credentials import page_key, write_private
from labctl.errors import LabError, SpecError, unwritable
from labctl.notebook import make_notebook, run_notebook, write_notebook
from labctl.page_client import page_text
from labctl.plan import LabPlan
from labctl.render import COMPOSE_FILE, render, render_template
from labctl.runtime.base import Runtime
from labctl.security import page_door
from labctl.walk import walk

LINE_PIXELS = 24  # 20, and more for the lines that are broken
README = "README.md"
TITLE = "# Kafka homework: evidence\n"
UNFINISHED = "\nlabctl evidence did not come to its end here.\n"


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
            self.pieces.append(Piece(name, proves, "; ".join(filter(None, [error.message, error.hint]))))
        else:
            self.pieces.append(Piece(name, proves))


def places(target: Path) -> list[Path]:
    """What is made for `target`: itself, and for a ZIP file the folder that is packed into it, on the way."""
    return [target, target.with_suffix("")] if target.suffix == ".zip" else [target]


def remove_evidence(place: Path) -> None:
    """Take away what an earlier call made there. Raises SpecError where it is something else, HostError."""
    if not _is_evidence(place) or Path.cwd().is_relative_to(place.resolve()):
        raise SpecError([f"{place} is not what labctl evidence made"], "name another folder: -o DIR")
    try:
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    except OSError as error:
        raise unwritable(place, error, "name another folder: -o DIR") from None


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

    `in_docker` is the same lab planned for the compose runtime. Nothing may be in `places(target)` yet.
    """
    target = target.resolve()
    folder = places(target)[-1]
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error, "name another folder: -o DIR") from None
    try:
        _write(folder / README, TITLE + UNFINISHED)  # known as evidence also where labctl is killed
        pieces = _fill(_Folder(folder), plan, in_docker, runtime, reports)
        if folder != target:
            shutil.make_archive(str(folder), "zip", folder.parent, folder.name)
            shutil.rmtree(folder)
    except OSError as error:
        raise unwritable(error.filename or folder, error, "name another folder: -o DIR") from None
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return pieces


def _fill(folder: _Folder, plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path) -> list[Piece]:
    topic = plan.topics[0].name if plan.topics else "orders"
    run = secrets.token_hex(4)
    for name, text in render(in_docker).items():  # a secure node's settings are in a file of their own
        proves = "the cluster, each setting explained" if name == COMPOSE_FILE else "the settings of a node, explained"
        folder.make(name, proves, lambda path, text=text: _write(path, text))  # type: ignore[misc]
    folder.make(
        "console.txt",
        "topic made, records sent and read with Kafka's console tools",
        lambda path: _write(path, "\n".join(walk(plan, runtime, topic, run))),
    )
    folder.make("console.html", "the same, to look at", lambda path: _console_page(plan, path))
    folder.make("console.png", "a picture of it", _console_picture)
    if plan.ui.url:
        own = (f"{plan.ui.url}/", f"{plan.ui.url}/topics/{topic}")
        addresses = kafbat.shown(plan.ui.url, plan.name, topic) if plan.ui.kind == "kafbat" else own
        for name, url in zip(("page-overview.png", "page-topic.png"), addresses, strict=True):
            folder.make(name, f"the web page {url}", lambda path, url=url: _picture(plan, url, path))  # type: ignore[misc]
    else:
        folder.pieces.append(Piece("page-overview.png", "the web page", plan.ui.reason))
    folder.make("kafka.ipynb", "records sent and read from a program", lambda path: _notebook(plan, path))
    folder.make("report.html", "the lab, and every check of it", lambda path: _report(reports, path))
    _write(
        folder.path / README,
        render_template("evidence/README.md.j2", title=TITLE, plan=plan, pieces=folder.pieces, topic=topic, run=run),
    )
    return [*folder.pieces, Piece(README, "what is what")]


def _picture(plan: LabPlan, url: str, path: Path) -> None:
    """A picture of a page of the lab. Where that asks for a key, labctl shows it and the browser gets what came."""
    key = page_key(plan)
    text = page_text(url, key)  # a browser makes a picture of a page that does not answer, too
    if key is None:
        take_picture(url, path)
        return
    saved = page_door(plan).with_name("picture.html")
    write_private(saved, text.replace("<head>", f'<head><base href="{plan.ui.url}/">', 1))
    try:
        take_picture(saved.as_uri(), path)
    finally:
        saved.unlink()


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


def _console_page(plan: LabPlan, path: Path) -> None:
    text = _made(path.with_suffix(".txt")).read_text(encoding="utf-8")
    _write(path, render_template("evidence/console.html.j2", plan=plan, text=text))


def _console_picture(path: Path) -> None:
    source = _made(path.with_suffix(".html"))
    lines = source.read_text(encoding="utf-8").count("\n")
    take_picture(source.as_uri(), path, height=max(1000, lines * LINE_PIXELS))


def _made(source: Path) -> Path:
    if not source.exists():
        raise LabError(f"there is no {source.name}")
    return source


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
