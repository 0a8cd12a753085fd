"""A client project for the lab: the same small program in four languages, with the lab's addresses."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import SpecError
from labctl.kafka.client_settings import client_settings, login_as
from labctl.kafka.console_tools import name_option
from labctl.plan.model import LabPlan
from labctl.rendering.templates import render_template, templates_folder
from labctl.system.files import is_taken, write_files

FOLDER = "example"  # of the templates: a folder for each language, with the files of the project


@dataclass(frozen=True, slots=True)
class Language:
    """A language and its client, as the project's README describes them."""

    name: str
    client: str
    documentation: str
    needs: str
    commands: tuple[str, ...]  # to build and run it


LANGUAGES = {
    "python": Language(
        "Python",
        "kafka-python",
        "https://kafka-python.readthedocs.io",
        "Python 3.10 or newer",
        ("python3 -m venv .venv", ".venv/bin/pip install -e .", ".venv/bin/orders"),
    ),
    "java": Language(
        "Java",
        "kafka-clients",
        "https://kafka.apache.org/documentation/#api",
        "a JDK 17 or newer and Maven",
        ("mvn --quiet compile exec:java",),
    ),
    "node": Language("Node.js", "kafkajs", "https://kafka.js.org", "Node.js 18 or newer", ("npm install", "npm start")),
    "go": Language(
        "Go",
        "franz-go",
        "https://pkg.go.dev/github.com/twmb/franz-go/pkg/kgo",
        "Go 1.26 (Go 1.21 and newer download it)",
        ("go run .",),
    ),
}


def make_example(plan: LabPlan, key: str, user: str | None = None) -> dict[str, str]:
    """Return the files of the project in the language LANGUAGES[key]: {path in its folder: text}.

    The program logs in as `user` (default: the lab's first user). Raises SpecError.
    """
    values = {
        "plan": plan,
        "language": LANGUAGES[key],
        "again": shlex.join(["labctl", "example", *name_option(plan.name), key, "--force", "-o", "."]),
        "status": shlex.join(["labctl", "status", *name_option(plan.name)]),
        "topic": plan.main_topic,
        "bootstrap": list(plan.external_addresses),
        "login": login_as(plan, user),
        "properties": client_settings(plan, "properties", user),
    }
    folder = templates_folder() / FOLDER / key
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.j2"))
    files = {name.removesuffix(".j2"): render_template(f"{FOLDER}/{key}/{name}", **values) for name in names}
    return files | {"README.md": render_template(f"{FOLDER}/README.md.j2", **values)}


def write_example(files: dict[str, str], folder: Path, *, force: bool) -> None:
    """Write the project; other files in its folder stay. Raises SpecError where the folder is not empty, HostError."""
    if is_taken(folder) and not force:
        raise SpecError([f"{folder} exists already"], "--force overwrites the project's files in it")
    write_files(files, folder, "name another folder: -o DIR")


def to_run(key: str, folder: Path) -> str:
    """Return what a person types to build and run the project in `folder`."""
    return " && ".join([f"cd {shlex.quote(str(folder))}", *LANGUAGES[key].commands])
