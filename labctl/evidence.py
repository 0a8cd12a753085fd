"""The folder to hand in: what proves each step of the homework, made on the running lab."""

from __future__ import annotations

import re
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from labctl import kafbat, report
from labctl.browser import take_picture
from labctl.credentials import page_key, write_private
from labctl.errors import LabError, SpecError, unwritable
from labctl.files import is_taken, is_there, write_files
from labctl.notebook import make_notebook, run_notebook, write_notebook
from labctl.page_client import page_text
from labctl.plan import LabPlan
from labctl.render import COMPOSE_FILE, render, render_template
from labctl.runtime.base import Runtime
from labctl.security import page_door
from labctl.walk import FIRST_TOPIC, walk

ELSEWHERE = "name another folder: -o DIR"
LINE_PIXELS = 24  # 20, and more for the lines that are broken
README = "README.md"
TITLE = "# Kafka homework: evidence\n"
OVERVIEW = "page-overview.png"
TOPIC = "page-topic.png"
STEPS = {  # of the homework: the file that must be whole for it, and what is said of it
    COMPOSE_FILE: "**The cluster**: `{cluster}`, each of the settings with its explanation.",
    "console.txt": "**Records in and out by the console**: `console.txt` has each command as it was typed and what came"
    " back, `console.png` is a picture of it. The plain record has the mark of this run, `{run}`.",
    TOPIC: "**In the web page**: pictures of the overview and of the topic `{topic}`, with these records at the top.",
    "kafka.ipynb": "**From a program**: `kafka.ipynb`, run on this lab; below each cell stands what it printed.",
    "report.html": "**Checked**: `report.html` has what was checked, each check with its transcript.",
}


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


def refuse_taken(target: Path, *, force: bool) -> None:
    """Nothing is there, or an empty folder, or with `force` what an earlier call made. Raises SpecError, HostError."""
    if Path.cwd().is_relative_to(target.resolve()):
        raise SpecError([f"{target} is the folder that you are in"], ELSEWHERE)
    if not is_taken(target):
        return
    if not force:
        raise SpecError([f"{target} is there already"], "--force replaces it")
    if not _is_evidence(target):
        raise SpecError([f"{target} is not what labctl evidence made"], ELSEWHERE)


def _is_evidence(target: Path) -> bool:
    try:
        if not _is_zip(target):
            return (target / README).read_text(encoding="utf-8").startswith(TITLE)
        with zipfile.ZipFile(target) as packed:
            (readme,) = [name for name in packed.namelist() if re.fullmatch(f"[^/]+/{README}", name)]
            return packed.read(readme).decode().startswith(TITLE)
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _is_zip(target: Path) -> bool:
    return target.suffix.lower() == ".zip"


def make_evidence(plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path, target: Path) -> list[Piece]:
    """Make the folder `target`, or a ZIP file where its name ends so; what is in it. Raises HostError.

    `in_docker` is the same lab planned for the compose runtime. What `refuse_taken` let pass is replaced in the end.
    """
    target = target.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # beside it, and in no hidden folder: a Chromium that is a snap sees neither /tmp nor those
        with TemporaryDirectory(dir=target.parent, prefix=f"{target.stem}-", ignore_cleanup_errors=True) as work:
            folder = Path(work, target.stem if _is_zip(target) else target.name)
            folder.mkdir()
            pieces = _fill(_Folder(folder), plan, in_docker, runtime, reports)
            made = Path(shutil.make_archive(str(folder), "zip", work, folder.name)) if _is_zip(target) else folder
            if is_there(target):
                target.replace(Path(work, f"{target.name}.before"))
            made.replace(target)
    except OSError as error:
        raise unwritable(error.filename or target, error, ELSEWHERE) from None
    return pieces


def _fill(folder: _Folder, plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path) -> list[Piece]:
    topic = plan.main_topic if plan.topics else FIRST_TOPIC
    run = secrets.token_hex(4)
    cluster = render(in_docker)  # a secure node's settings are in a file of their own
    write_files(cluster, folder.path, ELSEWHERE)
    folder.pieces += [Piece(name, "the cluster, each setting explained") for name in cluster]
    folder.make(
        "console.txt",
        "topic made, records sent and read with Kafka's console tools",
        lambda path: _console(path, walk(plan, runtime, topic, run)),
    )
    folder.make("console.html", "the same, to look at", lambda path: _console_page(plan, path))
    folder.make("console.png", "a picture of it", _console_picture)
    for name, url in _pages(plan, topic).items():
        proves = f"the web page: {'all of the lab' if name == OVERVIEW else f'{topic} and its records'}"
        folder.make(name, proves, lambda path, url=url: _picture(plan, url, path))  # type: ignore[misc]
    folder.make("kafka.ipynb", "records sent and read from a program", lambda path: _notebook(plan, path))
    folder.make("report.html", "how the lab came up, and what was checked", lambda path: _report(reports, path))
    whole = {one.name for one in folder.pieces if not one.missing}
    values = {
        "title": TITLE,
        "plan": plan,
        "pieces": folder.pieces,
        "steps": [
            text.format(cluster="`, `".join(cluster), topic=topic, run=run)
            for name, text in STEPS.items()
            if name in whole
        ],
    }
    _write(folder.path / README, render_template("evidence/README.md.j2", **values))
    return [*folder.pieces, Piece(README, "what is what")]


def _pages(plan: LabPlan, topic: str) -> dict[str, str | None]:
    url = plan.ui.url
    if url is None:
        return {OVERVIEW: None, TOPIC: None}
    own = (f"{url}/", f"{url}/topics/{topic}")
    overview, records = kafbat.shown(url, plan.name, topic) if plan.ui.kind == "kafbat" else own
    return {OVERVIEW: overview, TOPIC: records}


def _picture(plan: LabPlan, url: str | None, path: Path) -> None:
    """A picture of a page of the lab. Where that asks for a key, labctl shows it and the browser gets what came."""
    if url is None:
        raise LabError(plan.ui.reason)
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


def _console(path: Path, transcripts: Iterable[str]) -> None:
    """Write what was typed and answered, up to the step that failed."""
    with path.open("w", encoding="utf-8") as file:
        for number, one in enumerate(transcripts):
            file.write(f"\n{one}" if number else one)


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
    path.write_text(text, encoding="utf-8")
