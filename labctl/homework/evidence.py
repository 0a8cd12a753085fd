"""The folder to hand in: what proves each step of the homework, created on the running lab."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from labctl import report
from labctl.diagnostics.redaction import Redactor, secrets_in
from labctl.errors import LabError, SpecError
from labctl.homework.console_session import FIRST_TOPIC, run_session
from labctl.homework.manifest import MANIFEST, manifest_text, unknown_in
from labctl.homework.notebook import make_notebook, run_notebook, write_notebook
from labctl.homework.screenshots import take_screenshot
from labctl.plan.model import LabPlan
from labctl.rendering.templates import render_template
from labctl.runtime.access import render
from labctl.runtime.base import Runtime
from labctl.runtime.docker.compose_file import COMPOSE_FILE
from labctl.state.store import LabStore
from labctl.state.work_folders import work_folder
from labctl.system.files import file_errors, is_taken, is_there, write_files, write_private
from labctl.system.own_folder import own_folder
from labctl.webui import kafbat
from labctl.webui.http_client import page_text
from labctl.webui.page.access import page_key, screenshot_copy
from labctl.webui.page.process import page_runs

ELSEWHERE = "name another folder: -o DIR"
LINE_PIXELS = 24  # 20, and more for lines that wrap
README = "README.md"
TITLE = "# Kafka homework: evidence\n"
OVERVIEW = "page-overview.png"
TOPIC = "page-topic.png"
STEPS = {  # of the homework: the file that must be complete for it, and its description
    COMPOSE_FILE: "**The cluster**: `{cluster}`, with an explanation of each setting.",
    "console.txt": "**Records written and read in the console**: `console.txt` has each command and its output,"
    " `console.png` is a screenshot of it. The first record contains the id of this run, `{run}`.",
    TOPIC: "**In the web page**: screenshots of the overview and of the topic `{topic}`, with these records on top.",
    "kafka.ipynb": "**From a program**: `kafka.ipynb`, run on this lab, with the output of each cell.",
    "report.html": "**Verified**: `report.html` has the checks, each with its transcript.",
}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of the evidence: what it proves, and why it is missing, if it is."""

    name: str
    proves: str
    missing: str = ""


@dataclass(slots=True)
class _Folder:
    path: Path
    artifacts: list[Artifact] = field(default_factory=list)

    def make(self, name: str, proves: str, make: Callable[[Path], None]) -> None:
        """Create a file. If that fails, keep the reason: the other files are created anyway."""
        try:
            make(self.path / name)
        except LabError as error:
            self.artifacts.append(Artifact(name, proves, "; ".join(filter(None, [error.message, error.hint]))))
        else:
            self.artifacts.append(Artifact(name, proves))


def require_free_target(target: Path, *, force: bool) -> None:
    """Raise SpecError unless `target` is free, or an empty folder, or with `force` earlier evidence; HostError."""
    if Path.cwd().is_relative_to(target.resolve()):
        raise SpecError([f"{target} is the current folder"], ELSEWHERE)
    if not is_taken(target):
        return
    if not force:
        raise SpecError([f"{target} exists already"], "--force replaces it")
    _refuse_what_labctl_did_not_make(target)


def _refuse_what_labctl_did_not_make(target: Path) -> None:
    if unknown := unknown_in(target):
        raise SpecError([f"{target} {unknown}: --force replaces only what labctl evidence wrote"], ELSEWHERE)


def _is_zip(target: Path) -> bool:
    return target.suffix.lower() == ".zip"


def make_evidence(
    plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path, target: Path
) -> tuple[list[Artifact], Path]:
    """Create the folder `target`, or a ZIP file where its name ends with .zip, and return its files, and where it is.

    `in_docker` is the same lab planned for the compose runtime. An earlier `target` is replaced at the end. One that
    was changed meanwhile is kept, and the evidence has another name. Raises HostError.
    """
    with file_errors(target, ELSEWHERE):
        with own_folder(target.parent, create=True):  # no link is followed to it
            target = target.parent.resolve() / target.name
        # beside it, and not hidden: a Chromium that is a snap can read neither /tmp nor hidden folders
        with work_folder(LabStore().root, "evidence", target.parent, ELSEWHERE) as work:
            folder = Path(work, target.stem if _is_zip(target) else target.name)
            folder.mkdir()
            artifacts = _fill(_Folder(folder), plan, in_docker, runtime, reports)
            created = Path(shutil.make_archive(str(folder), "zip", work, folder.name)) if _is_zip(target) else folder
            if is_there(target):
                earlier = Path(work, f"{target.name}.before")
                target.replace(earlier)  # first, so that nothing is added to it while it is examined
                if is_taken(earlier) and unknown_in(earlier):
                    earlier.replace(target)
                    target = _free_name(target)
            created.replace(target)
    return artifacts, target


def _free_name(target: Path) -> Path:
    names = (target.with_stem(f"{target.stem}-{number}") for number in count(2))
    return next(name for name in names if not is_there(name))


def _fill(folder: _Folder, plan: LabPlan, in_docker: LabPlan, runtime: Runtime, reports: Path) -> list[Artifact]:
    topic = plan.main_topic if plan.topics else FIRST_TOPIC
    run = secrets.token_hex(4)
    # a password in kafka.config is not handed in; the settings of a secure node are in a separate file
    hidden = Redactor(secrets_in(dict(plan.broker_config)))
    cluster = {path: hidden.text(text) for path, text in render(in_docker).items()}
    write_files(cluster, folder.path, ELSEWHERE)
    folder.artifacts += [Artifact(name, "the cluster, with an explanation of each setting") for name in cluster]
    folder.make(
        "console.txt",
        "a topic created, records written and read with Kafka's console tools",
        lambda path: _console(path, run_session(plan, runtime, topic, run)),
    )
    folder.make("console.html", "the same, as a page", lambda path: _console_page(plan, path))
    folder.make("console.png", "a screenshot of it", _console_screenshot)
    for name, url in _pages(plan, topic).items():
        proves = f"the web page: {'the whole lab' if name == OVERVIEW else f'{topic} and its records'}"
        folder.make(name, proves, lambda path, url=url: _screenshot(plan, url, path))  # type: ignore[misc]
    folder.make("kafka.ipynb", "records written and read from a program", lambda path: _notebook(plan, path))
    folder.make("report.html", "how the lab came up, and what was checked", lambda path: _report(reports, path))
    complete = {artifact.name for artifact in folder.artifacts if not artifact.missing}
    values = {
        "title": TITLE,
        "plan": plan,
        "artifacts": folder.artifacts,
        "steps": [
            text.format(cluster="`, `".join(cluster), topic=topic, run=run)
            for name, text in STEPS.items()
            if name in complete
        ],
    }
    _write(folder.path / README, render_template("evidence/README.md.j2", **values))
    _write(folder.path / MANIFEST, manifest_text(folder.path))
    return [*folder.artifacts, Artifact(README, "what each file is"), Artifact(MANIFEST, "the checksums of all files")]


def _pages(plan: LabPlan, topic: str) -> dict[str, str | None]:
    url = plan.ui.url
    if url is None:
        return {OVERVIEW: None, TOPIC: None}
    own = (f"{url}/", f"{url}/topics/{topic}")
    overview, records = kafbat.page_addresses(url, plan.name, topic) if plan.ui.kind == "kafbat" else own
    return {OVERVIEW: overview, TOPIC: records}


def _screenshot(plan: LabPlan, url: str | None, path: Path) -> None:
    """A screenshot of a page of the lab. If it requires a key, labctl reads the page and the browser shows the copy."""
    if url is None:
        raise LabError(plan.ui.reason)
    if plan.security and not page_runs(plan):
        raise LabError("the page of the lab is not running", "labctl up starts it")
    key = page_key(plan)
    text = page_text(url, key)  # a browser takes a screenshot of its own error page too
    if key is None:
        take_screenshot(url, path)
        return
    saved = screenshot_copy(plan)
    write_private(saved, text.replace("<head>", f'<head><base href="{plan.ui.url}/">', 1))
    try:
        take_screenshot(saved.as_uri(), path)
    finally:
        saved.unlink()


def _notebook(plan: LabPlan, path: Path) -> None:
    notebook = make_notebook(plan)
    try:
        run_notebook(notebook, path.resolve().parent)
    finally:
        write_notebook(notebook, path)


def _report(reports: Path, path: Path) -> None:
    last = report.read(reports)
    if last is None:
        raise LabError("the lab has no report yet", "labctl check writes one")
    _write(path, report.FORMATS["html"](last))


def _console(path: Path, transcripts: Iterable[str]) -> None:
    """Write the transcripts, up to the step that failed."""
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(transcripts):
            file.write(f"\n{text}" if number else text)


def _console_page(plan: LabPlan, path: Path) -> None:
    text = _existing(path.with_suffix(".txt")).read_text(encoding="utf-8")
    _write(path, render_template("evidence/console.html.j2", plan=plan, text=text))


def _console_screenshot(path: Path) -> None:
    source = _existing(path.with_suffix(".html"))
    lines = source.read_text(encoding="utf-8").count("\n")
    take_screenshot(source.as_uri(), path, height=max(1000, lines * LINE_PIXELS))


def _existing(source: Path) -> Path:
    if not source.exists():
        raise LabError(f"there is no {source.name}")
    return source


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
